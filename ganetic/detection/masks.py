"""Where anomalies are: masks beside a folder of images, and how well heat maps find them."""

from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import label, zoom

from ganetic.data import Indices
from ganetic.data.source import Source
from ganetic.data.sources.folder import files_of
from ganetic.errors import UserError

FOLDER = "masks"
MOST_FALSE = 0.3
"""Share of normal pixels up to which the curve is integrated, as in Bergmann et al."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Masks:
    """Where anomalies are in some of the test images.

    Attributes:
        known: indices of the test images that a mask is known of; normal images have an empty one.
        areas: bool ``(K, H, W)``.
        missing: anomalous test images without a mask.
    """

    known: Indices
    areas: Flags
    missing: int

    def aupro(self, maps: NDArray[np.float64]) -> float:
        """Return the area under the per-region overlap of heat maps ``(K, h, w)``, resized to the masks."""
        ratio = (1, self.areas.shape[1] / maps.shape[1], self.areas.shape[2] / maps.shape[2])
        return aupro(self.areas, zoom(maps, ratio, order=1, mode="nearest", grid_mode=True))


def find_masks(data: str, count: int, side: int, test: Indices, anomalous: Flags) -> Masks | None:
    """Find the masks of the images of a folder: files of the same path below ``masks`` beside it.

    Args:
        data: name of the set.
        count: images in it.
        side: of its images in pixels.
        test: indices of test images ``(T,)``.
        anomalous: bool ``(T,)``, which of them are not normal; only these have masks.

    Returns:
        None where it is no folder, has no masks beside it, or none of an anomalous test image.

    Raises:
        UserError: a mask is of another size, or files cannot be matched with images.
    """
    source = Source.parse(data)
    root = Path(source.place).expanduser()
    beside = root.parent / FOLDER
    if source.kind != "folder" or not beside.is_dir():
        return None
    files = files_of(root)
    if len(files) != count:
        raise UserError(
            f"{beside}: masks go with one image a file, but {len(files)} files have {count} images; expected as many; "
            "move the masks elsewhere, or write the images into files of their own"
        )
    known, areas = [], []
    for place, (number, is_anomalous) in enumerate(zip(test, anomalous, strict=True)):
        mask = _mask_of(beside / files[number]) if is_anomalous else None
        if mask is not None or not is_anomalous:
            known.append(place)
            areas.append(np.zeros((side, side), np.bool_) if mask is None else _read(mask, side))
    if not np.any(areas):
        return None
    missing = int(anomalous.sum() - anomalous[known].sum())
    return Masks(np.array(known), np.stack(areas), missing)


def aupro(masks: Flags, maps: NDArray[np.float64], most_false: float = MOST_FALSE) -> float:
    """Return the area under the curve of per-region overlap against the false positive rate, in [0, 1].

    Bergmann et al., The MVTec Anomaly Detection Dataset, International Journal of Computer Vision 129, 2021: at each
    threshold the overlap is the mean, over all connected regions of all masks, of the share of the region that lies
    above; the false positive rate is the share of other pixels that does. The curve is integrated up to a rate of 0.3
    and divided by 0.3. Pixels of equal value fall together.

    Args:
        masks: bool ``(K, H, W)``, with one region or more.
        maps: float ``(K, H, W)``, the higher, the more anomalous.
        most_false: the rate up to which it is integrated.
    """
    shares = _shares_of_regions(masks).ravel()
    values, normal = maps.ravel(), ~masks.ravel()
    order = np.argsort(-values, kind="stable")
    last = np.append(np.diff(values[order]) != 0, True)
    rates = np.concatenate([[0.0], (normal[order].cumsum() / normal.sum())[last]])
    overlaps = np.concatenate([[0.0], shares[order].cumsum()[last]])
    end = np.interp(most_false, rates, overlaps)
    inside = rates < most_false
    area = np.trapezoid(np.append(overlaps[inside], end), np.append(rates[inside], most_false))
    return float(area / most_false)


def _shares_of_regions(masks: Flags) -> NDArray[np.float64]:
    """How much each pixel adds to the mean overlap of all regions."""
    shares, regions = np.zeros(masks.shape), 0
    for place, mask in enumerate(masks):
        numbers, found = label(mask, np.ones((3, 3)))
        sizes = np.bincount(numbers.ravel(), minlength=found + 1)
        shares[place][mask] = 1 / sizes[numbers[mask]]
        regions += found
    return shares / regions


def _mask_of(image: Path) -> Path | None:
    """The file of an image's name, whatever its suffix."""
    return next(iter(sorted(image.parent.glob(f"{escape(image.stem)}.*"))), None)


def _read(path: Path, side: int) -> Flags:
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable mask ({str(error)[:80]}); expected a picture") from None
    if pixels.shape != (side, side):
        height, width = pixels.shape
        raise UserError(
            f"{path}: a mask of {width}×{height} pixels, but its image has {side}×{side}; expected equal sizes; resize "
            "the masks, or move them elsewhere"
        )
    return pixels > 0
