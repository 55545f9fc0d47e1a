import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganetic.data import load_images
from ganetic.data.groups import groups_of, hash_of_split, near_duplicates, refuse_leakage, split_by_group
from ganetic.data.image_set import ImageSet, Indices
from ganetic.errors import UserError
from tests.data.shared_sets import shared_set


def noise(count: int, side: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (count, side, side, 1)).astype(np.uint8)


def a_set(images: np.ndarray, groups: Indices | None = None) -> ImageSet:
    return ImageSet(name="planted", count=len(images), groups=groups, images=images, fingerprint="0" * 64)


def test_patients_are_the_groups_where_they_are_known() -> None:
    found = groups_of(a_set(noise(4), np.array([7, 3, 7, 9])))
    assert found.are_known
    assert found.ids.tolist() == [1, 0, 1, 2]
    assert "4 images of 3 patients" in found.sentence


def test_near_duplicates_are_grouped_where_patients_are_unknown() -> None:
    images = noise(5)
    brighter = images[1] + np.uint8(40)
    richer = (images[3] * 1.2).astype(np.uint8)
    found = groups_of(a_set(np.concatenate([images, images[:1], brighter[np.newaxis], richer[np.newaxis]])))
    assert found.ids.tolist() == [0, 1, 2, 3, 4, 0, 1, 3]
    assert not found.are_known
    assert found.sentence.startswith("patients unknown: intervals are too narrow")


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    first, last = noise(2)
    between = (first // 2 + last // 2).astype(np.uint8)
    assert near_duplicates(np.stack([first, last]), 1.0).tolist() == [0, 1]
    assert near_duplicates(np.stack([first, last, between]), 1.0).tolist() == [0, 0, 0]


def test_images_of_one_value_are_near_no_others() -> None:
    flat = np.zeros((2, 12, 12, 1), np.uint8)
    flat[1] = 90
    assert near_duplicates(np.concatenate([noise(2), flat])).tolist() == [0, 1, 2, 2]


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 200), st.integers(0, 2**31), st.sampled_from([(0.6, 0.1, 0.3), (0.5, 0.5), (0.8, 0.15, 0.05)]))
def test_every_image_is_in_one_part_and_no_group_in_two(count: int, seed: int, fractions: tuple[float, ...]) -> None:
    stream = np.random.default_rng(seed)
    ids, labels = stream.integers(0, count // 2, count), np.repeat([0, 1], [count - 30, 30])
    try:
        parts = split_by_group(labels, ids, fractions, seed)
    except UserError as error:
        assert "too few" in str(error)
        return
    refuse_leakage("planted", ids, parts)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(count))
    assert all(set(labels[part]) == {0, 1} for part in parts)


def test_parts_have_the_same_shares_of_every_class() -> None:
    labels = np.repeat([0, 1, 2], [300, 100, 60])
    ids = np.random.default_rng(1).permutation(np.arange(460) // 2)
    parts = split_by_group(labels, ids, (0.6, 0.1, 0.3), 3)
    for part, fraction in zip(parts, (0.6, 0.1, 0.3), strict=True):
        shares = np.bincount(labels[part]) / (300, 100, 60)
        assert shares == pytest.approx(fraction, abs=0.05)


def test_the_seed_decides_the_parts_and_the_hash_knows_them() -> None:
    labels, ids = np.repeat([0, 1], [80, 40]), np.arange(120)
    first, again, other = (split_by_group(labels, ids, (0.5, 0.5), seed) for seed in (0, 0, 1))
    assert hash_of_split(ids, first) == hash_of_split(ids, again)
    assert hash_of_split(ids, first) != hash_of_split(ids, other)
    assert hash_of_split(ids, first) != hash_of_split(ids, first[::-1])
    assert hash_of_split(ids, first) != hash_of_split(ids // 2, first)


def test_the_hash_stays_what_it_was() -> None:
    found = hash_of_split(np.array([0, 0, 1, 2]), [np.array([0, 1]), np.array([3])])
    assert found == "590501aa916b4d1268bcc3dd528a5432de5e76cb25411b55664c8fe7408b7109"


def test_a_group_on_two_sides_is_refused() -> None:
    ids = np.array([0, 1, 1, 2])
    refuse_leakage("planted", ids, [np.array([0]), np.array([1, 2]), np.array([3])])
    with pytest.raises(UserError, match=r"planted: 1 of 3 groups .* such as images 1, 2; expected"):
        refuse_leakage("planted", ids, [np.array([0, 1]), np.array([2, 3])])


@pytest.mark.parametrize(("normal", "groups"), [(19, 19), (40, 5)])
def test_too_few_images_or_groups_are_refused(normal: int, groups: int) -> None:
    with pytest.raises(UserError, match="too few to divide"):
        split_by_group(np.zeros(normal, np.int64), np.arange(normal) % groups, (0.5, 0.5), 0)


def test_a_class_that_cannot_be_in_every_part_is_refused() -> None:
    labels = np.repeat([0, 1], [40, 1])
    with pytest.raises(UserError, match="class number 1: 1 images in 1 groups are too few"):
        split_by_group(labels, np.arange(41), (0.5, 0.5), 0)


@pytest.mark.slow
def test_brain_scans_have_the_near_duplicates_that_were_counted() -> None:
    found = groups_of(load_images(shared_set("brain_mri64")))
    assert found.count == 2823
    assert np.bincount(found.ids).max() == 4
