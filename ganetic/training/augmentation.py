"""Changes to real images that leave them what they are: more images out of few."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ganetic.errors import unknown

FLIPPED = 0.5
"""Share of the images that are mirrored."""
SHIFT = 8
"""A crop begins up to a side / 8 off the image's corner."""
MAX_DEGREES = 10.0


def augment(images: Tensor, names: Sequence[str], stream: torch.Generator) -> Tensor:
    """Change each image by itself.

    Args:
        images: float32 ``(N, C, H, W)`` in [−1, 1], on the CPU; not changed in place.
        names: some of `AUGMENTATIONS`; they are applied in the order of that table, whatever theirs is.
        stream: a CPU generator; all that is random comes from it.

    Raises:
        UserError: a name is unknown.
    """
    for name in names:
        if name not in AUGMENTATIONS:
            raise unknown("augmentation", name, AUGMENTATIONS)
    for name, change in AUGMENTATIONS.items():
        if name in names:
            images = change(images, stream)
    return images


def _flip(images: Tensor, stream: torch.Generator) -> Tensor:
    mirrored = torch.rand(len(images), generator=stream) < FLIPPED
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def _crop(images: Tensor, stream: torch.Generator) -> Tensor:
    """Whole pixels, so that nothing is blurred; what comes in from outside is the image's reflection."""
    side = images.shape[-1]
    reach = side // SHIFT
    padded = F.pad(images, (reach, reach, reach, reach), mode="reflect")
    offsets = torch.randint(2 * reach + 1, (2, len(images), 1), generator=stream)
    rows, columns = offsets + torch.arange(side)
    numbers = torch.arange(len(images)).view(-1, 1, 1)
    cut = padded.permute(0, 2, 3, 1)[numbers, rows.unsqueeze(2), columns.unsqueeze(1)]
    return cut.permute(0, 3, 1, 2)


def _rotate(images: Tensor, stream: torch.Generator) -> Tensor:
    """Bilinear, about the centre; what comes in from outside is the image's reflection."""
    radians = (2 * torch.rand(len(images), generator=stream) - 1) * math.radians(MAX_DEGREES)
    cosine, sine, none = radians.cos(), radians.sin(), torch.zeros_like(radians)
    matrices = torch.stack([cosine, -sine, none, sine, cosine, none], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


AUGMENTATIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "flip": _flip,
    "crop": _crop,
    "rotation": _rotate,
}
"""What each name does: mirrors left and right, shifts, turns by up to 10 degrees either way."""
