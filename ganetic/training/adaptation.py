"""Adaptive augmentation in a training: looks at what D says of real images, and moves p."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganetic.data import Indices
from ganetic.gan.ada import INTERVAL, LEAST_HELD_OUT, SIGN_TARGET, Rule, Signal, Standing, auc
from ganetic.gan.conditional import given
from ganetic.gan.diffaugment import Augmentation, random_numbers
from ganetic.gan.profiles import LEAST_ADAPTATION, STRENGTH, AugmentationSpec, Profile
from ganetic.gan.step import Images
from ganetic.loss.formula import Formula
from ganetic.loss.screen import Orientation, screen
from ganetic.loss.sign import sign_tells
from ganetic.training.labels import RealLabels
from ganetic.training.parallel import DistributedContext, gathered

_logger = logging.getLogger(__name__)

Prepare = Callable[[Tensor, torch.Generator], Images]
"""From uint8 images ``(B, H, W, C)`` of a batch to what D takes of them before augmentation: this process's part. What
is random comes from the stream."""


@dataclass(frozen=True, eq=False)
class RealImages:
    """Real images that D is looked at with, uint8 ``(N, H, W, C)``.

    Attributes:
        training: those that train it.
        held_out: those that do not; None where they are too few.
        labels: the classes of both, which conditional nets are told; None where they take none.
    """

    training: Tensor
    held_out: Tensor | None
    labels: RealLabels | None = None


class Adaptation:
    """Moves p while a training goes on.

    Several processes look at a batch together, so that they agree. All that is random comes from a stream of its own:
    losses of one seed see the same images and augmentation, whatever their p.

    Args:
        rule: how p follows.
        profile: the changes.
        images: that D is looked at with.
        batch: images of each kind that a look takes, over all processes.
        prepare: makes what D takes of them.
        real_is_above: whether D puts real images above generated ones.
        stream: a CPU generator.
        distributed: this process's part of every batch.
    """

    def __init__(
        self,
        rule: Rule,
        profile: Profile,
        images: RealImages,
        batch: int,
        prepare: Prepare,
        real_is_above: bool,
        stream: torch.Generator,
        distributed: DistributedContext,
    ) -> None:
        self._profile, self._images, self._batch, self._prepare = profile, images, batch, prepare
        self._sign, self._stream, self._distributed = (1 if real_is_above else -1), stream, distributed
        self.rule = rule
        self.standing = Standing()

    def after_step(self, step: int, discriminator: nn.Module) -> None:
        """Look at D and move p, at every fourth step; once it is said that p stays at its cap."""
        if step % INTERVAL:
            return
        known, r_t = self._seen_by(discriminator)
        self.standing = self.standing.after(self.rule, known, r_t)
        if self.standing.is_stuck(self.rule) and not self.standing.is_told:
            self.standing = replace(self.standing, is_told=1.0)
            if self._distributed.rank == 0:
                _logger.warning(f"step {step}: {_alarm(self.standing, self.rule)}")

    @property
    def numbers(self) -> Mapping[str, float]:
        """Give p and what moves it, by the names that they have in the log."""
        ranks = {} if self._images.held_out is None else {"auc": self.standing.auc}
        return {"p": self.standing.p, **ranks, "r_t": self.standing.r_t}

    @torch.no_grad()
    def _seen_by(self, discriminator: nn.Module) -> tuple[float | None, float]:
        """The AUC, where there are held-out images, and ``r_t``."""
        trains = discriminator.training
        discriminator.eval()
        images, labels = self._images, self._images.labels
        known, unseen = (None, None) if labels is None else (labels.training, labels.held_out)
        training = self._outputs(discriminator, images.training, known)
        held_out = None if images.held_out is None else self._outputs(discriminator, images.held_out, unseen)
        discriminator.train(trains)
        return None if held_out is None else auc(training, held_out), float(training.sign().mean())

    def _outputs(self, discriminator: nn.Module, images: Tensor, labels: Indices | None) -> Tensor:
        """D's outputs ``(B,)`` for some of the images, turned so that those for real ones are to be high."""
        chosen = _some(len(images), self._batch, self._stream)
        seen = self._prepare(images[chosen.to(images.device)], self._stream)
        numbers = self._distributed.of(random_numbers(self._batch, self._stream))
        if self.standing.p > 0:
            seen = Augmentation.of(self._profile, numbers, self.standing.p)(seen)
        device = (seen[0] if isinstance(seen, tuple) else seen).device
        outputs: Tensor = given(discriminator, self._told(labels, chosen, device))(seen)
        return self._sign * gathered(outputs.float(), self._distributed).cpu()

    def _told(self, labels: Indices | None, chosen: Tensor, device: torch.device) -> Tensor | None:
        """The labels of this process's part of the images that were chosen."""
        return None if labels is None else self._distributed.of(torch.from_numpy(labels)[chosen]).to(device)


