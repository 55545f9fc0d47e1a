"""Sets made of other sets: some of the classes, another size."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ganetic.data.fit import fitted
from ganetic.data.image_set import MAX_SIDE, Annotations, ImageSet, annotations, checked_pixels, finished, sized_name
from ganetic.data.raw import RawImages
from ganetic.errors import UserError, unknown


def select_classes(raw: RawImages, classes: Sequence[str]) -> RawImages:
    """Keep the images of some classes; of a single one the set has no labels left.

    Args:
        raw: the set.
        classes: names of its classes; or their numbers from 0 on, where no class has a number as its name.

    Raises:
        UserError: the set has no such class or no labels, or too few images are left.
    """
    known = raw.known
    if known.labels is None:
        raise UserError(f"{known.name}: has no labels, so that no classes can be picked; leave classes out")
    if not classes:
        raise UserError(f"{known.name}: no classes are named; expected some of {', '.join(known.class_names)}")
    kept = np.isin(known.labels, [class_number(known, name) for name in classes])
    where = f"{known.name}: classes {', '.join(classes)}"
    chosen = annotations(
        known.name,
        where,
        int(kept.sum()),
        known.labels[kept],
        known.class_names,
        None if known.split is None else known.split[kept],
        None if known.groups is None else known.groups[kept],
    )
    checked_pixels(where, raw.pixels[kept])
    return raw.of_some(kept, chosen)


def class_number(known: Annotations, name: str) -> int:
    """Return the number of a class by its name; or by its number, where no class has a number as its name.

    Raises:
        UserError: there is no such class.
    """
    if name in known.class_names:
        return known.class_names.index(name)
    numbered = not any(one.isdecimal() for one in known.class_names)
    if numbered and name in map(str, range(len(known.class_names))):
        return int(name)
    raise unknown("class", name, known.class_names, known.name)


def refuse_bad_size(name: str, size: int) -> None:
    """Refuse a size that images cannot be resized to.

    Raises:
        UserError: it is not in 1 … 1024.
    """
    if not 1 <= size <= MAX_SIDE:
        raise UserError(f"{name}: cannot be resized to {size} pixels a side; expected 1 to {MAX_SIDE}")


def resize(images: ImageSet, size: int) -> ImageSet:
    """Resize images with Lanczos' filter, which Pillow widens where images get smaller, so that nothing aliases.

    Args:
        images: the set; it is returned itself where it has that size.
        size: side in pixels.

    Raises:
        UserError: it is not in 1 … 1024.
    """
    refuse_bad_size(images.name, size)
    if images.images.shape[1] == size:
        return images
    pixels: NDArray[np.uint8] = np.stack([fitted(picture, size).astype(np.uint8) for picture in images.images])
    known = replace(images.annotations, name=sized_name(images.name, size))
    return finished(known, pixels, images.notes, images.source)
