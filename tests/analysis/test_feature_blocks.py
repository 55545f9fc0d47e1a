import numpy as np
import pytest

from analysis.feature_blocks import FAULTS, PIXEL_FAULTS, Seen, chosen, faulty


@pytest.mark.parametrize("fault", PIXEL_FAULTS)
def test_stronger_faults_change_pixels_more(fault: str) -> None:
    images = np.random.default_rng(0).integers(60, 200, (20, 28, 28, 1), dtype=np.uint8)
    changes = [(faulty(images, fault, strength, seed=1) - images.astype(float)) for strength in FAULTS[fault]]
    sizes = [float(change.std()) for change in changes]
    assert 0 < sizes[0] < sizes[1]
    assert abs(changes[1].mean()) < 1
    if fault != "blur":
        assert sizes == pytest.approx(FAULTS[fault], rel=0.05)


def test_a_class_goes_and_the_number_of_images_stays() -> None:
    labels, others = np.repeat([0, 1, 2], [60, 30, 10]), np.arange(100)
    members = [chosen("class", strength, others, labels, np.random.default_rng(0)) for strength in (0, 0.5, 1)]
    assert [len(np.unique(one)) for one in members] == [90, 90, 90]
    assert [(labels[one] == 2).sum() for one in members] == [9, 4, 0]


def test_copies_are_of_so_many_images() -> None:
    others = np.arange(500, 1000)
    members = chosen("copies", 200, others, others, np.random.default_rng(0))
    assert (len(members), len(np.unique(members))) == (500, 200)
    assert np.isin(members, others).all()
    assert np.array_equal(chosen("copies", 0, others, others, np.random.default_rng(0)), others)


def test_what_was_seen_is_summed_up_over_divisions() -> None:
    logs = np.array([[0.0, 1.0, 5.0], [0.0, 3.0, 2.0]])
    seen = Seen("cnn64", "set", "blur", logs)
    assert seen.clear == pytest.approx(2 / 2**0.5)
    assert seen.order == pytest.approx((1 + 0.5) / 2)
    assert seen.sd == pytest.approx(2**0.5)
    assert list(Seen("cnn64", "set", "class", logs).steps) == [5, 2]
