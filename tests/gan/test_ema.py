import copy

import pytest
import torch
from torch import nn

from ganetic.gan.ema import EMA


def test_it_is_the_moving_average_in_float64() -> None:
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    average = EMA(net, 0.9)
    expected = copy.deepcopy(net).double()
    for step in range(1, 31):
        with torch.no_grad():
            for own in net.parameters():
                own.add_(torch.randn(own.shape))
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        for kept, own in zip(expected.parameters(), net.parameters(), strict=True):
            kept.data = decay * kept.data + (1 - decay) * own.detach().double()
    for kept, own in zip(expected.parameters(), average.net.parameters(), strict=True):
        assert own.detach().numpy() == pytest.approx(kept.detach().numpy(), abs=1e-5)


def test_without_decay_it_soon_is_the_net_and_buffers_are_copied() -> None:
    net = nn.BatchNorm1d(2)
    average = EMA(net, 0.0)
    net(torch.randn(8, 2))
    with torch.no_grad():
        net.weight.fill_(3.0)
    average.update(net, 1)
    assert torch.equal(average.net.get_parameter("weight"), torch.full((2,), 3.0))
    assert torch.equal(average.net.get_buffer("running_mean"), net.get_buffer("running_mean"))
    assert not average.net.training
    assert not any(parameter.requires_grad for parameter in average.net.parameters())


def test_buffers_can_be_averaged_too() -> None:
    net = nn.BatchNorm1d(2)
    average = EMA(net, 0.9, buffers=True)
    expected = torch.zeros(2, dtype=torch.float64)
    for step in range(1, 20):
        net(torch.randn(8, 2) + step)
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.get_buffer("running_mean").double()
    assert average.net.get_buffer("running_mean").numpy() == pytest.approx(expected.numpy(), rel=1e-5)
    assert average.net.get_buffer("num_batches_tracked") == 19