def _some(count: int, wanted: int, stream: torch.Generator) -> Tensor:
    """Indices of as many images as are wanted, int64 ``(wanted,)``; none comes twice before all have come once."""
    rounds = [torch.randperm(count, generator=stream) for _ in range(-(-wanted // count))]
    return torch.cat(rounds)[:wanted]


def signal_of(formula: Formula, held_out: int) -> Signal | None:
    """What steers p: ranks where enough images are held out, else the sign of D's outputs where it tells, else nothing.

    Args:
        formula: the loss.
        held_out: number of images.
    """
    if held_out >= LEAST_HELD_OUT:
        return "auc"
    return "r_t" if sign_tells(formula) else None


def rule_of(spec: AugmentationSpec, signal: Signal, batch: int) -> Rule:
    """How p follows what steers it; ``r_t`` has the paper's target.

    Args:
        spec: of kind ``ada``.
        signal: what steers p.
        batch: real images a step.
    """
    target = spec.target if signal == "auc" else SIGN_TARGET
    return Rule(signal, target, spec.cap, INTERVAL * batch, spec.adaptation_images)


def fixed_p(spec: AugmentationSpec) -> float:
    """The p of a training in which it does not move."""
    return min(STRENGTH, spec.cap) if spec.resolved_kind == "ada" else spec.p


def real_is_above(formula: Formula) -> bool:
    """Whether D puts real images above generated ones. A loss that separates none counts as one that does."""
    return screen(formula).orientation is not Orientation.FAKE_ABOVE_REAL


def notes_on_signal(spec: AugmentationSpec, formula: Formula, held_out: int) -> tuple[str, ...]:
    """What should be said where ranks cannot steer p: a line, or nothing.

    Args:
        spec: of the augmentation.
        formula: the loss.
        held_out: number of images.
    """
    signal = signal_of(formula, held_out)
    if spec.resolved_kind != "ada" or signal == "auc":
        return ()
    few = f'augmentation of kind "ada": {held_out} held-out images are too few to rank D\'s outputs by; expected'
    remedy = f"at least {LEAST_HELD_OUT}; bring more, or raise eval_images"
    if signal == "r_t":
        return (f"{few} {remedy}. p follows r_t, the mean sign of D's outputs, which tells for this loss",)
    return (f"{few} {remedy}. The sign of D's outputs tells nothing for this loss: p stays {fixed_p(spec):g}",)


def notes_on_reach(spec: AugmentationSpec, steps: int, batch: int) -> tuple[str, ...]:
    """What should be said where a training is too short for p to get anywhere: a line, or nothing.

    Args:
        spec: of the augmentation.
        steps: of the training.
        batch: real images a step.
    """
    images = steps * batch
    highest = images / spec.adaptation_images
    if spec.resolved_kind != "ada" or highest >= spec.cap / 2:
        return ()
    shorter = (
        "set it to about half of these images, or train longer" if images >= 2 * LEAST_ADAPTATION else "train longer"
    )
    return (
        f'augmentation of kind "ada": in {images:,} images p can rise to {highest:.2g} at most, because '
        f"adaptation_images is {spec.adaptation_images:,}; {shorter}",
    )


def _alarm(standing: Standing, rule: Rule) -> str:
    return (
        f"augmentation stays at its cap, p = {standing.p:g}, and D knows its images by heart all the same "
        f"({rule.signal} {getattr(standing, rule.signal):.2f}, target {rule.target:g}); bring more images, make D "
        "smaller, raise regulariser.r1, or keep the checkpoint with the lowest fd; look whether samples show changes "
        "of the profile"
    )
