from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

from ganetic.detection.masks import Masks, aupro, find_masks
from ganetic.errors import UserError


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    masks = np.zeros((3, 16, 16), np.bool_)
    masks[0, 2:5, 2:5], masks[0, 9:14, 9:14], masks[1, 0:2, 7:16] = True, True, True
    return masks, np.random.default_rng(seed).normal(size=masks.shape)


def by_hand(masks: np.ndarray, maps: np.ndarray, most: float) -> float:
    """The curve at every threshold, one after the other."""
    regions = []
    for place, mask in enumerate(masks):
        numbers, found = label(mask, np.ones((3, 3)))
        regions += [(place, numbers == one) for one in range(1, found + 1)]
    rates, overlaps = [0.0], [0.0]
    for threshold in sorted(set(maps.ravel()), reverse=True):
        above = maps >= threshold
        rates.append(float(above[~masks].mean()))
        overlaps.append(float(np.mean([above[place][area].mean() for place, area in regions])))
    across = np.linspace(0, most, 20_001)
    return float(np.trapezoid(np.interp(across, rates, overlaps), across) / most)


def test_aupro_is_one_for_the_masks_themselves() -> None:
    masks, _ = planted()
    assert aupro(masks, masks.astype(float)) == pytest.approx(1)


def test_aupro_of_noise_is_chance() -> None:
    masks = np.zeros((4, 64, 64), np.bool_)
    masks[:, 10:30, 10:30] = True
    assert aupro(masks, np.random.default_rng(1).normal(size=masks.shape)) == pytest.approx(0.15, abs=0.02)


def test_aupro_is_that_of_the_definition() -> None:
    masks, noise = planted(2)
    maps = noise + masks
    assert aupro(masks, maps) == pytest.approx(by_hand(masks, maps, 0.3), abs=0.01)


def test_maps_are_resized_to_the_masks() -> None:
    masks = np.zeros((1, 16, 16), np.bool_)
    masks[0, :8, :8] = True
    coarse = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    found = Masks(np.array([0]), masks, 0)
    assert found.aupro(coarse) > 0.9
    assert found.aupro(1 - coarse) < 0.1


def folder(root: Path, size: int = 16) -> str:
    for name, count in (("well", 3), ("ill", 2)):
        (root / "images" / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(np.full((16, 16), 40 * number, np.uint8)).save(root / "images" / name / f"{number}.png")
    (root / "masks" / "ill").mkdir(parents=True)
    area = np.zeros((size, size), np.uint8)
    area[3:6, 3:6] = 255
    Image.fromarray(area).save(root / "masks" / "ill" / "1.bmp")
    return f"folder:{root / 'images'}"


def test_masks_are_found_beside_a_folder(tmp_path: Path) -> None:
    data = folder(tmp_path)  # ill/0, ill/1, well/0, well/1, well/2
    found = find_masks(data, 5, 16, np.array([0, 1, 3]), np.array([True, True, False]))
    assert found is not None
    assert found.known.tolist() == [1, 2]
    assert found.areas.sum(axis=(1, 2)).tolist() == [9, 0]
    assert found.missing == 1
    assert find_masks(data, 5, 16, np.array([0, 3]), np.array([True, False])) is None
    assert find_masks("npz:a.npz", 5, 16, np.array([0]), np.array([True])) is None


def test_masks_of_another_size_are_refused(tmp_path: Path) -> None:
    data = folder(tmp_path, size=20)
    with pytest.raises(UserError, match=r"1\.bmp: a mask of 20×20 pixels, but its image has 16×16; expected equal"):
        find_masks(data, 5, 16, np.array([1]), np.array([True]))


def test_masks_need_an_image_a_file(tmp_path: Path) -> None:
    data = folder(tmp_path)
    with pytest.raises(UserError, match="5 files have 6 images"):
        find_masks(data, 6, 16, np.array([1]), np.array([True]))
