"""Pictures that Pillow reads: PNG, JPEG, TIFF and their like."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from ganetic.data.picture_format import FORMATS, PictureFormat, Plane
from ganetic.data.pictures import Picture
from ganetic.data.raw import is_grey
from ganetic.errors import UserError

SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jp2", ".j2k", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
MOST_PIXELS = 2**27
"""Pixels of all pages of a file together: half a GiB of float32."""
_PAGED = ("GIF", "PNG", "TIFF", "WEBP")
"""Formats whose pages are pictures. A second picture inside a JPEG is a camera's preview."""
_NEW_SUBFILE_TYPE, _REDUCED = 254, 1
"""TIFF 6.0, section 8: bit 0 marks a page that is a smaller copy of another one."""


def read_raster(file: Path) -> list[Picture]:
    """Read all pages of a TIFF, all frames of an animation, or the one picture that a file holds.

    Grey pictures of more than 8 bits keep their values; colour pictures of 16 bits a channel are cut to 8 bits, as
    Pillow reads them. An alpha channel is dropped, the EXIF orientation is applied, and colour pictures whose channels
    are equal become grey. Copies in a lower resolution inside a TIFF are no pages.

    Raises:
        UserError: it cannot be read to its end, or would need more memory than 1 GiB.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of damaged EXIF or of palettes with transparency, which harm nothing; of bombs it warns, too.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with _muted(), Image.open(file) as image:
                return [Picture(page) for page in _pages(image, file)]
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UserError(
            f"{file}: more pixels than Pillow reads without suspicion ({Image.MAX_IMAGE_PIXELS}); make it smaller"
        ) from None
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - on damaged files Pillow's plugins raise whatever goes wrong inside them
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"{file}: not a readable picture ({reason}); replace it, or take it out") from None


@contextmanager
def _muted() -> Iterator[None]:
    """Keep from the terminal what libtiff prints past Python of a damaged file: the error that follows says enough."""
    try:
        kept = os.dup(2)
    except OSError:  # a service without a terminal may have closed it
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _pages(image: Image.Image, file: Path) -> Iterator[NDArray[np.generic]]:
    count = getattr(image, "n_frames", 1) if image.format in _PAGED else 1
    total = 0
    for number in range(count):
        image.seek(number)
        if image.format == "TIFF" and image.tag_v2.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED:  # type: ignore[attr-defined]
            continue
        total += image.width * image.height
        if total > MOST_PIXELS:
            raise UserError(f"{file}: its {count} pages have more than {MOST_PIXELS} pixels; split it into files")
        yield _pixels(image, file)


def _pixels(image: Image.Image, file: Path) -> NDArray[np.generic]:
    # Copies are made where they must be: a large picture takes a third of a GiB each time.
    upright = image if image.getexif().get(ExifTags.Base.Orientation, 1) == 1 else ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        values = np.asarray(upright)
        if not np.isfinite(values).all():
            raise UserError(f"{file}: holds values that are not finite; replace them")
        return values.astype(values.dtype.newbyteorder("="))
    if upright.mode in ("1", "L", "LA", "La"):
        return np.asarray(upright.convert("L"), dtype=np.uint8)
    colour = np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB"), dtype=np.uint8)
    return colour[..., 1] if is_grey(colour) else colour


@FORMATS.register("raster")
class Raster(PictureFormat):
    """What Pillow reads."""

    shown = ", ".join(SUFFIXES)
    suffixes = SUFFIXES

    def read(self, file: Path, plane: Plane) -> list[Picture]:  # noqa: ARG002 - it holds no volume
        """Read a file as `read_raster` describes."""
        return read_raster(file)
