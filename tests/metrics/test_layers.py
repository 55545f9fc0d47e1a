import numpy as np
import pytest
import torch

from ganetic.data import load_images
from ganetic.metrics.features import FeatureNet, build_feature_net, features, train_feature_net
from ganetic.metrics.layers import layer_statistics, standardised
from ganetic.metrics.precision import PrecisionRecall


@pytest.fixture(scope="module")
def net() -> FeatureNet:
    digits = load_images("mnist5k")
    assert digits.labels is not None
    return build_feature_net(train_feature_net(digits.images[::4], digits.labels[::4]))


def test_noise_is_far_from_everything_real(net: FeatureNet) -> None:
    images = load_images("mnist5k").images
    real, others = images[1::8], images[3::8]
    random = np.random.default_rng(0)
    shuffled = random.permuted(others.reshape(len(others), -1), axis=1).reshape(others.shape)
    noise = random.integers(0, 256, others.shape, dtype=np.uint8)
    everything, known = torch.arange(len(others)), layer_statistics(net, real)

    def precision(generated: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
        points = standardised(layer_statistics(net, generated), known)
        return PrecisionRecall(points, standardised(known, known)).precision(everything)

    assert precision(others) > 0.8
    assert precision(noise) == 0
    assert precision(shuffled) < 0.02
    in_features = PrecisionRecall(features(net, noise)[0], features(net, real)[0])
    assert in_features.precision(everything) > 0.2, "why these statistics are needed"


def test_an_image_has_its_own_statistics(net: FeatureNet) -> None:
    images = load_images("mnist5k").images[:300]
    found = layer_statistics(net, images)
    assert found.shape == (300, 224)
    torch.testing.assert_close(layer_statistics(net, images[290:]), found[290:])


def test_standardised_by_the_real_ones() -> None:
    real = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert standardised(real, real).tolist() == [[-1, 0], [1, 0]]
    assert standardised(torch.tensor([[4.0, 7.0]]), real).tolist() == [[2, 2]]
