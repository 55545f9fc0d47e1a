import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from ganetic.gan.adam import FusedAdam


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


@pytest.mark.slow
def test_loads_no_compiler() -> None:
    script = (
        "import sys, torch; from ganetic.gan.adam import FusedAdam\n"
        "weight = torch.ones(3, requires_grad=True); weight.sum().backward()\n"
        "FusedAdam([weight], 0.1, 0.5, 0.9).step()\n"
        "assert float(weight[0]) != 1 and not {'torch._dynamo', 'sympy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
