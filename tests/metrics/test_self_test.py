from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.metrics.clusters import clusters_of
from ganetic.metrics.faults import FAULTS
from ganetic.metrics.planted_modes import LabelCheck, PlantedModes, dropped_modes, planted_modes
from ganetic.metrics.self_test import FEW, FaultSeen, PlantedImages, pool, self_test, summed_up
from ganetic.metrics.self_test_cache import keep_self_test, read_self_test, self_test_file


@dataclass(frozen=True)
class Statistics:
    """Features that see all planted faults: means of quarters, contrast and sharpness."""

    name: str = "statistics"
    dimensions: int = 6

    def __call__(self, images: Tensor) -> Tensor:
        x = images.to(torch.float32).mean(3) / 255
        half = x.shape[1] // 2
        quarters = [x[:, a : a + half, b : b + half].mean((1, 2)) for a in (0, half) for b in (0, half)]
        sharp = (x[:, 1:] - x[:, :-1]).abs().mean((1, 2))
        return torch.stack([*quarters, x.std((1, 2)), 5 * sharp], 1)


@dataclass(frozen=True)
class Blind:
    """Features that see nothing of an image."""

    name: str = "blind"
    dimensions: int = 2

    def __call__(self, images: Tensor) -> Tensor:
        return torch.randn(len(images), 2, generator=torch.Generator().manual_seed(len(images)))


