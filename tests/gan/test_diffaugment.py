import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.gan.diffaugment import Augmentation, draw_both, random_numbers
from ganetic.gan.models import pyramid
from ganetic.gan.profiles import PROFILES, STRENGTH, AugmentationSpec, Profile
from ganetic.reproducible import random_stream

LARGE = Profile(
    mirror=True,
    quarter_turns=True,
    scale=0.3,
    stretch=0.2,
    degrees=30,
    shift=0.1,
    brightness=0.3,
    contrast=0.5,
    saturation=0.5,
    hue_degrees=60,
    cutout=0.5,
)
"""Everything at once."""


def numbers(count: int, seed: int = 0) -> Tensor:
    return random_numbers(count, random_stream(seed, "diffaugment"))


def augmentation(profile: Profile, count: int, strength: float = 1.0, seed: int = 0) -> Augmentation:
    return Augmentation.of(profile, numbers(count, seed), strength)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def smooth(count: int, side: int, channels: int = 1) -> Tensor:
    """Images of a few waves, other ones in each, of which bilinear sampling keeps all but 1 %."""
    places = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    waves = noise(count, channels, 3, 3)
    basis = torch.stack([torch.cos(math.pi * frequency * places + 0.3) for frequency in range(3)])
    return torch.einsum("ncij,ih,jw->nchw", waves, basis, basis) / 5


def changed(augment: Augmentation, images: Tensor) -> Tensor:
    found = augment(images)
    assert isinstance(found, Tensor)
    return found


def picked(augment: Augmentation, index: int) -> Augmentation:
    row = slice(index, index + 1)
    return Augmentation(augment.matrices[row], augment.colours[row], augment.squares[row])


@given(
    profile=st.sampled_from(sorted(PROFILES)),
    side=st.integers(8, 128),
    channels=st.sampled_from([1, 3]),
    strength=st.floats(0, 1),
    last=st.booleans(),
    single=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_shape_type_and_layout_stay_and_the_images_are_not_touched(
    profile: str, side: int, channels: int, strength: float, last: bool, single: bool
) -> None:
    layout = torch.channels_last if last else torch.contiguous_format
    given_images = noise(3, channels, side, side).to(torch.float32 if single else torch.float64)
    images = given_images.contiguous(memory_format=layout)
    before = images.clone()
    found = changed(augmentation(PROFILES[profile], 3, strength), images)
    assert torch.equal(images, before)
    assert (found.shape, found.dtype) == (images.shape, images.dtype)
    assert found.is_contiguous(memory_format=layout)
    # Sampling stays within an image's range, and colours leave it by what the profile says.
    ours = PROFILES[profile]
    saturated = 1 + 2 * 2**ours.saturation if channels == 3 else 1
    assert found.abs().max() <= 2**ours.contrast * (saturated + ours.brightness) + 1e-5


@pytest.mark.parametrize("profile", [*PROFILES.values(), LARGE])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [28, 50])
def test_without_strength_not_a_bit_changes(profile: Profile, channels: int, side: int) -> None:
    images = noise(5, channels, side, side).float()
    assert torch.equal(changed(augmentation(profile, 5, 0.0), images), images)


def test_an_image_to_which_nothing_happens_keeps_its_bits_beside_others_that_change() -> None:
    drawn = numbers(4)
    drawn[1, :, 0] = 0.9
    drawn[3, :, 0] = 0.9
    images = noise(4, 1, 28, 28).float()
    found = changed(Augmentation.of(LARGE, drawn, 0.8), images)
    assert [torch.equal(new, old) for new, old in zip(found, images, strict=True)] == [False, True, False, True]


def test_each_image_has_its_own_changes_which_do_not_depend_on_the_others() -> None:
    image = smooth(1, 32).expand(6, 1, 32, 32)
    drawn = numbers(6)
    together = changed(Augmentation.of(LARGE, drawn, 1.0), image)
    for first in range(6):
        alone = changed(Augmentation.of(LARGE, drawn[first : first + 1], 1.0), image[:1])
        torch.testing.assert_close(alone[0], together[first], rtol=0, atol=1e-12)
        for second in range(first):
            assert (together[first] - together[second]).abs().max() > 0.01


