"""Sets made of other sets: some of the classes, another size."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganetic.data.image_set import MAX_SIDE, ImageSet, image_set
from ganetic.errors import UserError, unknown


def select_classes(images: ImageSet, classes: Sequence[str]) -> ImageSet:
    """Keep the images of some classes; of a single one the set has no labels left.

    Args:
        images: the set.
        classes: names of its classes; or their numbers from 0 on, where no class has a number as its name.

    Raises:
        UserError: the set has no such class or no labels, or too few images are left.
    """
    if images.labels is None:
        raise UserError(f"{images.name}: has no labels, so that no classes can be picked; leave classes out")
    if not classes:
        raise UserError(f"{images.name}: no classes are named; expected some of {', '.join(images.class_names)}")
    kept = np.isin(images.labels, [_class_number(images, name) for name in classes])
    chosen = image_set(
        images.name,
        f"{images.name}: classes {', '.join(classes)}",
        images.images[kept],
        images.labels[kept],
        images.class_names,
        None if images.split is None else images.split[kept],
        None if images.groups is None else images.groups[kept],
    )
    return replace(chosen, note=images.note)


def _class_number(images: ImageSet, name: str) -> int:
    if name in images.class_names:
        return images.class_names.index(name)
    numbered = not any(known.isdecimal() for known in images.class_names)
    if numbered and name in map(str, range(len(images.class_names))):
        return int(name)
    raise unknown("class", name, images.class_names, images.name)


def resize(images: ImageSet, size: int) -> ImageSet:
    """Resize images with Lanczos' filter, which Pillow widens where images get smaller, so that nothing aliases.

    Args:
        images: the set; it is returned itself where it has that size.
        size: side in pixels.

    Raises:
        UserError: it is not in 1 … 1024.
    """
    if not 1 <= size <= MAX_SIDE:
        raise UserError(f"{images.name}: cannot be resized to {size} pixels a side; expected 1 to {MAX_SIDE}")
    if images.images.shape[1] == size:
        return images
    pixels = np.stack([_resized(picture, size) for picture in images.images])
    name = f"{images.name[:36]}-{size}"
    resized = image_set(name, name, pixels, images.labels, images.class_names, images.split, images.groups)
    return replace(resized, note=images.note)


def _resized(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    grey = picture.shape[2] == 1
    image = Image.fromarray(picture[..., 0] if grey else picture)
    small = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS), dtype=np.uint8)
    return small[..., np.newaxis] if grey else small
