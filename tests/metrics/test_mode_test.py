"""Modes that are left out, copies and alike images are told from varied ones, poor ones included."""

import numpy as np
import pytest
import torch
from scipy.stats import poisson
from torch import Tensor

from ganetic.metrics.diversity import STARVED, Diversity, missing
from ganetic.metrics.mode_test import STARVED_LEAST, ModeTest, apart, missing_by_chance, mode_test

MODES, SIZE = 6, 240


def images(seed: int, modes: int = MODES, noise: float = 1.0, shift: float = 0.0) -> tuple[Tensor, Tensor]:
    """Features of Gaussian modes on the corners of a simplex, and the nearest corner of each."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, modes, SIZE)
    corners = 8 * np.eye(MODES, 16)
    features = corners[drawn] + noise * random.normal(size=(SIZE, 16)) + shift * np.ones(16)
    nearest = np.linalg.norm(features[:, None] - corners[None], axis=2).argmin(1)
    return torch.tensor(features, dtype=torch.float32), torch.tensor(nearest)


@pytest.fixture(scope="module")
def test() -> ModeTest:
    others = images(1)
    return mode_test(images(0), others, others[1].numpy(), SIZE, MODES)


def test_half_of_the_modes_is_told(test: ModeTest) -> None:
    assert test.counts
    assert all(test.collapsed(*images(seed, modes=MODES // 2)) for seed in range(2, 22))


def test_real_images_are_not(test: ModeTest) -> None:
    assert not any(test.collapsed(*images(seed)) for seed in range(2, 22))


@pytest.mark.parametrize(("noise", "shift"), [(1.6, 0.0), (1.0, 1.5)])
def test_poor_and_varied_images_are_not(test: ModeTest, noise: float, shift: float) -> None:
    assert not any(test.collapsed(*images(seed, noise=noise, shift=shift)) for seed in range(2, 22))


def test_copies_of_a_few_are_told(test: ModeTest) -> None:
    features, classes = images(2)
    few = torch.arange(SIZE) % 60
    assert test.collapsed(features[few], classes[few])


def test_alike_images_are_told(test: ModeTest) -> None:
    features, classes = images(2)
    assert test.collapsed(0.05 * features, torch.zeros_like(classes))


def test_a_net_that_sees_no_modes_counts_none() -> None:
    features, _ = images(0, noise=30)
    others, _ = images(1, noise=30)
    labels = np.random.default_rng(0).integers(0, 2, SIZE)  # labels that mean nothing
    blind = torch.zeros(SIZE, dtype=torch.int64)
    test = mode_test((features, blind), (others, blind), labels, SIZE, 2)
    assert not test.counts
    assert not test.collapsed(others, blind)


def test_a_net_to_which_all_is_the_same_counts_none() -> None:
    same = torch.zeros(SIZE, 16), images(0)[1]
    test = mode_test(same, same, same[1].numpy(), SIZE, MODES)
    assert not test.counts
    assert not test.collapsed(*images(2))
    assert test.gap(same[0]) == 0


def test_parts_of_one_cloud_are_no_modes() -> None:
    def cloud(seed: int) -> tuple[Tensor, Tensor]:
        features = np.random.default_rng(seed).normal(size=(SIZE, 16))
        return torch.tensor(features, dtype=torch.float32), torch.tensor((features[:, :2] > 0) @ [1, 2])

    others = cloud(1)
    test = mode_test(cloud(0), others, others[1].numpy(), SIZE, 4)
    assert not test.counts
    half = others[1] < 2
    assert test.starved(Diversity.of(others[0][half], others[1][half], 4)) > STARVED_LEAST


def test_modes_that_hold_little_are_not_looked_for() -> None:
    reference, others = images(0), images(1)
    rare = (np.arange(SIZE) == 0).astype(np.int64)  # one image of the other class
    kept_rare_only = mode_test(reference, others, rare, SIZE, MODES)
    assert kept_rare_only.counts  # draws of the rare class alone miss nearly all; the others are not counted


def test_the_starved_share_is_of_real_images(test: ModeTest) -> None:
    features, classes = images(3, modes=3)
    half = Diversity.of(features, classes, MODES)
    assert test.starved(half) == pytest.approx(0.5, abs=0.1)
    assert test.gap(features) > 1 > test.gap(images(4)[0])


def test_apart_is_the_median_distance_to_the_nearest() -> None:
    features = torch.tensor([[0.0], [1.0], [3.0], [6.0]])
    assert apart(features) == 1.5


def few_each(seed: int, modes: int, first: int = 0) -> tuple[Tensor, Tensor]:
    """Images of many modes that lie far apart, from one on."""
    random = np.random.default_rng(seed)
    drawn = random.integers(first, modes, SIZE)
    features = 8 * np.eye(modes)[drawn] + random.normal(size=(SIZE, modes))
    return torch.tensor(features, dtype=torch.float32), torch.tensor(drawn)


@pytest.mark.parametrize("modes", [20, 60, 240, 480])
def test_real_images_of_many_modes_are_not_told(modes: int) -> None:
    others = few_each(1, modes)
    test = mode_test(few_each(0, modes), others, others[1].numpy(), SIZE, modes)
    assert sum(test.collapsed(*few_each(seed, modes)) for seed in range(2, 22)) <= 1
    assert test.counts == (modes < SIZE / 2)
    assert not test.counts or sum(test.collapsed(*few_each(seed, modes, modes // 2)) for seed in range(2, 22)) >= 19


def test_chance_starves_modes_of_few_images() -> None:
    for modes in (10, 60):
        real, drawn = (Diversity.of(*few_each(seed, modes), modes) for seed in (0, 1))
        assert real.shares is not None
        assert drawn.shares is not None
        assert missing_by_chance(real, SIZE) == pytest.approx(missing(drawn.shares, real.shares), abs=0.1)


def test_images_that_occur_twice_make_no_gap() -> None:
    others, (features, classes) = images(1), images(0)
    of_one_mode = torch.where(classes == 0)[0]
    twice = features.clone()
    twice[of_one_mode[1::2]] = features[of_one_mode[::2]][: len(of_one_mode) // 2]
    once = mode_test((features, classes), others, others[1].numpy(), SIZE, MODES)
    test = mode_test((twice, classes), others, others[1].numpy(), SIZE, MODES)
    assert test.gap_from == pytest.approx(once.gap_from, abs=0.1)
    assert test.gap(images(4)[0]) < 1


def test_a_set_whose_images_all_occur_twice_has_the_gap_of_one_where_they_occur_once(test: ModeTest) -> None:
    features, classes = images(0)
    other_features, other_classes = images(1)
    both = torch.cat([features, other_features]), torch.cat([classes, other_classes])
    twice = mode_test((features, classes), both, both[1].numpy(), SIZE, MODES)
    assert twice.gap_from == pytest.approx(test.gap_from, abs=0.1)
    assert all(twice.collapsed(*images(seed, modes=MODES // 2)) for seed in range(2, 22))
    assert np.isfinite(twice.gap(features[:1].repeat(SIZE, 1)))


def test_distances_are_the_same_by_parts(test: ModeTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganetic.metrics.mode_test.ROWS_AT_A_TIME", 50)
    others = images(1)
    parts = mode_test(images(0), others, others[1].numpy(), SIZE, MODES)
    assert np.array_equal(parts.nearest, test.nearest)
    assert (parts.apart, parts.gap_from) == pytest.approx((test.apart, test.gap_from))


def test_counts_by_chance_are_those_of_scipy_to_the_last_bit() -> None:
    stream = np.random.default_rng(0)
    for classes in (2, 10, 40):
        shares = stream.dirichlet(np.full(classes, 0.3))
        shares[0] = 0.0
        real = Diversity(shares / shares.sum(), 1.0)
        assert real.shares is not None
        expected = SIZE * real.shares
        at_most = poisson.cdf(np.ceil(STARVED * expected) - 1, expected)
        assert missing_by_chance(real, SIZE) == float((real.shares * at_most).sum())
