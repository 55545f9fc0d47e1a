"""Differentiable augmentation: the discriminator sees real and generated images through the same random changes.

A discriminator soon knows a few hundred images by heart. Changing only the real ones gives it more of them, but teaches
the generator to draw changed images. Here everything that D judges is changed, and G learns through the change (Zhao et
al., DiffAugment, https://arxiv.org/abs/2006.10738). Each change happens to an image with a probability, the strength.
Where it is well below 1, what the images were before can be told from all that they became, and G has no reason to draw
changed ones (Karras et al., ADA, https://arxiv.org/abs/2006.06676, section 2.2).

The changes are those of ADA's appendix B that a medical image survives, in its order: geometry, colour, cutout. Our
deviations from it:

- The ranges are bounded and smaller. Every amount is uniform in its range (scale, contrast and saturation in octaves),
  where ADA has normal distributions.
- The one rotation follows the stretch, where ADA has one before it and one after it.
- Images are sampled bilinearly, without ADA's wavelet filter. That blurs what moves by half a pixel, and aliases only
  where an image shrinks by much more than any profile lets it.
- There is no noise, no filtering in frequency bands and no inversion of brightness.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ganetic.gan.profiles import STRENGTH, Profile
from ganetic.gan.step import Images

_CHANGES = (
    "mirror",
    "quarter_turns",
    "scale",
    "stretch",
    "degrees",
    "shift",
    "brightness",
    "contrast",
    "saturation",
    "hue_degrees",
    "cutout",
)
"""The rows of an image's random numbers, by the fields of `Profile`."""


