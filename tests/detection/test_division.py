from dataclasses import replace

import numpy as np
import pytest

from ganetic.data import ImageSet
from ganetic.data.fingerprints import fingerprints
from ganetic.data.image_set import annotations, finished
from ganetic.detection.division import divide_normals
from ganetic.errors import UserError
from tests.detection.gans import noise

NONE = np.empty(0, np.int64)


def image_set(count: int = 100, split: object = None, groups: object = None, labels: bool = True) -> ImageSet:
    classes = np.arange(count) % 2 if labels else None
    names = ("healthy", "sick") if labels else ()
    known = annotations("set", "set", count, classes, names, split, groups)  # type: ignore[arg-type]
    return finished(known, noise(count))


def test_a_fifth_of_the_normal_images_validates() -> None:
    images = image_set()
    training, validation = divide_normals(images, ["healthy"], NONE)
    assert (len(training), len(validation)) == (40, 10)
    assert sorted([*training, *validation]) == list(range(0, 100, 2))
    again = divide_normals(images, ["healthy"], NONE)
    np.testing.assert_array_equal(validation, again[1])


def test_what_the_gan_has_seen_never_validates() -> None:
    images = image_set()
    seen = fingerprints(images.images[np.arange(0, 84, 2)])
    training, validation = divide_normals(images, ["healthy"], seen)
    assert validation.tolist() == list(range(84, 100, 2))
    assert training.tolist() == list(range(0, 84, 2))


def test_a_group_that_the_gan_has_seen_a_part_of_never_validates() -> None:
    images = image_set(groups=np.arange(100) // 10)
    seen = np.sort(fingerprints(images.images[[0, 10, 20, 30, 40, 50, 60]]))
    training, validation = divide_normals(images, ["healthy"], seen)
    assert set(validation // 10) <= {7, 8, 9}
    assert len(validation) == 10
    assert not set(validation // 10) & set(training // 10)


def test_groups_stay_together() -> None:
    images = image_set(groups=np.arange(100) // 8)
    training, validation = divide_normals(images, ["healthy"], NONE)
    assert not set(training // 8) & set(validation // 8)
    assert 10 <= len(validation) <= 14


def test_a_split_decides_and_its_test_images_have_no_part() -> None:
    split = np.repeat([0, 1, 2], [60, 20, 20])
    training, validation = divide_normals(image_set(split=split), ["healthy"], NONE)
    assert training.tolist() == list(range(0, 60, 2))
    assert validation.tolist() == list(range(60, 80, 2))


def test_a_split_without_validation_leaves_that_to_what_the_gan_has_not_seen() -> None:
    images = image_set(split=np.repeat([0, 2], [80, 20]))
    training, validation = divide_normals(images, ["healthy"], fingerprints(images.images[:70:2]))
    assert validation.tolist() == [70, 72, 74, 76, 78]
    assert training.tolist() == list(range(0, 70, 2))


def test_a_set_without_classes_is_normal_as_a_whole() -> None:
    training, validation = divide_normals(image_set(labels=False), [], NONE)
    assert (len(training), len(validation)) == (80, 20)


def test_classes_may_be_numbered() -> None:
    assert (
        divide_normals(image_set(), ["0"], NONE)[1].tolist()
        == divide_normals(image_set(), ["healthy"], NONE)[1].tolist()
    )


@pytest.mark.parametrize(
    ("labels", "normal", "said"),
    [
        (True, ["helthy"], 'set: unknown class "helthy"; expected one of healthy, sick; did you mean "healthy"?'),
        (True, [], "set: no normal class is named; expected --normal with some of healthy, sick"),
        (
            False,
            ["healthy"],
            "set: has one class only, or no labels, so that no class can be named; leave --normal out",
        ),
    ],
)
def test_what_is_not_clear_is_one_line(labels: bool, normal: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        divide_normals(image_set(labels=labels), normal, NONE)
    assert str(caught.value).startswith(said)


def test_a_gan_of_other_classes_is_refused() -> None:
    images = image_set()
    with pytest.raises(UserError, match=r"the GAN was trained on 3 images of classes that are not normal \(sick\)"):
        divide_normals(images, ["healthy"], fingerprints(images.images[[1, 3, 5, 2]]))


def test_a_copy_in_another_class_is_no_image_of_that_class() -> None:
    images = image_set()
    images.images[1] = images.images[2]
    assert len(divide_normals(images, ["healthy"], fingerprints(images.images[:6:2]))[0])


def test_a_gan_that_has_seen_all_is_refused() -> None:
    images = image_set()
    with pytest.raises(UserError, match="set: the GAN has seen all 50 normal images; expected others to validate with"):
        divide_normals(images, ["healthy"], fingerprints(images.images[::2]))
    with pytest.raises(UserError, match="none of the normal images is on side 0 or 1 of its split"):
        divide_normals(replace(images, split=np.full(100, 2)), ["healthy"], NONE)
