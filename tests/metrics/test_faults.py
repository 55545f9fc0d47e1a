import numpy as np
import pytest

from ganetic.metrics.faults import (
    FAULTS,
    PIXEL_FAULTS,
    faulty,
    untrained_images,
    with_others,
    without_modes,
)

IMAGES = np.random.default_rng(0).integers(60, 200, (20, 28, 28, 1), dtype=np.uint8)


@pytest.mark.parametrize("fault", PIXEL_FAULTS)
def test_stronger_faults_change_pixels_more(fault: str) -> None:
    changed = [faulty(IMAGES, fault, strength) for strength in (0.0, *FAULTS[fault])]
    assert all(one.dtype == np.uint8 and one.shape == IMAGES.shape for one in changed)
    assert np.array_equal(changed[0], IMAGES)
    sizes = [float((one.astype(float) - IMAGES).std()) for one in changed]
    assert sizes == sorted(set(sizes))
    if fault != "blur":
        assert sizes[1:] == pytest.approx(FAULTS[fault], rel=0.05)


@pytest.mark.parametrize("fault", PIXEL_FAULTS)
def test_faults_of_colour_images_and_sides_that_four_does_not_divide(fault: str) -> None:
    images = np.repeat(IMAGES[:, :26, :26], 3, axis=3)
    assert faulty(images, fault, 5.0).shape == images.shape
    if fault == "blur":  # colours and images do not run into one another
        assert np.array_equal(faulty(images, fault, 5.0)[..., 0], faulty(images[..., :1], fault, 5.0)[..., 0])
        assert np.array_equal(faulty(images, fault, 5.0)[:1], faulty(images[:1], fault, 5.0))


def test_strengths_rise_and_there_are_three_of_each() -> None:
    assert all(list(row) == sorted(set(row)) and len(row) >= 3 and row[0] > 0 for row in FAULTS.values())


def test_modes_go_and_the_number_of_images_stays() -> None:
    random = np.random.default_rng(0)
    dropped = np.arange(100) < 40
    members = [without_modes(random.permutation(100), dropped, strength) for strength in (0.0, 0.5, 0.75, 1.0)]
    assert [len(np.unique(one)) for one in members] == [60, 60, 60, 60]
    assert [int(dropped[one].sum()) for one in members] == [24, 12, 6, 0]


def test_copies_are_of_a_few() -> None:
    members = with_others(np.arange(100, 200), np.arange(12), 0.75)
    assert len(members) == 100
    assert len(np.unique(members)) == 25 + 12
    assert np.array_equal(with_others(np.arange(100, 200), np.arange(12), 0.0), np.arange(100, 200))


def test_untrained_images_are_the_same_each_time() -> None:
    images = untrained_images(7, (28, 28, 3))
    assert images.dtype == np.uint8
    assert images.shape == (7, 28, 28, 3)
    assert np.array_equal(images, untrained_images(7, (28, 28, 3)))
    assert len(np.unique(images.reshape(7, -1), axis=0)) == 7