def random_numbers(count: int, stream: torch.Generator) -> Tensor:
    """Draw what decides the changes of images: as many numbers for each image, whatever its profile and strength.

    Returns:
        Uniform in [0, 1), float64 ``(count, 11, 4)`` on the CPU: for each change one that decides whether it happens,
        and up to three that say how.
    """
    return torch.rand(count, len(_CHANGES), 4, generator=stream, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Augmentation:
    """The changes of one batch, drawn: a function of images that changes the n-th one always in the same way.

    It is affine in the images and can be differentiated twice, for R1 and the gradient penalty. On a CPU it repeats bit
    for bit; on CUDA the order of sums in the gradient of `grid_sample` does not.

    Attributes:
        matrices: ``(N, 2, 3)``, from a place in the changed image to one in the given image. Places are (right, down)
            of the centre in units of half a side, as `affine_grid` has them.
        colours: ``(N, 3, 4)``, from (red, green, blue, 1) to (red, green, blue). Grey stays grey.
        squares: ``(N, 3)``: right and down of the centre of what is cut out, and half of its side, in the same units.
    """

    matrices: Tensor
    colours: Tensor
    squares: Tensor

    @staticmethod
    def of(profile: Profile, numbers: Tensor, strength: float = STRENGTH) -> "Augmentation":
        """Read random numbers as changes.

        Args:
            profile: which changes, and how far they go.
            numbers: of `random_numbers`, or those of some of the images.
            strength: in [0, 1], the probability of each change of an image. At 0 no bit of an image changes.
        """
        happens = numbers[..., :1] < strength
        # In (−1, 1), and 0 for what does not happen: no change.
        swings = torch.where(happens, 2 * numbers[..., 1:] - 1, 0.0)
        by_change = dict(zip(_CHANGES, swings.unbind(1), strict=True))
        size, centre = by_change["cutout"][:, :1].abs(), by_change["cutout"][:, 1:]
        return Augmentation(
            _matrices(profile, by_change),
            _colours(profile, by_change),
            torch.cat([centre, profile.cutout * size], 1),
        )

    def __call__(self, images: Images) -> Images:
        """Change images; nothing is clamped, so that brightness and contrast may lead out of [−1, 1].

        Args:
            images: ``(N, C, S, S)`` with 1 or 3 channels, on any device, in any memory format; or a pyramid, whose
                levels are changed alike. Half precision is lifted to float32: in it places would be off by pixels.

        Raises:
            ValueError: they are of another number, not square, or of other channels.
        """
        if isinstance(images, tuple):
            return tuple(self._change(level) for level in images)
        return self._change(images)

    def _change(self, images: Tensor) -> Tensor:
        count, channels, height, width = images.shape
        if count != len(self.matrices) or height != width or channels not in (1, 3):
            raise ValueError(
                f"images of shape {tuple(images.shape)}; expected ({len(self.matrices)}, 1 or 3, S, S), as drawn for"
            )
        with torch.autocast(images.device.type, enabled=False):
            lifted = images if images.dtype == torch.float64 else images.float()
            changed = self._cut(self._coloured(self._moved(lifted)))
        if images.is_contiguous(memory_format=torch.channels_last):
            return changed.contiguous(memory_format=torch.channels_last)
        return changed

    def _moved(self, images: Tensor) -> Tensor:
        still = (self.matrices == torch.eye(2, 3, dtype=self.matrices.dtype)).all(2).all(1)
        grid = F.affine_grid(self.matrices.to(images), list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        if not bool(still.any()):  # the choice below takes half as long as sampling
            return moved
        # Places are rounded: an image that does not move would lose its last bits.
        return torch.where(still.to(images.device).view(-1, 1, 1, 1), images, moved)

    def _coloured(self, images: Tensor) -> Tensor:
        if images.shape[1] == 1:  # a grey colour goes to a grey colour, the same in every row
            factors = self.colours[:, 0, :3].sum(1).to(images)
            return images * factors.view(-1, 1, 1, 1) + self.colours[:, 0, 3].to(images).view(-1, 1, 1, 1)
        colours = self.colours.to(images)
        return torch.baddbmm(colours[:, :, 3:], colours[:, :, :3], images.flatten(2)).view(images.shape)

    def _cut(self, images: Tensor) -> Tensor:
        """Multiply by the share of each pixel that is left, so that all scales of a pyramid lose the same area."""
        side = images.shape[3]
        squares = self.squares.to(images)
        edges = torch.linspace(-1, 1, side + 1, dtype=images.dtype, device=images.device)
        first, last = squares[:, :2] - squares[:, 2:], squares[:, :2] + squares[:, 2:]
        ends = torch.minimum(last.unsqueeze(2), edges[1:]) - torch.maximum(first.unsqueeze(2), edges[:-1])
        across, down = (ends * side / 2).clamp(0, 1).unbind(1)
        return images * (1 - down.unsqueeze(2) * across.unsqueeze(1)).unsqueeze(1)


def draw_both(
    profile: Profile,
    count: int,
    stream: torch.Generator,
    part: Callable[[Tensor], Tensor] = lambda batch: batch,
    strength: float = STRENGTH,
) -> tuple[Augmentation, Augmentation]:
    """Draw the changes of a step's real and of its generated images.

    Args:
        profile: which changes, and how far they go.
        count: of the images of each kind.
        stream: a CPU generator; what is taken from it depends on the count alone.
        part: picks a process's share of a batch ``(count, …)`` that several work on.
        strength: in [0, 1], the probability of each change of an image.
    """
    real, generated = (part(random_numbers(count, stream)) for _ in range(2))
    return Augmentation.of(profile, real, strength), Augmentation.of(profile, generated, strength)


def _matrices(profile: Profile, swings: Mapping[str, Tensor]) -> Tensor:
    """Inverses of: mirror, then scale and stretch, then turn, then shift."""
    mirrored = (swings["mirror"][:, 0] > 0) & profile.mirror
    # Rounded, ±2 are half as frequent as −1, 0 and 1, and both are half a turn.
    turns = (2 * swings["quarter_turns"][:, 0]).round() * profile.quarter_turns
    angle = turns * (math.pi / 2) + math.radians(profile.degrees) * swings["degrees"][:, 0]
    scale, stretch = profile.scale * swings["scale"][:, 0], profile.stretch * swings["stretch"][:, 0] / 2
    across, down = torch.exp2(-scale - stretch), torch.exp2(-scale + stretch)
    across = torch.where(mirrored, -across, across)
    cosine, sine = angle.cos(), angle.sin()
    linear = torch.stack([across * cosine, across * sine, -down * sine, down * cosine], 1).view(-1, 2, 2)
    shift = 2 * profile.shift * swings["shift"][:, :2, None]
    return torch.cat([linear, -linear @ shift], 2)


def _colours(profile: Profile, swings: Mapping[str, Tensor]) -> Tensor:
    """Brightness, then contrast, then hue, then saturation."""
    brightness = profile.brightness * swings["brightness"][:, 0]
    contrast = torch.exp2(profile.contrast * swings["contrast"][:, 0])
    saturation = torch.exp2(profile.saturation * swings["saturation"][:, 0])
    hue = math.radians(profile.hue_degrees) * swings["hue_degrees"][:, 0]
    # Rodrigues' rotation about the grey axis (1, 1, 1)/√3, of which saturation scales what is not along the axis.
    along = torch.full((3, 3), 1 / 3, dtype=hue.dtype)
    about = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=hue.dtype) / math.sqrt(3)
    cosine, sine = ((saturation * part).view(-1, 1, 1) for part in (hue.cos(), hue.sin()))
    linear = cosine * torch.eye(3, dtype=hue.dtype) + sine * about + (1 - cosine) * along
    added = brightness.view(-1, 1, 1).expand(-1, 3, 1)
    return contrast.view(-1, 1, 1) * torch.cat([linear, added], 2)
