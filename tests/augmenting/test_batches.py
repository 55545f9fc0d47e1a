"""Which images a classifier sees: in all arms of the same classes, and in the shares that an arm names."""

import numpy as np
import pytest

from ganetic.augmenting.batches import Mixture, Picks, Table

PICKS = Picks.of(400, 50, (1, 2))
TABLE = Table(classes=2, size=10, copies=3)


def generated(each: int) -> tuple[np.ndarray, ...]:
    first = TABLE.first_generated
    return np.arange(first, first + each), np.arange(first + each, first + 2 * each)


def test_real_images_alone_are_seen_equally_often() -> None:
    counts = np.bincount(TABLE.rows(PICKS, Mixture()).ravel(), minlength=20)
    assert len(counts) == 20
    assert counts.min() > 0.85 * counts.mean()


def test_copies_stand_in_for_their_own_image() -> None:
    plain, changed = TABLE.rows(PICKS, Mixture()), TABLE.rows(PICKS, Mixture(copies=True))
    np.testing.assert_array_equal(changed % 20, plain)
    assert np.bincount(changed.ravel() // 20, minlength=4) == pytest.approx(5000, rel=0.05)


@pytest.mark.parametrize("share", [0.5, 1.0, 3.0])
def test_generated_images_are_the_share_that_is_named_and_of_the_same_class(share: float) -> None:
    members = generated(round(10 * share))
    rows = TABLE.rows(PICKS, Mixture(share=share, members=members))
    is_generated = rows >= TABLE.first_generated
    assert is_generated.mean() == pytest.approx(share / (1 + share), abs=0.01)
    np.testing.assert_array_equal(rows[~is_generated], TABLE.rows(PICKS, Mixture())[~is_generated])
    labels = TABLE.labels(PICKS)
    for label, own in enumerate(members):
        assert set(rows[is_generated & (labels == label)]) == set(own)


def test_of_as_many_generated_images_each_has_the_place_of_a_real_one() -> None:
    rows = TABLE.rows(PICKS, Mixture(share=1.0, members=generated(10)))
    plain = TABLE.rows(PICKS, Mixture())
    np.testing.assert_array_equal(np.where(rows < 20, rows, rows - TABLE.first_generated), plain)


def test_a_class_without_generated_images_keeps_its_real_ones() -> None:
    first, _ = generated(5)
    rows, labels = TABLE.rows(PICKS, Mixture(share=1.0, members=(first, first[:0]))), TABLE.labels(PICKS)
    assert (rows[labels == 1] < 20).all()
    assert (rows[labels == 0] >= TABLE.first_generated).any()
