import copy
import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from ganetic.gan.adam import AdamRates, FusedAdam


def net() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3))
    return layers.to(memory_format=torch.channels_last)


def test_is_torch_s_fused_adam_bit_for_bit() -> None:
    ours, theirs = net(), net()
    optimizer = FusedAdam(ours.parameters(), 1e-2, 0.5, 0.99)
    reference = torch.optim.Adam(theirs.parameters(), 1e-2, (0.5, 0.99), fused=True)
    stream = torch.Generator().manual_seed(1)
    for _ in range(20):
        batch = torch.randn(5, 1, 8, 8, generator=stream)
        for model, updater in ((ours, optimizer), (theirs, reference)):
            updater.zero_grad()
            model(batch).square().sum().backward()
            updater.step()
    for first, second in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(first, second)
    for moment, state in zip(optimizer.second_moments, reference.state.values(), strict=True):
        assert torch.equal(moment, state["exp_avg_sq"])


def test_what_has_no_gradient_stands_still_and_counts_no_step() -> None:
    parameters = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))]
    twins = copy.deepcopy(parameters)
    optimizer = FusedAdam(parameters, 0.1, 0.5, 0.9)
    reference = torch.optim.Adam(twins, 0.1, (0.5, 0.9), fused=True)
    optimizer.step()
    assert all(torch.equal(parameter, torch.ones_like(parameter)) for parameter in parameters)
    for trained in ([0], [0, 1], [1]):
        for group, updater in ((parameters, optimizer), (twins, reference)):
            updater.zero_grad()
            torch.stack([group[i].pow(3).sum() for i in trained]).sum().backward()  # type: ignore[no-untyped-call]
            updater.step()
    for first, second in zip(parameters, twins, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("every", [2, 4, 8, 16])
def test_rates_beside_a_lazy_term_are_those_of_the_paper(every: int) -> None:
    """Appendix B of 1912.04958: λ' = cλ, β₁' = β₁ᶜ, β₂' = β₂ᶜ with c = k / (k + 1)."""
    rates = AdamRates(2e-3, 0.5, 0.99).with_lazy_term(every)
    c = every / (every + 1)
    assert rates.learning_rate == pytest.approx(c * 2e-3, rel=1e-15)
    assert rates.beta1 == pytest.approx(math.exp(c * math.log(0.5)), rel=1e-14)
    assert rates.beta2 == pytest.approx(math.exp(c * math.log(0.99)), rel=1e-14)
    # What is forgotten, and how far a constant gradient leads, in k + 1 updates is what it was in k.
    assert rates.beta1 ** (every + 1) == pytest.approx(0.5**every, rel=1e-12)
    assert rates.beta2 ** (every + 1) == pytest.approx(0.99**every, rel=1e-12)
    assert rates.learning_rate * (every + 1) == pytest.approx(2e-3 * every, rel=1e-12)
    assert AdamRates(2e-3, 0.0, 0.99).with_lazy_term(every).beta1 == 0


def test_a_term_at_every_step_changes_no_rate() -> None:
    assert AdamRates(2e-3, 0.3, 0.999).with_lazy_term(1) == (2e-3, 0.3, 0.999)


@pytest.mark.slow
def test_loads_no_compiler() -> None:
    script = (
        "import sys, torch; from ganetic.gan.adam import FusedAdam\n"
        "weight = torch.ones(3, requires_grad=True); weight.sum().backward()\n"
        "FusedAdam([weight], 0.1, 0.5, 0.9).step()\n"
        "assert float(weight[0]) != 1 and not {'torch._dynamo', 'sympy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
