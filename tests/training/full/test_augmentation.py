import math

import pytest
import torch
from torch import Tensor

from ganetic.errors import UserError
from ganetic.reproducible import random_stream
from ganetic.training.augmentation import AUGMENTATIONS, augment


def stream(seed: int = 0) -> torch.Generator:
    return random_stream(seed, "augmentation")


@pytest.fixture
def images() -> Tensor:
    return 2 * torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 1


def test_none_changes_nothing_and_draws_nothing(images: Tensor) -> None:
    generator = stream()
    assert torch.equal(augment(images, (), generator), images)
    assert torch.equal(generator.get_state(), stream().get_state())


@pytest.mark.parametrize("names", [*((name,) for name in AUGMENTATIONS), tuple(AUGMENTATIONS)])
def test_a_stream_decides_and_values_stay_in_range(names: tuple[str, ...], images: Tensor) -> None:
    before = images.clone()
    changed = augment(images, names, stream())
    assert torch.equal(images, before)
    assert changed.shape == images.shape
    assert changed.abs().max() <= 1
    assert torch.equal(changed, augment(images, names[::-1], stream()))
    assert not torch.equal(changed, augment(images, names, stream(1)))


def test_flip_mirrors_about_half(images: Tensor) -> None:
    changed = augment(images, ("flip",), stream())
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(changed, images, strict=True)]
    kept = [torch.equal(new, old) for new, old in zip(changed, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 20 <= sum(mirrored) <= 44


def test_crop_shifts_by_whole_pixels_and_reflects(images: Tensor) -> None:
    changed = augment(images, ("crop",), stream())
    padded = torch.nn.functional.pad(images, (4, 4, 4, 4), mode="reflect")
    places = set()
    for new, old in zip(changed, padded, strict=True):
        found = [(y, x) for y in range(9) for x in range(9) if torch.equal(new, old[:, y : y + 32, x : x + 32])]
        assert len(found) == 1
        places.add(found[0])
    assert {y for y, _ in places} == {x for _, x in places} == set(range(9))


def test_rotation_turns_about_the_centre_by_ten_degrees_at_most() -> None:
    # A dot right of the centre: where it lands tells the angle, which must be spread evenly over the range.
    rows, columns = torch.meshgrid(torch.arange(65.0), torch.arange(65.0), indexing="ij")
    dot = torch.exp(-((rows - 32) ** 2 + (columns - 56) ** 2) / 8)
    changed = augment(dot.expand(200, 1, 65, 65), ("rotation",), stream())[:, 0]
    weight = changed / changed.sum((1, 2), keepdim=True)
    down, right = (weight * (rows - 32)).sum((1, 2)), (weight * (columns - 32)).sum((1, 2))
    degrees = torch.atan2(down, right) * 180 / math.pi
    assert ((down.square() + right.square()).sqrt() - 24).abs().max() < 0.1
    assert degrees.abs().max() <= 10.1
    assert degrees.max() > 8
    assert degrees.min() < -8
    assert degrees.std() == pytest.approx(20 / math.sqrt(12), rel=0.15)


def test_an_unknown_name_is_refused(images: Tensor) -> None:
    with pytest.raises(UserError, match='unknown augmentation "flop"; expected one of crop, flip, rotation; did you'):
        augment(images, ("flop",), stream())