def blobs(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Smooth images of two classes: a bright blob on the left or on the right."""
    random = np.random.default_rng(0)
    labels = (random.random(count) < 0.6).astype(np.int64)
    y, x = np.mgrid[:28, :28]
    centre = 7 + 14 * labels + random.normal(0, 1, count)
    width = random.uniform(3, 5, count)
    squares = (x - centre[:, None, None]) ** 2 + (y - 14 + random.normal(0, 2, count)[:, None, None]) ** 2
    images = 40 + 180 * np.exp(-squares / (2 * width[:, None, None] ** 2))
    return images.round().astype(np.uint8)[..., None], labels


IMAGES, LABELS = blobs(512)
PLANTED = PlantedImages.of(IMAGES)
MODES = planted_modes(IMAGES, LABELS)


def test_features_that_see_pass_and_blind_ones_do_not() -> None:
    seen = self_test(PLANTED, Statistics(), MODES)
    assert [one.fault for one in seen.seen] == list(FAULTS)
    assert (seen.images, seen.modes, seen.features) == (250, "labels", "statistics")
    plain = {one.fault: one.passed for one in seen.seen}
    assert plain["modes"]
    assert plain["untrained"]
    assert plain["checkerboard"]
    blind = self_test(PLANTED, Blind(), MODES)
    assert not blind.passed
    assert not blind.usable
    assert blind.verdict == "fails"
    assert blind.score < seen.score


def test_a_test_is_the_same_each_time_whatever_was_drawn_before() -> None:
    first = self_test(PLANTED, Statistics(), MODES)
    torch.manual_seed(3)
    np.random.default_rng(3).random()
    again = self_test(PlantedImages.of(IMAGES), Statistics(), planted_modes(IMAGES, LABELS))
    assert again == first


def test_a_fault_of_no_images_is_left_out() -> None:
    nothing = PlantedModes("labels", LABELS, np.zeros(len(LABELS), np.bool_))
    test = self_test(PLANTED, Statistics(), nothing)
    assert "modes" not in [one.fault for one in test.seen]
    assert test.modes == "none"


def test_small_sets_can_be_tested() -> None:
    images, labels = blobs(64)
    test = self_test(PlantedImages.of(images), Statistics(), planted_modes(images, labels))
    assert test.images == (64 - FEW) // 2


def test_images_that_are_all_alike_have_no_order() -> None:
    images = np.full((64, 28, 28, 1), 9, np.uint8)
    test = self_test(
        PlantedImages.of(images), Statistics(), PlantedModes("none", np.zeros(64, int), np.zeros(64, bool))
    )
    assert not test.passed


def test_what_a_division_adds_to_all_strengths_is_no_noise() -> None:
    steps = np.array([0.0, 1.0, 2.0, 3.0])
    exact = summed_up("blur", steps + np.array([[0.3], [-0.4], [0.1]]))
    assert exact.noise == pytest.approx(0, abs=1e-9)
    assert exact.steps == pytest.approx((1, 2, 3))
    assert (exact.order, exact.least_seen, exact.passed) == (1, FAULTS["blur"][0], True)
    noisy = summed_up("blur", steps + np.random.default_rng(0).normal(0, 0.2, (2000, 4)))
    assert noisy.noise == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize(
    ("order", "steps", "noise", "complaint"),
    [
        (0.9, (1.0, 2.0, 3.0), 0.2, ""),
        (0.7, (1.0, 2.0, 3.0), 0.2, "orders noise at 0.7 (expected 0.9)"),
        (1.0, (0.1, 2.0, 3.0), 0.2, "does not tell noise 6 from real images (ln fd +0.1, noise 0.2)"),
        (1.0, (1.0, 2.0, 3.0), 0.6, "sees noise with a noise of 20% of its range (expected less than 10%)"),
    ],
)
def test_what_is_wrong_is_said_with_its_numbers(
    order: float, steps: tuple[float, ...], noise: float, complaint: str
) -> None:
    assert FaultSeen(fault="noise", order=order, steps=steps, noise=noise).complaint == complaint


def test_the_least_strength_seen_has_none_unseen_above() -> None:
    weak, middle, strong = FAULTS["noise"]
    for steps, least in (((1, 2, 3), weak), ((0, 2, 3), middle), ((1, 0, 3), strong), ((1, 2, 0), None)):
        assert FaultSeen(fault="noise", order=1, steps=steps, noise=0.5).least_seen == least


def test_dropped_modes_are_neighbours_and_two_fifths() -> None:
    groups = np.repeat(np.arange(10), 30)
    points = np.stack([groups * 1.0, np.zeros(300)], 1)
    dropped = np.unique(groups[dropped_modes(groups, points)])
    assert dropped.tolist() in ([0, 1, 2, 3], [6, 7, 8, 9])
    assert dropped_modes(np.repeat([0, 1], [27, 73]), np.arange(100.0)[:, None]).sum() == 27
    assert not dropped_modes(np.repeat([0, 1], [3, 97]), np.arange(100.0)[:, None]).any()
    assert not dropped_modes(np.zeros(50, int), np.arange(50.0)[:, None]).any()


def test_classes_of_which_too_few_can_be_dropped_give_way_to_clusters() -> None:
    rare = (np.arange(512) < 10).astype(np.int64)
    assert planted_modes(IMAGES, rare).name == "clusters of pixels"
    single = np.where(LABELS == 1, 1, np.arange(len(LABELS)) + 2)  # half of a mode of one image is none
    assert planted_modes(IMAGES, single).name == "clusters of pixels"
    assert planted_modes(IMAGES, None, np.random.default_rng(0).normal(size=(512, 5))).name.startswith("clusters of Im")


def test_labels_that_are_guessed() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 400)
    guessed, known = LabelCheck.of(random.permutation(labels), labels), LabelCheck.of(labels, labels)
    half = LabelCheck.of(np.where(random.random(400) < 0.4, labels, random.integers(0, 4, 400)), labels)
    assert (guessed.mean_nothing, guessed.are_modes) == (True, False)
    assert (known.mean_nothing, known.are_modes, known.right) == (False, True, 1.0)
    assert (half.mean_nothing, half.are_modes) == (False, False)
    # Rare classes count as much: who always says the frequent one guesses.
    assert LabelCheck.of(np.zeros(400, int), (np.arange(400) < 20).astype(int)).mean_nothing


def test_the_same_images_are_chosen_each_time() -> None:
    chosen = pool(np.arange(3000, 6000))
    assert len(np.unique(chosen)) == 2 * 500 + FEW
    assert np.array_equal(chosen, pool(np.arange(3000, 6000)))


def test_tests_are_kept(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GANETIC_CACHE", str(folder))
    test = self_test(PLANTED, Statistics(), MODES)
    place = self_test_file("abc", np.arange(9), "features", labels=True)
    others = [
        self_test_file("abd", np.arange(9), "features", labels=True),
        self_test_file("abc", np.arange(1, 10), "features", labels=True),
        self_test_file("abc", np.arange(9), "other", labels=True),
        self_test_file("abc", np.arange(9), "features", labels=False),
    ]
    assert len({place, *others}) == 5
    assert read_self_test(place) is None
    keep_self_test(place, test)
    assert read_self_test(place) == test
    assert [one.name for one in place.parent.iterdir()] == [place.name]
    whole = place.read_bytes()
    for damage in (b"", b"{}", whole[:-50], b"\xff\xfe", whole.replace(b"blur", b"blurr")):
        place.write_bytes(damage)
        assert read_self_test(place) is None
    monkeypatch.setenv("GANETIC_CACHE", "/dev/null/nowhere")
    keep_self_test(self_test_file("abc", np.arange(9), "features", labels=True), test)


def test_fewer_distinct_points_than_clusters_make_fewer_without_a_word() -> None:
    points = (np.arange(60) % 3)[:, np.newaxis].astype(np.float32)
    assert sorted(np.bincount(clusters_of(points))) == [20, 20, 20]  # warnings are errors in these tests
