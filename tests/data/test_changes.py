import numpy as np
import pytest

from ganetic.data import ImageSet, load_images
from ganetic.data.changes import resize, select_classes
from ganetic.data.load import all_or_split
from ganetic.data.raw import RawImages, raw_images
from ganetic.errors import UserError


def ready(raw: RawImages) -> ImageSet:
    return raw.ready(None, all_or_split, lambda _: "planted")


def test_some_classes_of_a_set() -> None:
    digits = load_images("digits")
    assert digits.labels is not None
    few = load_images("digits", classes=["8", "3"])
    assert few.class_names == ("3", "8")
    assert few.labels is not None
    assert np.array_equal(few.images[few.labels == 1], digits.images[digits.labels == 8])
    assert few.fingerprint != digits.fingerprint
    one = load_images("digits", classes=["3"])
    assert (one.labels, one.class_names) == (None, ())
    assert len(one.images) == (digits.labels == 3).sum()


def test_split_and_groups_follow_the_images() -> None:
    pixels = np.arange(40, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2)
    labels, numbers = np.arange(40) % 2, np.arange(40)
    images = raw_images("planted", "planted", pixels, labels, ("a", "b"), numbers // 4, numbers // 2)
    odd = ready(select_classes(images, ["b"]))
    assert odd.split is not None
    assert odd.groups is not None
    assert odd.images[:, 0, 0, 0].tolist() == list(range(1, 40, 2))
    assert odd.split.tolist() == [number // 4 for number in range(1, 40, 2)]
    assert len(odd.groups) == 20


def test_unknown_classes_and_sets_without_any_are_refused() -> None:
    with pytest.raises(UserError, match='digits: unknown class "33"; expected one of 0, 1'):
        load_images("digits", classes=["33"])
    with pytest.raises(UserError, match="histology: has no labels"):
        load_images("histology", classes=["gland"])


def test_classes_have_numbers_where_no_name_is_one() -> None:
    pixels, labels = np.zeros((60, 8, 8), np.uint8), np.arange(60) % 3
    named = raw_images("named", "named", pixels, labels, ("a", "b", "c"))
    assert select_classes(named, ["0", "c"]).known.class_names == ("a", "c")
    with pytest.raises(UserError, match='named: unknown class "3"; expected one of a, b, c'):
        select_classes(named, ["3"])
    fives = raw_images("fives", "fives", pixels, labels * 5)
    with pytest.raises(UserError, match='fives: unknown class "1"; expected one of 0, 10, 5'):
        select_classes(fives, ["1"])


def test_no_class_and_too_few_images_are_refused() -> None:
    few = raw_images("few", "few", np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2)
    with pytest.raises(UserError, match="few: no classes are named; expected some of 0, 1"):
        select_classes(few, [])
    with pytest.raises(UserError, match="few: classes 1: 10 images are too few"):
        select_classes(few, ["1"])


@pytest.mark.parametrize("size", [0, -1, 5000])
def test_sizes_that_no_image_may_have_are_refused(size: int) -> None:
    images = ready(raw_images("few", "few", np.zeros((20, 8, 8), np.uint8), None))
    with pytest.raises(UserError, match=f"few: cannot be resized to {size} pixels a side; expected 1 to 1024"):
        resize(images, size)


def test_a_smaller_size_keeps_the_mean_and_does_not_alias() -> None:
    digits = load_images("digits")
    assert resize(digits, 32) is digits
    small = resize(digits, 8)
    assert small.name == "digits-8"
    assert small.images.shape == (1797, 8, 8, 1)
    assert np.abs(small.images.mean((1, 2, 3)) - digits.images.mean((1, 2, 3))).max() < 4
    board = np.indices((64, 64)).sum(0) % 2 * 255
    checkered = ready(raw_images("c", "c", np.repeat(board[None], 16, 0).astype(np.uint8), None))
    assert np.ptp(resize(checkered, 32).images[:, 8:-8, 8:-8]) <= 2


def test_histology_is_there_without_a_network_and_its_sides_share_no_pixel() -> None:
    images = load_images("histology")
    assert images.images.shape[1:] == (64, 64, 3)
    assert images.split is not None
    assert "one slide" in resize(images, 32).notes[0]
    assert 800 < len(images.images) < 1500
    assert 0.1 < images.split.mean() < 0.3
    rows = {picture[row].tobytes() for picture in images.images[images.split == 0] for row in range(64)}
    assert not any(picture[row].tobytes() in rows for picture in images.images[images.split == 1] for row in range(64))
