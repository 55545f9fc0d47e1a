"""Which random changes leave an image of a kind what it is: plain data for `ganetic.gan.diffaugment`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ganetic.config import Config
from ganetic.errors import unknown

Amount = Annotated[float, Field(ge=0, le=1)]
Degrees = Annotated[float, Field(ge=0, le=180)]


class Profile(Config):
    """Which changes leave an image of a kind what it is, and how far they go; 0 and false are off."""

    mirror: bool = False
    """Left and right are exchanged, or not, with equal probability."""
    quarter_turns: bool = False
    """Turns by 0, 90, 180 or 270 degrees with equal probability; they join the rotation below."""
    scale: Amount = 0.0
    """Octaves, either way: 0.2 makes an image up to 2^0.2 = 1.15 times as large, or as small."""
    stretch: Amount = 0.0
    """Octaves, either way, of width against height; the area stays."""
    degrees: Degrees = 0.0
    """Rotation, either way."""
    shift: Amount = 0.0
    """Across and down, each either way, as a share of the side; any fraction of a pixel."""
    brightness: Amount = 0.0
    """What is added, either way; black is −1 and white 1."""
    contrast: Amount = 0.0
    """Octaves, either way, of the factor that follows; mid-grey, 0, stays."""
    saturation: Amount = 0.0
    """Octaves, either way, of each colour's distance from the grey of equal luma (the mean of red, green and blue)."""
    hue_degrees: Degrees = 0.0
    """Turns of the colours, either way, about the grey axis; luma stays."""
    cutout: Amount = 0.0
    """The largest side of a square that becomes mid-grey, as a share of the image's; its centre is anywhere inside."""


PROFILES: dict[str, Profile] = {
    # The heart is on one side and patients stand upright; the ribs' width and the exposure vary.
    "xray": Profile(scale=0.15, stretch=0.05, degrees=7, shift=0.08, brightness=0.2, contrast=0.3, cutout=0.4),
    # A slide has no up and no left; stains vary in strength and a little in colour.
    "histology": Profile(
        mirror=True,
        quarter_turns=True,
        scale=0.2,
        stretch=0.1,
        degrees=45,
        shift=0.125,
        brightness=0.15,
        contrast=0.3,
        saturation=0.3,
        hue_degrees=6,
        cutout=0.5,
    ),
    # A mirrored right eye is a left one; none is upside down. Colour is of pigment and disease: little of it changes.
    "fundus": Profile(
        mirror=True,
        scale=0.1,
        stretch=0.03,
        degrees=15,
        shift=0.05,
        brightness=0.15,
        contrast=0.3,
        saturation=0.3,
        hue_degrees=5,
        cutout=0.4,
    ),
    "natural": Profile(
        mirror=True,
        scale=0.25,
        stretch=0.1,
        degrees=10,
        shift=0.125,
        brightness=0.2,
        contrast=0.5,
        saturation=0.5,
        hue_degrees=20,
        cutout=0.5,
    ),
}
"""Kinds of images, by name."""


def _known(name: object) -> object:
    if isinstance(name, str) and name not in {"none", *PROFILES}:
        raise ValueError(str(unknown("augmentation profile", name, ["none", *PROFILES])))
    return name


ProfileName = Annotated[Literal["none", "xray", "histology", "fundus", "natural"], BeforeValidator(_known)]
"""A name of `PROFILES`, or none."""


class AugmentationSpec(Config):
    """What changes the images that D sees, real and generated ones alike."""

    profile: ProfileName = "none"
    """The kind of the images. Meant for sets of fewer than 2,000; more images are better left as they are."""
