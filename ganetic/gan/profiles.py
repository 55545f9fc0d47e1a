"""Which random changes leave an image of a kind what it is: plain data for `ganetic.gan.diffaugment`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ganetic.config import Config
from ganetic.errors import UserError, unknown

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


Kind = Literal["none", "fixed", "ada"]

STRENGTH = 0.6
"""Probability of each change of an image; chosen, not tuned. With 2,000 images ADA's authors find strong augmentation
best, and 0.8 safe from changes that show in what G draws (sections 2.2 and 2.3 there)."""
SAFE = 0.8
"""Above this probability G may draw changed images, whatever the set (Karras et al., https://arxiv.org/abs/2006.06676,
section 2.2)."""
TARGET = 0.6
"""Area under the curve above which D counts as knowing its images by heart."""
ADAPTATION_IMAGES = 500_000
"""Real images in which p rises from 0 to 1, as in ADA's section 3."""
LEAST_ADAPTATION = 1_000
"""In fewer images nothing could be averaged before p has moved."""


class AugmentationSpec(Config):
    """What changes the images that D sees, real and generated ones alike, and how often.

    Single changes may be written out. They take the place of the profile's, or are all there is where no profile is
    named.
    """

    profile: ProfileName = "none"
    """The kind of the images. Meant for sets of fewer than 2,000; more images are better left as they are."""
    kind: Kind | None = None
    """How p is found, the probability of each change of an image. ``none``: nothing changes. ``fixed``: p stays what it
    is. ``ada``: p follows how well D knows its images by heart, see `ganetic.gan.ada`. Left out, p is fixed where there
    is a profile or a change, and nothing changes elsewhere."""
    p: Annotated[float, Field(ge=0, le=1)] = STRENGTH
    """Probability of each change of an image, where it is fixed."""
    target: Annotated[float, Field(gt=0.5, lt=1)] = TARGET
    """With ``ada``: p rises where D ranks training images above held-out ones more often than this, and falls where it
    does so less often. One half is no memory, 1 a perfect one."""
    adaptation_images: Annotated[int, Field(ge=LEAST_ADAPTATION, le=10**9)] = ADAPTATION_IMAGES
    """With ``ada``: real images in which p rises from 0 to 1 at the fastest. The default is the paper's, for trainings
    of millions of images. About half the images of a short training, ``steps`` times ``batch``, let p get anywhere."""
    cap: Annotated[float, Field(gt=0, le=1)] = SAFE
    """With ``ada``: the largest p."""
    mirror: bool | None = None
    """Left and right are exchanged, or not, with equal probability. This key and those below are as the profile has
    them, unless they are given."""
    quarter_turns: bool | None = None
    """Turns by 0, 90, 180 or 270 degrees with equal probability."""
    scale: Amount | None = None
    """Octaves, either way: 0.2 makes an image up to 1.15 times as large, or as small."""
    stretch: Amount | None = None
    """Octaves, either way, of width against height."""
    degrees: Degrees | None = None
    """Rotation, either way."""
    shift: Amount | None = None
    """Across and down, each either way, as a share of the side."""
    brightness: Amount | None = None
    """What is added, either way; black is −1 and white 1."""
    contrast: Amount | None = None
    """Octaves, either way, of the factor that follows."""
    saturation: Amount | None = None
    """Octaves, either way; of colour images alone."""
    hue_degrees: Degrees | None = None
    """Turns of the colours, either way; of colour images alone."""
    cutout: Amount | None = None
    """The largest side of a square that becomes mid-grey, as a share of the image's."""

    @model_validator(mode="after")
    def _keys_of_the_kind(self) -> Self:
        for key, kind in _MEANT_FOR.items():
            if key in self.model_fields_set and self.resolved_kind != kind:
                ours = self.resolved_kind
                raise ValueError(
                    f'"{key}" means nothing where kind is "{ours}", only where it is "{kind}"; leave it out'
                )
        if self.resolved_kind != "none" and self.changes == Profile():
            names = ", ".join(PROFILES)
            raise ValueError(
                f'kind is "{self.kind}", and no change is named; name a profile ({names}) or a change such as scale'
            )
        return self

    @model_serializer(mode="wrap")
    def _what_says_something(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the rest: configurations from before it was there stay what they were."""
        said = {"profile", *self.written_out, *(["p"] if self.kind is None and self.p != STRENGTH else [])}
        if self.kind is not None:
            said |= {"kind", *(key for key, kind in _MEANT_FOR.items() if kind == self.kind)}
        return {key: value for key, value in plain(self).items() if key in said}

    @property
    def resolved_kind(self) -> Kind:
        """How p is found, also where no kind is named."""
        if self.kind is not None:
            return self.kind
        return "none" if self.profile == "none" and not self.written_out else "fixed"

    @property
    def written_out(self) -> dict[str, bool | float]:
        """The single changes that stand in the configuration, by name; those that are off are among them."""
        named = {name: getattr(self, name) for name in Profile.model_fields}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def changes(self) -> Profile:
        """The changes of the profile, with those written out in their place."""
        return PROFILES.get(self.profile, Profile()).model_copy(update=self.written_out)

    @property
    def highest(self) -> float:
        """The largest p that there may be."""
        return {"none": 0.0, "fixed": self.p, "ada": self.cap}[self.resolved_kind]


_MEANT_FOR: dict[str, Kind] = {"p": "fixed", "target": "ada", "adaptation_images": "ada", "cap": "ada"}
_COLOURS = ("saturation", "hue_degrees")
_ANATOMY = {
    ("xray", "mirror"): "a mirrored chest has its heart on the right, as in situs inversus, and its markers reversed",
    ("xray", "quarter_turns"): "a turned chest lies on its side or on its head, as none is taken",
    ("fundus", "quarter_turns"): "a turned eye has its vessels' arcades at the sides, as none has",
}
"""What a change that a profile leaves out for a reason does to the images."""


def notes_on(spec: AugmentationSpec, channels: int) -> tuple[str, ...]:
    """What whoever trains should know of an augmentation, a sentence each.

    Args:
        spec: the augmentation.
        channels: of the images, 1 or 3.

    Raises:
        UserError: a change of colours is written out, and the images are grey.
    """
    if spec.resolved_kind == "none":
        return ()
    colours = [name for name in _COLOURS if channels == 1 and getattr(spec.changes, name)]
    if bad := [name for name in colours if name in spec.written_out]:
        raise UserError(f"augmentation.{bad[0]} changes colours, and the images are grey; leave it out")
    notes = [
        f'augmentation "{name}" of "{profile}" images: {what}; G may draw such images where p is above {SAFE}'
        for (profile, name), what in _ANATOMY.items()
        if profile == spec.profile and spec.written_out.get(name)
    ]
    if colours:
        notes.append(f'augmentation "{spec.profile}": {" and ".join(colours)} do nothing to grey images')
    if spec.highest > SAFE:
        notes.append(f"augmentation with p up to {spec.highest:g}: above {SAFE} G may draw changed images")
    return tuple(notes)
