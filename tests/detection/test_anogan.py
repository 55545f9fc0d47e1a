import numpy as np
import pytest
import torch

from ganetic.detection.anogan import distances, izi_f, residuals
from ganetic.detection.codes import code_space
from ganetic.detection.encoder import Encoder, Inverter, initialise
from ganetic.detection.layers import FeatureLayer
from tests.detection.gans import arrays, noise, untrained
from tests.reference import anogan


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kappa", [0.0, 1.0, 2.5])
def test_the_loss_is_that_of_the_paper(channels: int, kappa: float) -> None:
    gan, encoder = untrained(channels=channels), Encoder(8, channels, 5, 3).double()
    initialise(encoder, torch.Generator().manual_seed(3))
    for net in (gan.generator, gan.discriminator):
        net.double()
    x = gan.shown(noise(6, channels=channels), "cpu")
    assert isinstance(x, torch.Tensor)
    x = x.double()
    made = Inverter(encoder, code_space(gan.generator, 5))(x)
    layer = FeatureLayer(gan.discriminator, "layers.3")
    ours = izi_f(residuals(x, made), distances(layer(x)[0], layer(made)[0]), kappa)
    weights = [arrays(net) for net in (encoder.requires_grad_(False), gan.generator, gan.discriminator)]
    theirs = anogan.izi_f(weights[0], weights[1], weights[2], x.numpy(), kappa)
    assert float(ours.detach()) == pytest.approx(theirs, rel=1e-12)
    assert theirs > 0.1


def test_a_golden_loss() -> None:
    """Of numbers that a reader can follow: pixels 1 and 2 apart, features 3 apart."""
    x, made = torch.zeros(2, 1, 2, 2), torch.tensor([1.0, 2.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert residuals(x, made).tolist() == [1.0, 4.0]
    features = distances(torch.zeros(2, 7), torch.full((2, 7), 3.0))
    assert float(izi_f(residuals(x, made), features, 0.5)) == 2.5 + 0.5 * 9


def test_scales_of_a_pyramid_count_alike() -> None:
    stream = np.random.default_rng(2)
    levels = [(stream.normal(size=(3, 1, side, side)), stream.normal(size=(3, 1, side, side))) for side in (4, 8, 16)]
    wanted = np.mean([((a - b) ** 2).mean((1, 2, 3)) for a, b in levels], 0)
    x, made = (tuple(torch.tensor(level[place]) for level in levels) for place in (0, 1))
    np.testing.assert_allclose(residuals(x, made).numpy(), wanted, rtol=1e-12)
