import numpy as np
import pytest

from ganetic.data.groups import refuse_leakage
from ganetic.detection.split import DetectionSplit, split_for_detection
from ganetic.errors import UserError
from tests.detection.planted import a_set

MANY = [0] * 120 + [1] * 60


def parts(split: DetectionSplit) -> tuple[np.ndarray, ...]:
    return split.training, split.validation, split.test


def test_only_normal_images_train_and_validate_and_all_others_test() -> None:
    images = a_set(MANY)
    split = split_for_detection(images, ["well"])
    assert images.labels is not None
    assert (images.labels[split.training] == 0).all() and (images.labels[split.validation] == 0).all()
    assert int(split.anomalous.sum()) == 60 and split.left_out == 0
    assert [len(part) for part in (split.training, split.validation)] == pytest.approx([72, 12], abs=2)
    assert not split.is_official
    assert any("patients unknown: intervals are too narrow" in sentence for sentence in split.sentences)


def test_no_patient_is_on_two_sides_and_their_anomalies_have_no_role() -> None:
    patients = np.concatenate([np.arange(120), np.arange(100)])  # some with a normal and an anomalous eye
    split = split_for_detection(a_set([0] * 120 + [1] * 100, patients), ["well"])
    refuse_leakage("planted", patients, parts(split))
    assert split.left_out == 100 - int(split.anomalous.sum()) > 0
    assert not any("unknown" in sentence for sentence in split.sentences)


def test_the_seed_decides_the_split() -> None:
    images = a_set(MANY)
    first, again, other = (split_for_detection(images, ["well"], seed) for seed in (0, 0, 1))
    assert first.sha256 == again.sha256 != other.sha256


def test_the_sets_own_split_is_used() -> None:
    sides = np.array([0] * 70 + [1] * 20 + [2] * 30 + [0] * 10 + [1] * 10 + [2] * 40)
    split = split_for_detection(a_set(MANY, split=sides), ["well"])
    assert split.is_official
    assert [len(part) for part in parts(split)] == [70, 20, 70]
    assert split.left_out == 20


def test_of_a_split_with_two_sides_a_part_of_the_training_images_validates() -> None:
    sides = np.array([0] * 90 + [1] * 30 + [0] * 20 + [1] * 40)
    split = split_for_detection(a_set(MANY, split=sides), ["well"])
    assert [len(part) for part in parts(split)] == pytest.approx([77, 13, 70], abs=5)
    assert set(split.validation) <= set(range(90))


def test_patients_on_both_sides_of_validation_are_refused() -> None:
    sides = np.array([0] * 70 + [1] * 20 + [2] * 30 + [2] * 60)
    patients = np.arange(180)
    patients[[75, 95]] = 500
    with pytest.raises(UserError, match=r"1 of .* have images in two parts of the split, such as images 75, 95"):
        split_for_detection(a_set(MANY, patients, sides), ["well"])


def test_copies_of_training_images_do_not_test() -> None:
    sides = np.array([0] * 70 + [1] * 20 + [2] * 30 + [2] * 60)
    images = a_set(MANY, split=sides)
    images.images[100] = images.images[0]
    split = split_for_detection(images, ["well"])
    assert 100 not in split.test and split.left_out == 1
    assert split.crossing == 0


@pytest.mark.parametrize(
    ("labels", "normal", "said"),
    [
        ([0] * 60, ["well"], "has one class only"),
        (MANY, [], "no class is called normal; expected some of well, ill"),
        (MANY, ["wel"], 'did you mean "well"'),
        (MANY, ["well", "ill"], "all its classes are called normal"),
        ([0] * 120 + [1] * 19, ["well"], "19 anomalous test images are too few; expected at least 20"),
        ([0] * 50 + [1] * 60, ["well"], "normal validation images are too few; expected at least 10"),
        ([0] * 19 + [1] * 60, ["well"], "19 groups of near-duplicates among the normal images are too few"),
    ],
)
def test_bad_input_is_refused(labels: list[int], normal: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        split_for_detection(a_set(labels), normal)
    assert "\n" not in str(caught.value)


def test_an_own_split_with_few_normal_test_images_is_refused() -> None:
    sides = np.array([0] * 81 + [1] * 20 + [2] * 19 + [2] * 60)
    with pytest.raises(UserError, match="19 normal test images are too few"):
        split_for_detection(a_set(MANY, split=sides), ["well"])