def test_a_strength_is_the_share_of_images_to_which_a_change_happens() -> None:
    drawn = augmentation(LARGE, 4000, 0.3)
    moved = (drawn.matrices[:, :, 2] != 0).all(1).double().mean()
    brightened = (drawn.colours[:, 0, 3] != 0).double().mean()
    cut = (drawn.squares[:, 2] > 0).double().mean()
    for share in (moved, brightened, cut):
        assert float(share) == pytest.approx(0.3, abs=0.03)
    mirrored = (torch.linalg.det(drawn.matrices[:, :, :2]) < 0).double().mean()
    assert float(mirrored) == pytest.approx(0.15, abs=0.025)


def test_a_stronger_augmentation_adds_changes_and_keeps_those_of_a_weaker_one() -> None:
    weak, strong = (augmentation(Profile(degrees=30), 500, strength).matrices for strength in (0.3, 0.7))
    turned = weak[:, 0, 1] != 0
    assert torch.equal(strong[turned], weak[turned])
    assert (strong[:, 0, 1] != 0).sum() > 1.5 * turned.sum()


def test_profile_and_strength_take_the_same_from_the_stream() -> None:
    states = []
    for profile, strength in ((PROFILES["xray"], 0.1), (LARGE, 1.0)):
        stream = random_stream(0, "diffaugment")
        Augmentation.of(profile, random_numbers(8, stream), strength)
        states.append(stream.get_state())
    assert torch.equal(*states)


def test_real_and_generated_images_have_other_changes_and_a_part_has_those_of_the_whole() -> None:
    real, fake = draw_both(LARGE, 6, random_stream(0, "diffaugment"))
    assert not torch.isclose(real.matrices, fake.matrices).flatten(1).all(1).any()
    second = draw_both(LARGE, 6, random_stream(0, "diffaugment"), lambda batch: batch.chunk(2)[1])
    for whole, part in zip((real, fake), second, strict=True):
        assert torch.equal(whole.matrices[3:], part.matrices)
        assert torch.equal(whole.colours[3:], part.colours)
        assert torch.equal(whole.squares[3:], part.squares)


# Geometry


def test_an_x_ray_is_never_mirrored_turned_over_or_inverted() -> None:
    drawn = augmentation(PROFILES["xray"], 2000)
    linear = drawn.matrices[:, :, :2]
    assert (torch.linalg.det(linear) > 0).all()
    degrees = torch.atan2(linear[:, 0, 1], linear[:, 0, 0]).rad2deg().abs()
    assert 6.5 < degrees.max() <= 7
    assert (drawn.matrices[:, :, 2].abs() < 2 * 0.08 * 2**0.18 * 1.2).all()
    steepness = drawn.colours[:, :, :3].sum(2)
    assert ((steepness > 2**-0.3001) & (steepness < 2**0.3001)).all()


@pytest.mark.parametrize(("name", "turns"), [("histology", True), ("fundus", False), ("natural", False)])
def test_other_profiles_mirror_half_of_the_images_and_slides_lie_anyhow(name: str, turns: bool) -> None:
    profile = PROFILES[name]
    linear = augmentation(profile, 2000).matrices[:, :, :2]
    mirrored = torch.linalg.det(linear) < 0
    assert 900 < mirrored.sum() < 1100
    upright = torch.where(mirrored.view(-1, 1, 1), torch.tensor([[-1.0], [1.0]], dtype=torch.float64), 1.0) * linear
    degrees = torch.atan2(upright[:, 0, 1], upright[:, 0, 0]).rad2deg()
    if turns:  # with ±45 degrees and quarter turns every direction is as likely as any other
        shares = torch.histc(degrees, 8, -180, 180) / 2000
        assert (shares - 1 / 8).abs().max() < 0.03
    else:
        assert degrees.abs().max() <= profile.degrees


