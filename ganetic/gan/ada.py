"""Adaptive augmentation for any loss: p rises while the discriminator knows its images by heart, and falls when not.

Karras et al. (https://arxiv.org/abs/2006.06676, section 3) steer p, the probability of each change of an image, by what
D says of real images. Their ``r_t`` is the mean sign of D's outputs on training images: of a logistic loss's D it is 1
where all of them are surely real. The outputs of other losses have no such zero, so that here ranks decide: the area
under the ROC curve (AUC) of D's outputs on training images against held-out ones. That is how often D puts a training
image above a held-out one. A D that judges has ½, one that remembers has more, whatever the scale of its outputs. Their
``r_v`` compares with held-out images, too, and needs a scale.

Both are averaged over about 4,000 images. At each look p moves by as much as the images since the last look are of the
adaptation length, up or down, and stays within 0 and its cap.

D looks at images as it does in training, through changes of the same p, but in evaluation mode. The held-out images are
those that distances are measured to. D and G never get a gradient of them. What they decide is one number, p, and of
that only whether it rises or falls: less than is taken from them where the checkpoint with the lowest distance is
chosen. A second held-out part would cost a small set more than that is worth. Held-out images that differ from the
training images by more than chance, as those of another hospital do, are ranked apart by a D that remembers nothing,
and drive p up to its cap.
"""

from dataclasses import astuple, dataclass, fields, replace
from typing import Literal, Self

import torch
from torch import Tensor

INTERVAL = 4
"""Steps between two looks, as in the paper."""
SMOOTHED_OVER = 4_000
"""Images that an average reaches back over."""
LEAST_HELD_OUT = 64
"""Held-out images without which ranks say too little."""
SIGN_TARGET = 0.6
"""``r_t`` above which p rises: the paper's."""
STUCK_SHARE = 0.1
"""Share of the adaptation length after which a p that has not left its cap is stuck there."""

Signal = Literal["auc", "r_t"]


def auc(first: Tensor, second: Tensor) -> float:
    """Return how often a value of the first kind is above one of the second kind; equal ones count half.

    Args:
        first: ``(N,)``.
        second: ``(M,)``.
    """
    wins = (first.unsqueeze(1) > second).double() + (first.unsqueeze(1) == second).double() / 2
    return float(wins.mean())


@dataclass(frozen=True)
class Rule:
    """How p follows what was seen.

    Attributes:
        signal: what steers it.
        target: above which p rises, and below which it falls.
        cap: the largest p.
        images: real images from one look to the next.
        adaptation_images: in which p rises from 0 to 1.
    """

    signal: Signal
    target: float
    cap: float
    images: int
    adaptation_images: int


@dataclass(frozen=True)
class Standing:
    """How p stands, and all that moves it; plain numbers.

    Attributes:
        p: probability of each change of an image.
        auc: averaged; of no training yet it is 1/2.
        r_t: averaged.
        images_at_cap: real images since p came to its cap.
        is_told: whether it was said that p stays there; 0 or 1.
    """

    p: float = 0.0
    auc: float = 0.5
    r_t: float = 0.0
    images_at_cap: float = 0.0
    is_told: float = 0.0

    def after(self, rule: Rule, auc: float | None, r_t: float) -> Self:
        """How p stands after a look.

        Args:
            rule: how p follows.
            auc: of this look; None where there are too few held-out images.
            r_t: of this look.
        """
        weight = min(1.0, rule.images / SMOOTHED_OVER)
        seen = replace(
            self,
            auc=self.auc if auc is None else self.auc + weight * (auc - self.auc),
            r_t=self.r_t + weight * (r_t - self.r_t),
        )
        return replace(seen, **_moved(seen, rule))

    def is_stuck(self, rule: Rule) -> bool:
        """Whether p has not left its cap for long."""
        return self.images_at_cap >= STUCK_SHARE * rule.adaptation_images

    def stored(self) -> Tensor:
        """All of it, float64 ``(5,)``."""
        return torch.tensor(astuple(self), dtype=torch.float64)

    @classmethod
    def restored(cls, numbers: Tensor) -> Self:
        """What `stored` returned.

        Raises:
            RuntimeError: it is of another number of numbers.
        """
        if numbers.shape != (len(fields(cls)),):
            raise RuntimeError(
                f"{tuple(numbers.shape)} numbers of an adaptive augmentation; expected {len(fields(cls))}"
            )
        return cls(*numbers.tolist())


def _moved(seen: Standing, rule: Rule) -> dict[str, float]:
    """Where p goes from what was seen, and for how long it has been at its cap."""
    excess = getattr(seen, rule.signal) - rule.target
    step = rule.images / rule.adaptation_images
    p = min(max(seen.p + (step if excess > 0 else -step if excess < 0 else 0), 0.0), rule.cap)
    return {"p": p, "images_at_cap": seen.images_at_cap + rule.images if p == rule.cap else 0.0}
