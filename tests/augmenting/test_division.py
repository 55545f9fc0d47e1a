"""One split, whole patients on one side, and subsets that grow."""

from pathlib import Path

import numpy as np
import pytest

from ganetic.augmenting.config import AugmentConfig
from ganetic.augmenting.division import divide, draw_subset
from ganetic.augmenting.fingerprints import LeakError, assert_unseen, fingerprints
from ganetic.augmenting.gan import GanRequest, Generated
from ganetic.data import load_images
from ganetic.errors import UserError
from ganetic.studies.augment import augment
from tests.augmenting.planted import config, noise, serial, write_set


def divided(data: str, **changed: object):  # type: ignore[no-untyped-def]
    images = load_images(data)
    return images, divide(images, config(data, **changed))


def test_no_patient_is_on_two_sides_and_the_split_repeats(tmp_path: Path) -> None:
    images, division = divided(write_set(tmp_path / "set.npz"))
    parts = (division.pool, division.validation, division.test)
    assert images.groups is not None
    owners = [set(images.groups[part]) for part in parts]
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]
    assert sum(map(len, parts)) == 200
    assert division.are_patients_known
    again = divided(f"npz:{tmp_path / 'set.npz'}")[1]
    assert again.sha256 == division.sha256
    assert divided(f"npz:{tmp_path / 'set.npz'}", seed=1)[1].sha256 != division.sha256


def test_a_split_with_a_patient_on_two_sides_is_refused(tmp_path: Path) -> None:
    split = np.tile([0, 0, 0, 1, 2], 40)
    data = write_set(tmp_path / "set.npz", patients=False, split=split, patient=np.arange(200) // 2)
    with pytest.raises(UserError, match="patients have images on both sides of the split"):
        divided(data)


def test_a_patient_who_validates_and_tests_is_refused(tmp_path: Path) -> None:
    split = np.tile([0, 0, 1, 2], 50)
    patient = np.where(split == 0, np.arange(200), 1000 + np.arange(200) // 4)
    data = write_set(tmp_path / "set.npz", patients=False, split=split, patient=patient)
    with pytest.raises(UserError, match=r"groups .* have images in two parts of the split"):
        divided(data)


def test_unknown_patients_are_said_and_duplicates_of_judging_images_left_out(tmp_path: Path) -> None:
    data = write_set(tmp_path / "set.npz", patients=False)
    arrays = dict(np.load(tmp_path / "set.npz"))
    arrays["split"] = np.tile([0, 0, 1, 2], 50)
    arrays["images"][0] = arrays["images"][3]  # a training image is a test image
    arrays["images"][4] = np.clip(arrays["images"][2].astype(int) + 3, 0, 255)  # another is nearly a validation image
    np.savez(tmp_path / "set.npz", **arrays)
    images, division = divided(data)
    assert not division.are_patients_known
    assert "patients unknown: intervals are too narrow" in division.sentences[0]
    assert division.sentences[1].startswith("2 images were left out")
    assert {0, 4}.isdisjoint(division.pool)
    known = set(fingerprints(images.images[division.judging]))
    assert known.isdisjoint(fingerprints(images.images[division.pool]))


def test_a_split_of_two_parts_tests_on_the_second(tmp_path: Path) -> None:
    split = np.tile([0, 0, 0, 1], 50)
    _, division = divided(write_set(tmp_path / "set.npz", patients=False, split=split))
    np.testing.assert_array_equal(division.test, np.flatnonzero(split == 1))
    assert len(division.validation) == pytest.approx(0.15 * 150, abs=4)


def test_smaller_subsets_are_in_larger_ones_of_a_draw() -> None:
    labels, pool = np.tile([0, 1], 50), np.arange(80)
    small, large = (draw_subset(labels, pool, size, 3, 0) for size in (5, 20))
    assert set(small) < set(large)
    np.testing.assert_array_equal(labels[large], np.repeat([0, 1], 20))
    assert set(draw_subset(labels, pool, 5, 4, 0)) != set(small)


def test_a_test_image_never_trains_a_gan() -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 1)).astype(np.uint8)
    assert_unseen(images[:5], fingerprints(images[5:]))
    with pytest.raises(LeakError, match="1 of 6 images that train a GAN validate or test"):
        assert_unseen(images[:6], fingerprints(images[5:]))


def test_what_a_gan_is_given_is_the_subset_and_nothing_else(tmp_path: Path) -> None:
    seen: list[GanRequest] = []

    def remember(request: GanRequest) -> Generated:
        seen.append(request)
        return noise(request)

    data = write_set(tmp_path / "set.npz")
    images, division = divided(data)
    study = augment(
        config(data, draws=2, classifier={"kind": "small", "steps": 1, "seeds": 1}),
        tmp_path / "run",
        serial(),
        make=remember,
    )
    judging = set(fingerprints(images.images[division.judging]))
    for request in seen:
        assert request.subset.count == 40
        assert judging.isdisjoint(fingerprints(request.subset.images))
    assert len({one.subset_sha256 for one in study.draws}) == 2
    assert study.meta["split"] == division.sha256


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sizes": (20, 90)}, 'sizes go up to 90 images a class; the training side has 5. of "0"'),
        ({"test": 0.05, "sizes": (4,)}, r'test images of "\d"; expected at least 20 of each class'),
    ],
)
def test_too_few_images_are_one_line(changed: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said) as caught:
        divided(write_set(tmp_path / "set.npz"), **changed)
    assert "\n" not in str(caught.value)


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has one class only, or no labels; expected two classes or more"):
        divided(write_set(tmp_path / "set.npz", classes=1))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"shares": (-0.5,)}, "shares"),
        ({"shares": (0.0,)}, "shares"),
        ({"shares": (20.0,)}, "shares"),
        ({"shares": (1.0, 0.5)}, "shares are 1, 0.5; expected rising numbers"),
        ({"sizes": (100, 50)}, "sizes are 100, 50; expected rising numbers"),
        ({"sizes": ()}, "sizes"),
        ({"profile": "x-ray"}, 'did you mean "xray"'),
        ({"profile": "none"}, "which changes nothing"),
        ({"validation": 0.5, "test": 0.5}, "take 1 of the images; expected at most 0.8"),
        ({"classifier": {"kind": "small", "backbone": "resnet18:file"}}, "leave it out"),
        ({"classifier": {"backbone": "resnet18"}}, "expected ARCHITECTURE:FILE"),
    ],
)
def test_settings_that_mean_nothing_are_refused(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AugmentConfig.model_validate({"data": "x", "sizes": (10,), **keys})