def test_quarter_turns_are_the_four_of_the_square() -> None:
    image = noise(1, 1, 9, 9)
    found = changed(augmentation(Profile(quarter_turns=True, mirror=True), 400), image.expand(400, 1, 9, 9))
    eight = [torch.rot90(way, turns, (2, 3))[0] for way in (image, image.flip(3)) for turns in range(4)]
    counts = [sum(torch.allclose(one, new, atol=1e-9) for new in found) for one in eight]
    assert sum(counts) == 400
    assert min(counts) > 25


def test_parts_one_after_another_are_the_whole() -> None:
    """On a smooth image, far enough inside that no reflection comes in."""
    drawn, images = numbers(12), smooth(12, 128, 3)
    profile = Profile(mirror=True, quarter_turns=True, scale=0.2, stretch=0.2, degrees=20, shift=0.05)
    fields = ({"mirror"}, {"scale", "stretch"}, {"quarter_turns", "degrees"}, {"shift"})
    parts = images
    for names in fields:
        part = Profile.model_validate({name: getattr(profile, name) for name in names})
        parts = changed(Augmentation.of(part, drawn, 1.0), parts)
    whole = changed(Augmentation.of(profile, drawn, 1.0), images)
    inside = (..., slice(40, 88), slice(40, 88))
    torch.testing.assert_close(parts[inside], whole[inside], rtol=0, atol=2e-3)
    assert (whole[inside] - images[inside]).abs().max() > 0.1


