import numpy as np
import pytest
import torch

from ganetic.data import load_images
from ganetic.metrics.ms_ssim import ms_ssim
from ganetic.metrics.pairs import PairSimilarity, disjoint_pairs

DIGITS = load_images("mnist5k")
IMAGES = torch.tensor(DIGITS.images)
LABELS = torch.tensor(DIGITS.labels)


def test_pairs_are_disjoint_and_of_one_class() -> None:
    classes = torch.tensor([0, 1] * 40 + [2])
    found = disjoint_pairs(classes)
    assert len(found) == 40
    assert len(torch.unique(found)) == 80
    assert torch.equal(classes[found[:, 0]], classes[found[:, 1]])
    assert len(disjoint_pairs(torch.zeros(3000, dtype=torch.int64))) == 500


def test_a_class_is_compared_with_itself() -> None:
    part = torch.arange(0, 5000, 7)
    real = PairSimilarity(IMAGES[part], LABELS[part])
    everything = torch.arange(len(real))
    assert real.less(real, everything) == pytest.approx(0, abs=1e-12)
    one = PairSimilarity(IMAGES[LABELS == 1][:60], torch.full((60,), 1))
    expected = one.values.mean() - real.values[real.classes == 1].mean()
    assert one.less(real, torch.arange(len(one))) == pytest.approx(float(expected))


def test_images_of_a_class_that_are_alike_stand_out() -> None:
    part, stuck = torch.arange(0, 5000, 7), torch.arange(0, 5000, 500).repeat(20)
    random = torch.randint(0, 20, (200, 28, 28, 1), generator=torch.Generator().manual_seed(0))
    alike = (IMAGES[stuck].int() + random).clamp(max=255).byte()
    real, collapsed = PairSimilarity(IMAGES[part], LABELS[part]), PairSimilarity(alike, LABELS[stuck])
    assert collapsed.less(real, torch.arange(len(collapsed))) > 0.3


def test_without_a_common_class_everything_is_compared() -> None:
    first = PairSimilarity(IMAGES[:2], torch.tensor([0, 1]))
    assert first.values.numpy() == pytest.approx(ms_ssim(IMAGES[:1], IMAGES[1:2]).numpy())
    second = PairSimilarity(IMAGES[:90], torch.full((90,), 7))
    expected = float(first.values.mean() - second.values.mean())
    assert np.isclose(first.less(second, torch.arange(1)), expected)
