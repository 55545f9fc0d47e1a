from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ganetic.data import load_images, partition
from ganetic.metrics.clusters import cluster_labels
from ganetic.metrics.features import (
    Weights,
    build_feature_net,
    cached_feature_net,
    features,
    to_uint8,
    to_unit,
    train_feature_net,
    weights_hash,
)
from ganetic.metrics.frechet import FeatureStatistics


def stripes(
    count: int, size: int = 28, channels: int = 1, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of four kinds of stripes, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    rows, columns = np.mgrid[:size, :size]
    kinds = np.stack([rows % 4 < 2, columns % 4 < 2, (rows + columns) % 6 < 3, rows * 0 == 1]) * 180
    noise = random.integers(0, 60, (count, size, size, channels))
    return (kinds[labels][..., np.newaxis] + noise).astype(np.uint8), labels.astype(np.int64)


def test_pixels_survive_the_way_there_and_back() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    unit = to_unit(images)
    assert unit.shape == (1, 3, 16, 16)
    assert (unit.min().item(), unit.max().item()) == (-1, 1)
    assert np.array_equal(to_uint8(unit).numpy(), images)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (36, 1), (64, 3)])
def test_learns_and_is_rebuilt_from_its_arrays(size: int, channels: int) -> None:
    images, labels = stripes(300, size, channels)
    weights = train_feature_net(images, labels)
    net = build_feature_net(weights)
    others, other_labels = stripes(80, size, channels, seed=1)
    found, classes = features(net, others)
    assert found.shape == (80, 64)
    assert found.dtype == torch.float32
    assert (classes.numpy() == other_labels).mean() > 0.9
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_the_same_net_whatever_happened_before() -> None:
    images, labels = stripes(150)
    torch.manual_seed(1)
    first = train_feature_net(images, labels)
    torch.manual_seed(2)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    try:
        second = train_feature_net(images, labels)
        assert (torch.get_num_threads(), torch.get_default_dtype()) == (2, torch.float64)
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), state)
    assert weights_hash(first) == weights_hash(second)
    assert weights_hash(train_feature_net(images, labels, seed=1)) != weights_hash(first)


def test_cache(tmp_path: Path) -> None:
    images, labels = stripes(150)
    first, cached = cached_feature_net(images, labels, tmp_path)
    assert not cached
    (file,) = tmp_path.iterdir()
    second, cached = cached_feature_net(images, labels, tmp_path)
    assert cached
    assert weights_hash(first) == weights_hash(second)
    assert not cached_feature_net(images, 3 - labels, tmp_path)[1]
    assert not cached_feature_net(images, labels, tmp_path, seed=1)[1]
    for damage in (b"", b"\x80\x04.", file.read_bytes()[:2000]):
        file.write_bytes(damage)
        third, cached = cached_feature_net(images, labels, tmp_path)
        assert not cached
        assert weights_hash(third) == weights_hash(first)
    assert not list(tmp_path.glob("*.partial"))


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not cached_feature_net(*stripes(150), tmp_path / "file")[1]


Digits = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(scope="module")
def digits() -> Digits:
    images = load_images("mnist5k")
    assert images.labels is not None
    parts = partition(images, 2000)
    return images.images, images.labels, parts.gan, parts.reference


class Removal:
    """Fréchet distances, over the floor, of digits from which some were taken."""

    def __init__(self, weights: Weights, digits: Digits) -> None:
        images, labels, gan, reference = digits
        self.net = build_feature_net(weights)
        self._statistics = FeatureStatistics.of(features(self.net, images[reference])[0])
        self._cloud = features(self.net, images[gan])[0]
        self._random = np.random.default_rng(0)
        self.labels = labels[gan]
        self._floor = self._distance(np.arange(len(gan)))

    def rise(self, keep: NDArray[np.bool_]) -> float:
        return self._distance(np.flatnonzero(keep)) / self._floor

    def _distance(self, members: NDArray[np.int64]) -> float:
        chosen = self._random.permutation(np.resize(members, max(2000, len(members))))[:2000]
        return self._statistics.distance_to(self._cloud[torch.tensor(chosen)])


@pytest.mark.slow
def test_a_missing_class_is_noticed(digits: Digits) -> None:
    images, labels, gan, reference = digits
    removal = Removal(train_feature_net(images[gan], labels[gan]), digits)
    assert (features(removal.net, images[reference])[1].numpy() == labels[reference]).mean() > 0.96
    rises = [removal.rise(removal.labels != digit) for digit in range(10)]
    assert min(rises) >= 8


@pytest.mark.slow
def test_without_labels_a_collapse_is_noticed(digits: Digits) -> None:
    images, _, gan, _ = digits
    clusters = cluster_labels(images[gan])
    assert np.array_equal(np.unique(clusters), np.arange(10))
    assert np.array_equal(clusters, cluster_labels(images[gan]))
    removal = Removal(train_feature_net(images[gan], clusters), digits)
    assert removal.rise(np.arange(len(gan)) < 20) > 100  # twenty images, again and again
    assert removal.rise(removal.labels < 5) > 10  # half of the digits
    assert min(removal.rise(clusters != cluster) for cluster in range(10)) > 4
    assert np.median([removal.rise(removal.labels != digit) for digit in range(10)]) > 3