def scipy_changed(image: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same map in scipy's terms: rows first, in pixels, from the first pixel's centre."""
    side = len(image)
    swapped = matrix[::-1, [1, 0]]
    half, middle = side / 2, np.full(2, (side - 1) / 2)
    offset = middle + half * matrix[::-1, 2] - swapped @ middle
    moved: NDArray[np.float64] = ndimage.affine_transform(image, swapped, offset, order=1, mode="reflect")
    return moved


@pytest.mark.parametrize("side", [16, 33])
def test_sampling_is_scipy_s_bilinear_one_with_reflection(side: int) -> None:
    augment = augmentation(
        Profile.model_validate({**LARGE.model_dump(), "cutout": 0, "brightness": 0, "contrast": 0}), 8
    )
    images = noise(8, 1, side, side)
    for image, found, matrix in zip(images, changed(augment, images), augment.matrices, strict=True):
        expected = scipy_changed(image[0].numpy(), matrix.numpy())
        np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-9)


def test_a_dot_lands_where_the_changes_say() -> None:
    """Mirrored, enlarged and stretched, turned clockwise, then shifted: computed point by point."""
    side, count = 96, 20
    right, down = 0.3, -0.15
    grid = (2 * torch.arange(side, dtype=torch.float64) + 1) / side - 1
    dot = torch.exp(-((grid - right) ** 2 + (grid[:, None] - down) ** 2) / 0.003)
    drawn = numbers(count)
    profile = Profile(mirror=True, scale=0.2, stretch=0.1, degrees=30, shift=0.1)
    found = changed(Augmentation.of(profile, drawn, 1.0), dot.expand(count, 1, side, side))[:, 0]
    weight = found / found.sum((1, 2), keepdim=True)
    swing = 2 * drawn[:, :, 1:] - 1
    for index in range(count):
        mirror, _, scale, stretch, turn, shift = (swing[index, row].numpy() for row in range(6))
        x = (-right if mirror[0] > 0 else right) * 2 ** (0.2 * scale[0] + 0.05 * stretch[0])
        y = down * 2 ** (0.2 * scale[0] - 0.05 * stretch[0])
        angle = math.radians(30) * turn[0]
        landed = (
            math.cos(angle) * x - math.sin(angle) * y + 0.2 * shift[0],
            math.sin(angle) * x + math.cos(angle) * y + 0.2 * shift[1],
        )
        centre = (float((weight[index] * grid).sum()), float((weight[index] * grid[:, None]).sum()))
        assert centre == pytest.approx(landed, abs=2e-3)


# Colour


def test_brightness_is_added_before_contrast_multiplies() -> None:
    drawn, images = numbers(6), noise(6, 1, 8, 8)
    found = changed(Augmentation.of(Profile(brightness=0.4, contrast=0.7), drawn, 1.0), images)
    brightness, contrast = (2 * drawn[:, row, 1].view(-1, 1, 1, 1) - 1 for row in (6, 7))
    torch.testing.assert_close(found, 2 ** (0.7 * contrast) * (images + 0.4 * brightness), rtol=0, atol=1e-12)
    in_colour = changed(Augmentation.of(Profile(brightness=0.4, contrast=0.7), drawn, 1.0), images.expand(6, 3, 8, 8))
    torch.testing.assert_close(in_colour, found.expand(6, 3, 8, 8), rtol=0, atol=1e-12)


def test_saturation_scales_the_distance_from_grey() -> None:
    drawn, images = numbers(6), noise(6, 3, 8, 8)
    found = changed(Augmentation.of(Profile(saturation=0.7), drawn, 1.0), images)
    factor = 2 ** (0.7 * (2 * drawn[:, 8, 1].view(-1, 1, 1, 1) - 1))
    luma = images.mean(1, keepdim=True)
    torch.testing.assert_close(found, luma + factor * (images - luma), rtol=0, atol=1e-12)


def test_hue_keeps_luma_and_the_distance_from_grey_and_turns_red_to_green() -> None:
    drawn, images = numbers(6), noise(6, 3, 8, 8)
    found = changed(Augmentation.of(Profile(hue_degrees=180), drawn, 1.0), images)
    torch.testing.assert_close(found.mean(1), images.mean(1), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.square().sum(1), images.square().sum(1), rtol=0, atol=1e-12)
    drawn[:, 9, 1] = (1 + 2 / 3) / 2  # by 120 of 180 degrees
    turned = changed(Augmentation.of(Profile(hue_degrees=180), drawn, 1.0), images)
    torch.testing.assert_close(turned, images.roll(1, 1), rtol=0, atol=1e-12)


def test_grey_images_have_no_colour_and_are_changed_as_grey_ones_in_three_channels() -> None:
    images = noise(8, 1, 16, 16)
    augment = augmentation(LARGE, 8)
    in_colour = changed(augment, images.expand(8, 3, 16, 16))
    torch.testing.assert_close(in_colour, changed(augment, images).expand(8, 3, 16, 16), rtol=0, atol=1e-12)


# Cutout and pyramids


def test_a_square_becomes_grey_and_the_rest_stays() -> None:
    drawn, side = numbers(200), 64
    augment = Augmentation.of(Profile(cutout=0.5), drawn, 1.0)
    found = changed(augment, torch.ones(200, 1, side, side, dtype=torch.float64))[:, 0]
    assert found.min() == 0
    assert found.max() == 1
    swing = 2 * drawn[:, 10, 1:] - 1
    for left, (size, right, down) in zip(found, swing, strict=True):
        half = abs(float(size)) * 0.5 * side / 2  # pixels
        ends = [
            (max(0.0, centre - half), min(float(side), centre + half))
            for centre in (side / 2 * (1 + float(right)), side / 2 * (1 + float(down)))
        ]
        area = math.prod(last - first for first, last in ends)
        assert float((1 - left).sum()) == pytest.approx(area, abs=1e-9)
        middle = [int((first + last) / 2) for first, last in ends]
        if half > 1.5:
            assert left[middle[1], middle[0]] == 0
    assert 0.45 * side < (1 - found).amax(1).sum(1).max() <= 0.5 * side + 1e-9


def test_all_scales_of_a_pyramid_lose_the_same_area() -> None:
    augment = augmentation(Profile(cutout=0.5, brightness=0.2), 10)
    levels = augment(pyramid(torch.ones(10, 1, 32, 32, dtype=torch.float64), (4, 8, 16, 32)))
    expected = pyramid(changed(augment, torch.ones(10, 1, 32, 32, dtype=torch.float64)), (4, 8, 16, 32))
    assert len(levels) == 4
    for level, other in zip(levels, expected, strict=True):
        torch.testing.assert_close(level, other, rtol=0, atol=1e-12)


def test_all_scales_of_a_pyramid_move_alike() -> None:
    augment = augmentation(LARGE, 10)
    finest = smooth(10, 64, 3)
    coarse, fine = augment(pyramid(finest, (32, 64)))
    assert torch.equal(fine, changed(augment, finest))
    # Pooled after the change and before it: but for interpolation, and squares across which others are interpolated.
    difference = (coarse - torch.nn.functional.avg_pool2d(fine, 2)).abs()
    assert difference.mean() < 0.002
    assert (fine - finest).abs().mean() > 0.1


# Types, devices, gradients


def test_float32_and_half_precision_see_what_float64_sees() -> None:
    augment, images = augmentation(LARGE, 6), smooth(6, 32, 3)
    exact = changed(augment, images)
    torch.testing.assert_close(changed(augment, images.float()).double(), exact, rtol=0, atol=1e-5)
    half = images.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = changed(augment, half)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), changed(augment, half.double()), rtol=0, atol=1e-5)


@pytest.mark.gpu
def test_a_gpu_sees_what_a_cpu_sees() -> None:
    augment, images = augmentation(LARGE, 6), smooth(6, 32, 3).float()
    torch.testing.assert_close(changed(augment, images.cuda()).cpu(), changed(augment, images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [STRENGTH, 1.0])
def test_gradients_are_those_of_differences_twice(channels: int, strength: float) -> None:
    augment = augmentation(LARGE, 3, strength, seed=2)
    images = noise(3, channels, 5, 5).requires_grad_(True)

    def bent(given_images: Tensor) -> Tensor:  # linear alone has no second derivative
        return changed(augment, given_images).sin()

    assert torch.autograd.gradcheck(bent, images)
    assert torch.autograd.gradgradcheck(bent, images)


@given(
    profile=st.sampled_from(sorted(PROFILES)),
    side=st.integers(8, 128),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=15, deadline=None)
def test_nothing_is_ever_infinite(profile: str, side: int, channels: int, seed: int) -> None:
    images = noise(2, channels, side, side).float().requires_grad_(True)
    found = changed(augmentation(PROFILES[profile], 2, 1.0, seed), images)
    (gradient,) = torch.autograd.grad(found.square().sum(), images, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), images)
    assert all(bool(tensor.isfinite().all()) for tensor in (found, gradient, second))
    assert gradient.any()


@pytest.mark.parametrize("shape", [(4, 1, 8, 8), (3, 2, 8, 8), (3, 1, 8, 9)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(3, 1 or 3, S, S\)"):
        augmentation(LARGE, 3)(torch.zeros(shape))


# Profiles


def test_an_unknown_profile_is_refused_with_a_hint() -> None:
    with pytest.raises(UserError, match=r'unknown augmentation profile "x-ray".*did you mean "xray"'):
        validate({"profile": "x-ray"}, AugmentationSpec, "run.toml")
    assert {AugmentationSpec(profile=name).profile for name in ("none", *PROFILES)} == {"none", *PROFILES}  # type: ignore[arg-type]


def test_a_profile_says_what_it_does_not_know() -> None:
    with pytest.raises(UserError, match='unknown key "rotation"'):
        validate({"rotation": 3}, Profile, "profile")
    with pytest.raises(UserError, match="shift is"):
        validate({"shift": -0.1}, Profile, "profile")
