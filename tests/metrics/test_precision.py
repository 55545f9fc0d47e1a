import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from ganetic.metrics.precision import PrecisionRecall


def cloud(seed: int, count: int, shift: float = 0.0, spread: float = 1.0) -> torch.Tensor:
    return shift + spread * torch.randn(count, 5, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.0, 0.4), (1.5, 1.0), (0.5, 3.0)])
def test_agrees_with_torch_fidelity(shift: float, spread: float) -> None:
    generated, real = cloud(0, 300, shift, spread), cloud(1, 200)
    theirs = prc_features_to_metric(generated, real, prc_neighborhood=3, save_cpu_ram=False, verbose=False)
    ours, everything = PrecisionRecall(generated, real), torch.arange(300)
    assert ours.precision(everything) == pytest.approx(theirs["precision"], abs=1e-6)
    assert ours.recall(everything) == pytest.approx(theirs["recall"], abs=1e-6)


def test_parts_are_what_they_would_be_alone() -> None:
    generated, real = cloud(0, 300, 0.5), cloud(1, 200)
    part = torch.arange(0, 300, 3)
    whole, alone = PrecisionRecall(generated, real), PrecisionRecall(generated[part], real)
    assert whole.precision(part) == alone.precision(torch.arange(100))
    assert whole.recall(part) == alone.recall(torch.arange(100))


def test_a_narrow_generator_is_precise_and_recalls_little_and_a_wide_one_the_reverse() -> None:
    everything = torch.arange(300)
    narrow, wide = (PrecisionRecall(cloud(0, 300, spread=spread), cloud(1, 300)) for spread in (0.2, 4.0))
    assert narrow.precision(everything) > 0.95 and narrow.recall(everything) < 0.1
    assert wide.precision(everything) < 0.3 and wide.recall(everything) > 0.9
    far = PrecisionRecall(cloud(0, 300, 50.0), cloud(1, 300))
    assert far.precision(everything) == far.recall(everything) == 0
