"""Pictures within a page: small ones, as data URIs, of the user's own run alone."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_QUALITIES = (90, 75, 50)
"""Of WebP, where a picture is too large without loss."""


@dataclass(frozen=True)
class Picture:
    """A picture as a page holds it.

    Attributes:
        uri: its data.
        width: in pixels.
        height: in pixels.
        exact: whether every pixel is as it was.
    """

    uri: str
    width: int
    height: int
    exact: bool


def opened(source: Path | bytes) -> Image.Image | None:
    """Read a PNG into memory; None where it is none, or is gone."""
    try:
        with Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=("PNG",)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def embedded(image: Image.Image, most_bytes: int) -> Picture:
    """Write a picture as WebP: without loss where it is small enough, else with some loss, else smaller, too.

    Args:
        image: in RGB.
        most_bytes: of the data URI; a picture of a few pixels may take more.
    """
    attempts = _attempts(image)
    picture = next(attempts)
    while len(picture.uri) > most_bytes:
        smaller = next(attempts, None)
        if smaller is None:
            break
        picture = smaller
    return picture


def _attempts(image: Image.Image) -> Iterator[Picture]:
    """The picture in ever fewer bytes."""
    yield Picture(_webp(image, lossless=True, quality=60), *image.size, exact=True)
    while True:
        for quality in _QUALITIES:
            yield Picture(_webp(image, lossless=False, quality=quality), *image.size, exact=False)
        if max(image.size) <= 16:  # nothing is to be seen of less
            return
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.BOX)


def _webp(image: Image.Image, lossless: bool, quality: int) -> str:
    file = io.BytesIO()
    image.save(file, format="webp", lossless=lossless, quality=quality, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
