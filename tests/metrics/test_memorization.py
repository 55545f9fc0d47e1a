import numpy as np
import pytest
import torch
from scipy.stats import fisher_exact, mannwhitneyu

from ganetic.metrics.memorization import copy_ratios, copying, excess_p


def one_cell(count: int) -> torch.Tensor:
    return torch.zeros(count, dtype=torch.int64)


def test_one_cell_is_the_mann_whitney_test() -> None:
    random = np.random.default_rng(0)
    generated, held_out = random.integers(0, 30, 150).astype(float), random.integers(5, 40, 90).astype(float)
    found = copying(torch.tensor(generated), torch.tensor(held_out), one_cell(150), one_cell(90))
    u = mannwhitneyu(generated, held_out).statistic
    assert found.nearer == pytest.approx(1 - u / (150 * 90))
    assert found.z == pytest.approx((u - 150 * 90 / 2) / np.sqrt(150 * 90 * 241 / 12))
    assert found.z < -3


def test_without_copying_z_is_standard_normal_whatever_the_cells_are() -> None:
    random = np.random.default_rng(0)
    found = []
    for _ in range(300):
        cells = [torch.tensor(random.choice(4, 200, p=p)) for p in ([0.4, 0.3, 0.2, 0.1], [0.25] * 4)]
        # Each cell has its own scale: pooled, the distances would differ.
        made, unseen = (torch.tensor(random.gamma(3, size=200)) * (1 + cell) for cell in cells)
        found.append(copying(made, unseen, *cells))
    z = np.array([one.z for one in found])
    assert abs(z.mean()) < 0.2 and 0.85 < z.std() < 1.15
    assert np.mean([one.nearer for one in found]) == pytest.approx(0.5, abs=0.01)


def test_cells_with_few_images_are_left_out() -> None:
    far, near = torch.full((100,), 9.0), torch.full((100,), 1.0)
    cells = torch.tensor([0] * 81 + [1] * 19)
    made = torch.where(cells == 1, near, far)
    assert copying(made, torch.full((100,), 5.0), cells, cells).nearer == 0
    assert copying(made, torch.full((100,), 5.0), torch.arange(100), torch.arange(100)).nearer == pytest.approx(0.19)


def test_a_copy_is_near_to_one_image_only() -> None:
    found = copy_ratios(torch.tensor([[0.0, 2.0], [0.0, 0.0], [1.0, 4.0], [3.0, 3.0]]))
    assert found.tolist() == [0, 0, 0.25, 1]


@pytest.mark.parametrize(("copies", "unseen"), [(0, 0), (3, 0), (9, 2), (20, 0)])
def test_excess_is_fisher_s(copies: int, unseen: int) -> None:
    table = [[copies, 200 - copies], [unseen, 150 - unseen]]
    assert excess_p(copies, 200, unseen, 150) == pytest.approx(fisher_exact(table, "greater").pvalue)
