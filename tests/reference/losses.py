"""Published losses written from their papers in float64 numpy, values and gradients by hand."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit

Array = npt.NDArray[np.float64]
EPSILON = 1e-8


class Player(NamedTuple):
    """A player's loss and its gradients by the real and by the fake logits."""

    value: float
    by_real: Array
    by_fake: Array


Game = tuple[Player, Player]


def _means(real: tuple[Array, Array], fake: tuple[Array, Array]) -> Player:
    (a, da), (b, db) = real, fake
    return Player(float(a.mean() + b.mean()), da / a.size, db / b.size)


def _generator(real: Array, value: Array, gradient: Array) -> Player:
    return Player(float(value.mean()), np.zeros_like(real), gradient / value.size)


def _cross_entropy(real: Array, fake: Array) -> Player:
    # -log D(x) - log(1 - D(G(z))) with D = expit(logit)
    return _means((-log_expit(real), -expit(-real)), (-log_expit(-fake), expit(fake)))


def bce(real: Array, fake: Array) -> Game:
    return _cross_entropy(real, fake), _generator(real, -log_expit(fake), -expit(-fake))


def bce_minimax(real: Array, fake: Array) -> Game:
    return _cross_entropy(real, fake), _generator(real, log_expit(-fake), -expit(fake))


def lsgan(real: Array, fake: Array) -> Game:
    d = _means(((real - 1) ** 2, 2 * (real - 1)), (fake**2, 2 * fake))
    return d, _generator(real, (fake - 1) ** 2, 2 * (fake - 1))


def _hinge(x: Array) -> tuple[Array, Array]:
    """max(0, 1 - x) and its derivative."""
    return np.maximum(0, 1 - x), -(x < 1).astype(np.float64)


def hinge(real: Array, fake: Array) -> Game:
    value, slope = _hinge(-fake)
    return _means(_hinge(real), (value, -slope)), _generator(real, -fake, -np.ones_like(fake))


def wasserstein(real: Array, fake: Array) -> Game:
    ones_real, ones_fake = np.ones_like(real), np.ones_like(fake)
    return _means((-real, -ones_real), (fake, ones_fake)), _generator(real, -fake, -ones_fake)


def relativistic_hinge(real: Array, fake: Array) -> Game:
    """u = C(x) - E C(G(z)), v = C(G(z)) - E C(x); D wants u > 1 and v < -1, G the opposite."""

    def game(sign: int) -> Player:
        u, v = sign * (real - fake.mean()), sign * (fake - real.mean())
        (a, da), (b, db) = _hinge(u), _hinge(-v)
        du, dv = sign * da / u.size, -sign * db / v.size
        return Player(float(a.mean() + b.mean()), du - dv.sum() / u.size, dv - du.sum() / v.size)

    return game(1), game(-1)


def exponential(real: Array, fake: Array) -> Game:
    """((1 - D) / D)^½ and (D / (1 - D))^½ with D = expit(logit)."""

    def odds_root(x: Array) -> tuple[Array, Array]:
        value = np.sqrt(expit(x) / expit(-x))
        return value, value / 2

    value, slope = odds_root(-real)
    fooled, pull = odds_root(-fake)
    return _means((value, -slope), odds_root(fake)), _generator(real, fooled, -pull)


def fgan_kl(real: Array, fake: Array) -> Game:
    """F = E_P[v] - E_Q[exp(v - 1)]; D maximises F, G minimises it."""
    conjugate = np.exp(fake - 1)
    d = _means((-real, -np.ones_like(real)), (conjugate, conjugate))
    return d, _generator(real, -conjugate, -conjugate)


def _ganetic(logits: Array, label: float) -> tuple[Array, Array]:
    p = expit(logits)
    slope = p * expit(-logits)
    root = np.sqrt(3.985 * label / (p + EPSILON) + EPSILON)
    return p**3 + root, slope * (3 * p**2 - 3.985 * label / (p + EPSILON) ** 2 / (2 * root))


def ganetic(real: Array, fake: Array) -> Game:
    return _means(_ganetic(real, 1), _ganetic(fake, 0)), _generator(real, *_ganetic(fake, 1))


def ganetic_batch_sum(real: Array, fake: Array) -> Game:
    def mean(logits: Array, label: float) -> tuple[float, Array]:
        p = expit(logits)
        slope, total = p * expit(-logits), p.sum()
        root = np.sqrt(3.985 * label / (total + EPSILON) + EPSILON)
        through_sum = -3.985 * label / (total + EPSILON) ** 2 / (2 * root)
        return float((p**3).mean() + root), slope * (3 * p**2 / p.size + through_sum)

    (a, da), (b, db), (c, dc) = mean(real, 1), mean(fake, 0), mean(fake, 1)
    return Player(a + b, da, db), Player(c, np.zeros_like(real), dc)


REFERENCES: dict[str, Callable[[Array, Array], Game]] = {
    "bce": bce,
    "bce-minimax": bce_minimax,
    "lsgan": lsgan,
    "hinge": hinge,
    "wasserstein": wasserstein,
    "relativistic-hinge": relativistic_hinge,
    "exponential": exponential,
    "fgan-kl": fgan_kl,
    "ganetic": ganetic,
    "ganetic-batch-sum": ganetic_batch_sum,
}
