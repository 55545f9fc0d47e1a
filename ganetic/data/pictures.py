"""One picture, as a file holds it: what every reader of files gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture out of a file: a page of a TIFF, a frame of a DICOM file, a slice of a volume.

    Attributes:
        pixels: ``(H, W)`` grey or ``(H, W, 3)`` colour. uint8 is ready to be shown; any other real type holds finite
            values in units of the file, and needs a window.
        window: (low, high) in units of the file, the window that the file itself asks for; None where it asks for none.
        inverted: whether low values are to be shown white, as DICOM's MONOCHROME1 wants; never for uint8.
        group: what the file says of whom the picture is, such as a patient's identifier; None where it says nothing.
            It is used to tell groups apart, and kept nowhere.
    """

    pixels: NDArray[np.generic]
    window: tuple[float, float] | None = None
    inverted: bool = False
    group: str | None = None
