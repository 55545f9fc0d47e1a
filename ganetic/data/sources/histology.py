"""``histology``: crops of a stained slide out of scikit-image's wheel; no file to bring, no network."""

import numpy as np
from numpy.typing import NDArray

from ganetic.data.data_source import DATA, DataRequest, DataSource, Origin
from ganetic.data.raw import RawImages, raw_images

CROP = 64
"""Side of a crop of the slide, in pixels."""
STRIDE = 8
TILE = 128
"""Side of the tiles, of a slide of 512 × 512 pixels, that no crop crosses."""
HELD_OUT = (3, 0, 1, 2)
"""The column of the held-out tile in each row of tiles: of the 24 ways to hold one out in every row and column the one
whose crops are most like the others, by the Fréchet distance of `ganetic.metrics`. Most ways, and the lowest
quarter, hold out another tissue than they train on."""
HISTOLOGY_NOTE = "histology is one slide of one person: good for a demonstration, and for no statement about tissue"

ORIGIN = Origin(
    "no known copyright restrictions",
    "the slide immunohistochemistry of scikit-image, from the Center for Microscopy And Molecular Imaging (CMMI)",
)
"""As scikit-image's documentation has it."""


def histology() -> RawImages:
    """Crops of 64×64 pixels of one stained slide: colonic glands, from the Center for Microscopy And Molecular Imaging.

    The slide is ``immunohistochemistry`` of scikit-image, 512×512, cut into 16 tiles of 81 crops, which overlap. Those
    of four tiles are held out, and share no pixel with a training crop. It is one slide of one person: good for a
    demonstration, and for nothing that could be said of tissue.
    """
    from skimage.data import immunohistochemistry  # noqa: PLC0415  (takes a second to import)

    slide = np.asarray(immunohistochemistry(), dtype=np.uint8)  # type: ignore[no-untyped-call]
    rows, columns = slide.shape[0] // TILE, slide.shape[1] // TILE
    tiles = slide.reshape(rows, TILE, columns, TILE, -1).swapaxes(1, 2)
    crops = np.stack([[_crops(tile) for tile in row] for row in tiles])
    split = np.zeros(crops.shape[:3], np.int64)
    split[np.arange(rows), HELD_OUT] = 1
    flat = crops.reshape(-1, CROP, CROP, 3)
    return raw_images("histology", "histology", flat, split=split.ravel(), notes=(HISTOLOGY_NOTE,))


def _crops(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All crops of a tile at a stride, row by row, ``(N, 64, 64, 3)``."""
    windows = np.lib.stride_tricks.sliding_window_view(tile, (CROP, CROP), axis=(0, 1))[::STRIDE, ::STRIDE]
    return windows.transpose(0, 1, 3, 4, 2).reshape(-1, CROP, CROP, 3)


@DATA.register("histology")
class Histology(DataSource):
    """Crops of a stained slide."""

    def read(self, wanted: DataRequest) -> RawImages:  # noqa: ARG002 - there is one such set
        """Read them."""
        return histology()

    def origin(self, wanted: DataRequest) -> Origin:  # noqa: ARG002 - there is one such set
        """Return what its makers say."""
        return ORIGIN
