import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganetic.data import Annotations, hold_out, partition, some_of_each_class
from ganetic.data.image_set import annotations
from ganetic.errors import UserError


def a_set(
    count: int, labels: list[int] | None = None, groups: list[int] | None = None, split: list[int] | None = None
) -> Annotations:
    arrays = [None if values is None else np.array(values) for values in (labels, split, groups)]
    return annotations("planted", "planted", count, arrays[0], (), arrays[1], arrays[2])


@st.composite
def sets(draw: st.DrawFn) -> Annotations:
    count = draw(st.integers(16, 80))
    numbers = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    pairs = st.permutations([*range(count // 2), *range(count - count // 2)])
    return a_set(count, draw(st.none() | numbers), draw(st.none() | pairs))


@settings(max_examples=60, deadline=None)
@given(sets(), st.floats(0.05, 0.5), st.integers(2, 40))
def test_roles_divide_the_set_and_no_group(images: Annotations, share: float, most: int) -> None:
    training, held_out = hold_out(images, share, most)
    assert np.array_equal(np.sort(np.concatenate([training, held_out])), np.arange(images.count))
    assert 0 < len(held_out) <= most
    if images.groups is not None:
        assert not set(images.groups[training]) & set(images.groups[held_out])
    again = hold_out(images, share, most)
    assert np.array_equal(training, again[0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(5, 40), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_as_many_of_each_class_are_held_out_as_its_share_asks_for(sizes: list[int], order: object) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    order.shuffle(labels)  # type: ignore[attr-defined]
    if len(labels) < 16:
        return
    images = a_set(len(labels), labels)
    assert images.labels is not None
    _, held_out = hold_out(images, 0.2)
    wanted = [round(round(0.2 * len(labels)) / len(labels) * size) for size in sizes]
    assert np.bincount(images.labels[held_out], minlength=len(sizes)).tolist() == wanted


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=16, max_size=60), st.floats(0.02, 0.9), st.integers(8, 40))
def test_every_class_of_two_images_is_on_both_sides(labels: list[int], share: float, most: int) -> None:
    images = a_set(len(labels), labels)
    training, held_out = hold_out(images, share, most)
    assert 0 < len(held_out) <= most
    if images.labels is not None:
        common = set(np.flatnonzero(np.bincount(images.labels) > 1))
        assert common <= set(images.labels[training]) & set(images.labels[held_out])


def test_a_class_of_large_groups_gives_its_smallest() -> None:
    groups = [0] * 10 + [1] * 9 + [2] * 11 + [*range(3, 33)]
    images = a_set(60, [0] * 30 + [1] * 30, groups)
    _, held_out = hold_out(images)
    assert held_out[held_out < 30].tolist() == list(range(10, 19))
    assert (held_out >= 30).sum() == 6


def test_a_single_group_cannot_be_divided() -> None:
    with pytest.raises(UserError, match=r"planted: nothing can be held out of it; expected .* two patients"):
        hold_out(a_set(20, groups=[7] * 20))


def test_classes_of_one_image_are_divided_together() -> None:
    for labels, alone in (([*range(20)], 4), ([0] * 10 + [*range(1, 11)], 2)):
        _, held_out = hold_out(a_set(20, labels))
        assert len(held_out) == 4
        assert (np.bincount(labels)[np.array(labels)[held_out]] == 1).sum() == alone


def test_a_single_class_of_one_image_trains() -> None:
    training, _ = hold_out(a_set(20, [1] + [0] * 19))
    assert 0 in training


def test_a_given_split_is_used() -> None:
    images = a_set(40, split=[0, 1, 2, 0] * 10)
    assert images.split is not None
    training, held_out = hold_out(images, 0.2)
    assert set(images.split[training]) == {0}
    assert len(training) == 20
    assert len(held_out) == 20
    assert len(hold_out(images, 0.2, 7)[1]) == 7


def test_a_split_with_one_side_is_refused() -> None:
    with pytest.raises(UserError, match="its split has no images on one side"):
        hold_out(a_set(20, split=[0] * 20))


def test_sets_of_a_hundred_images_can_be_divided() -> None:
    training, held_out = hold_out(a_set(100, [0, 1] * 50))
    assert (len(training), len(held_out)) == (80, 20)


@settings(max_examples=40, deadline=None)
@given(st.integers(260, 500), st.integers(1, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_a_patient_plays_one_role_in_a_search(count: int, most: int, seed: int, with_split: bool) -> None:
    groups = np.sort(np.random.default_rng(seed).integers(0, count // most, count))
    split = (groups % 3 == 0).astype(int).tolist() if with_split else None
    parts = partition(a_set(count, None, groups.tolist(), split), 2000)
    assert not set(groups[parts.gan]) & set(groups[parts.reference])
    assert len(parts.gan) + len(parts.reference) <= count
    assert len(parts.reference) >= 64
    assert len(parts.floor) == len(parts.reference)


def test_patients_who_all_have_one_image_change_nothing() -> None:
    alone, without = partition(a_set(300, None, list(range(300))), 2000), partition(a_set(300), 2000)
    assert np.array_equal(alone.gan, without.gan)
    assert np.array_equal(alone.reference, without.reference)


def test_patients_with_so_many_images_that_too_few_are_left_to_compare_with_are_refused() -> None:
    with pytest.raises(UserError, match="whole patients leave 0 images to compare with; expected at least 64"):
        partition(a_set(300, None, [0] * 200 + [1] * 100), 100)


# Some of each class


@settings(max_examples=60, deadline=None)
@given(sets(), st.integers(1, 12))
def test_a_few_of_each_class_are_whole_groups_of_training_images(images: Annotations, count: int) -> None:
    training, _ = hold_out(images)
    try:
        chosen = some_of_each_class(images, training, count)
    except UserError as error:
        assert "lower per_class" in str(error)
        return
    assert set(chosen) <= set(training) and len(set(chosen)) == len(chosen)
    labels = np.zeros(images.count, int) if images.labels is None else images.labels
    sizes = np.bincount(labels[chosen])
    assert sizes.min() >= 1 and sizes.max() <= count
    if images.groups is None:
        assert set(sizes) == {count}
    else:
        inside = np.isin(images.groups, images.groups[chosen])
        assert set(np.flatnonzero(inside)) == set(chosen)
    assert np.array_equal(chosen, some_of_each_class(images, training, count))


def test_few_images_are_a_part_of_more_where_nobody_belongs_together() -> None:
    images = a_set(400, [0, 1] * 200)
    training, _ = hold_out(images)
    few, more = (some_of_each_class(images, training, count) for count in (20, 60))
    assert set(few) < set(more)
    assert np.diff(few).max() > 4  # no block of the set


def test_patients_of_several_images_leave_a_class_nearly_full() -> None:
    images = a_set(600, [0, 1] * 300, [place // 6 for place in range(600)])
    training, _ = hold_out(images)
    chosen = some_of_each_class(images, training, 50)
    assert images.labels is not None
    assert np.bincount(images.labels[chosen]).tolist() == [48, 48]


def test_a_class_with_too_few_images_is_named() -> None:
    images = a_set(100, [0] * 80 + [1] * 20)
    with pytest.raises(UserError, match=r'planted: class "1" has 16 images that may train; expected at least 30'):
        some_of_each_class(images, hold_out(images)[0], 30)
    one = a_set(100, [0] * 50 + [1] * 50, [*range(50), *[50 + place % 2 for place in range(50)]])
    with pytest.raises(UserError, match=r'class "1" has no patient of few enough images'):
        some_of_each_class(one, hold_out(one)[0], 10)
