import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric

from ganetic.metrics.kernel_distance import KernelParts, kernel_distance


def cloud(seed: int, count: int, shift: float = 0.0) -> torch.Tensor:
    return shift + torch.randn(count, 12, generator=torch.Generator().manual_seed(seed))


def test_parts_agree_with_torch_fidelity() -> None:
    generated, real = cloud(0, 120, 0.3), cloud(1, 120)
    parts = KernelParts(generated, real)
    assert parts.distance(torch.arange(120)) == pytest.approx(kernel_distance(generated, real), rel=1e-9)
    half = torch.arange(0, 120, 2)
    assert parts.distance(half) == pytest.approx(KernelParts(generated[half], real).distance(torch.arange(60)))


def test_of_many_images_it_is_torch_fidelity_s_over_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganetic.metrics.kernel_distance.SUBSET", 90)
    generated, real = cloud(0, 110, 0.1), cloud(1, 110)
    theirs = kid_features_to_metric(
        generated.double(), real.double(), kid_subsets=100, kid_subset_size=90, rng_seed=0, verbose=False
    )
    assert kernel_distance(generated, real) == theirs["kernel_inception_distance_mean"]


def test_it_is_unbiased() -> None:
    found = [kernel_distance(cloud(2 * seed, 40), cloud(2 * seed + 1, 40)) for seed in range(200)]
    mean, error = torch.tensor(found).mean(), torch.tensor(found).std() / 200**0.5
    assert abs(mean) < 3 * error
    assert min(found) < 0
