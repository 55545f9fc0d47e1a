"""Can this loss train a GAN at all? Asked numerically, before any training, and answered with a reason.

Of random trees one in fifty passes, one in twenty-five in the logit form. The screen bounds what is worth a training,
not what is good.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ganetic.loss.formula import Formula, Slot
from ganetic.loss.numeric import AXIS_POINTS, Grid, Places, Response, responses
from ganetic.loss.ops import Array

VANISHING_BOUND = 0.1
"""|g(-5.5)| / |g(0)| below which G's gradient counts as vanishing where D is sure."""

LARGEST = 1e30
"""Values and gradients above this overflow float32 in the next operation."""

SMALLEST_GRADIENT = 1e-8
"""Adam's epsilon: a gradient that never exceeds it moves nothing."""

RIGHT_SHARE = 0.9
"""Share of the fakes' range on which G must be pushed the right way."""

_WHERE_FAKES_ARE = slice(0, AXIS_POINTS // 2 + 1)
"""Of the axis in rising order of d: from -5.5, where D is sure, to 0."""


class Orientation(StrEnum):
    """Which images the discriminator puts higher. Nothing in a loss says that it must be the real ones."""

    REAL_ABOVE_FAKE = "real_above_fake"
    FAKE_ABOVE_REAL = "fake_above_real"


class Rejection(StrEnum):
    """Why a loss does not pass."""

    NON_FINITE = "non_finite"
    NO_GRADIENT = "no_gradient"
    NO_SEPARATION = "no_separation"
    WRONG_DIRECTION = "wrong_direction"
    VANISHING = "vanishing"


@dataclass(frozen=True)
class ScreenVerdict:
    """The screen's answer.

    Attributes:
        passed: whether a training is worth trying.
        reason: why not; None when it passed.
        orientation: found as soon as D separates, also for losses that fail later.
    """

    passed: bool
    reason: Rejection | None
    orientation: Orientation | None


@dataclass(frozen=True, eq=False)
class Forces:
    """Gradients by a logit in rising order of d, the opposite batch at 0; each of shape (N,).

    For losses that read m this includes what flows through the mean.
    """

    real: Array
    fake: Array
    generator: Array


def screen(formula: Formula, vanishing_bound: float = VANISHING_BOUND) -> ScreenVerdict:
    """Ask the five questions in turn; under half a millisecond.

    Is it finite out to |d| = 20; does each label, and G, have a gradient; does d_real' - d_fake' keep one sign (D
    separates, in one direction); does G's gradient push fakes the way D pushes reals on 90 % of [-5.5, 0]; does it
    survive where D is sure.

    Args:
        formula: the loss.
        vanishing_bound: the smallest |g(-5.5)| / |g(0)| that passes. Whether a loss that vanishes can train depends
            on the net: saturating BCE fails on a narrow one and works on a wide one.
    """
    return judge(*responses(formula), vanishing_bound)


def judge(points: Grid, slots: dict[Slot, Response], vanishing_bound: float = VANISHING_BOUND) -> ScreenVerdict:
    """`screen` on responses that are known already."""
    if not all(_bounded(response) for response in {id(response): response for response in slots.values()}.values()):
        return ScreenVerdict(False, Rejection.NON_FINITE, None)
    felt = forces(points, slots, points.axis, points.cross)
    if any(np.abs(force).max() <= SMALLEST_GRADIENT for force in (felt.real, felt.fake, felt.generator)):
        return ScreenVerdict(False, Rejection.NO_GRADIENT, None)
    orientation = _orientation(felt.real - felt.fake)
    if orientation is None:
        return ScreenVerdict(False, Rejection.NO_SEPARATION, None)
    reason = _generator_fault(felt.generator, orientation, vanishing_bound)
    return ScreenVerdict(reason is None, reason, orientation)


def forces(points: Grid, slots: dict[Slot, Response], axis: Places, cross: Places) -> Forces:
    """What pushes a logit along an axis.

    Args:
        points: where the responses were taken.
        slots: the responses.
        axis: indices of points with m = 0, in rising order of d.
        cross: indices of points with d = 0, m rising as d does on `axis`; only read for losses that read m.
    """
    real, fake, generator = slots["d_real"], slots["d_fake"], slots["g_fake"].by_d[axis]
    if not points.relativistic:
        return Forces(real.by_d[axis], fake.by_d[axis], generator)
    if "g_real" in slots:
        generator = generator + slots["g_real"].by_m[cross]
    return Forces(real.by_d[axis] + fake.by_m[cross], fake.by_d[axis] + real.by_m[cross], generator)


def gradient_scale(formula: Formula) -> float:
    """Root mean square of D's loss gradient by its logits, on |d| ≤ 2."""
    points, slots = responses(formula)
    with np.errstate(all="ignore"):  # not finite is an answer
        return rms(discriminator_gradients(slots)[:, points.near])


def generator_gradient_scale(formula: Formula) -> float:
    """Root mean square of G's loss gradient by fake logits, as `gradient_scale` has it of D's.

    What flows through the mean of fake logits counts beside the rest, so that a G that wants the opposite of what D
    wants has D's scale.
    """
    points, slots = responses(formula)
    fake = slots["g_fake"].by_d
    through_mean = slots["g_real"].by_m if "g_real" in slots else np.zeros_like(fake)
    with np.errstate(all="ignore"):  # not finite is an answer
        return rms(np.stack((fake, through_mean))[:, points.near])


def discriminator_gradients(slots: dict[Slot, Response]) -> Array:
    """D's partial derivatives, shape (4, N): d_real and d_fake, by d and by m."""
    real, fake = slots["d_real"], slots["d_fake"]
    return np.stack((real.by_d, fake.by_d, real.by_m, fake.by_m))


def rms(values: Array) -> float:
    """Root mean square over all entries."""
    flat = values.ravel()
    return math.sqrt(float(flat @ flat) / flat.size)


def _bounded(response: Response) -> bool:
    # The largest of values with NaN is NaN, and a comparison with NaN is false: one test finds NaN, infinity and what
    # is about to overflow.
    return all(bool(np.abs(part).max() <= LARGEST) for part in (response.value, response.by_d, response.by_m))


def _orientation(separation: Array) -> Orientation | None:
    low, high = float(separation.min()), float(separation.max())
    tolerance = 1e-9 * max(-low, high)
    falls, rises = low < -tolerance, high > tolerance
    if falls == rises:
        return None
    return Orientation.REAL_ABOVE_FAKE if falls else Orientation.FAKE_ABOVE_REAL


def _generator_fault(generator: Array, orientation: Orientation, vanishing_bound: float) -> Rejection | None:
    if orientation is Orientation.FAKE_ABOVE_REAL:
        generator = -generator[::-1]  # the same loss in u = -d
    pull = generator[_WHERE_FAKES_ARE]
    if np.count_nonzero(pull < 0) < RIGHT_SHARE * pull.size:
        return Rejection.WRONG_DIRECTION
    if not abs(pull[0]) >= vanishing_bound * abs(pull[-1]):
        return Rejection.VANISHING
    return None
