from pathlib import Path

import numpy as np
import pytest
import torch

from ganetic.data import load_images, partition
from ganetic.metrics.extractor import FeatureExtractor, FeatureSource
from ganetic.metrics.features import DIMENSIONS, OwnExtractor, build_feature_net, features
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.metrics.inception import InceptionExtractor
from ganetic.metrics.reference import Extractor, ReferenceStatistics, reference_statistics

SOURCE = ImageNetFeatures((1, 4), 32)
IMAGES = load_images("digits")


def measured(source: FeatureSource | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ReferenceStatistics:
    monkeypatch.setenv("GANETIC_CACHE", str(folder))
    parts = partition(IMAGES, 128)
    return reference_statistics(IMAGES, (parts.features[:200], parts.reference, parts.floor), source, "cpu")


def test_distances_in_the_features_of_another_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = (measured(source, tmp_path, monkeypatch) for source in (None, SOURCE))
    assert (own.protocol, other.protocol) == ("fd@digits-cnn64/128", "fd@digits-efflite0-b1b4@32/128")
    assert own.reference.mean.shape == (DIMENSIONS,)
    assert other.reference.mean.shape == (64,)
    assert other.features_hash == SOURCE.sha256[:16] != own.features_hash
    assert own.floor_fd != other.floor_fd > 0
    assert own.accuracy == other.accuracy  # classes are the own net's business
    assert own.diversity.spread == other.diversity.spread


def test_an_extractor_of_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = measured(None, tmp_path, monkeypatch).weights
    images = torch.tensor(IMAGES.images[:5])
    net = build_feature_net(weights)
    own, other = (Extractor(weights, source, "cpu").distance_features for source in (None, SOURCE))
    assert torch.equal(own(images), features(net, images)[0])
    assert torch.equal(other(images), SOURCE.build("cpu")(images))
    assert Extractor(weights, SOURCE, "cpu").distance_features is other  # built once a process
    kinds: list[FeatureExtractor] = [
        own,
        OwnExtractor(net, "cnn64k"),
        other,
        InceptionExtractor("i", torch.nn.Identity()),
    ]
    assert [(kind.name, kind.dimensions) for kind in kinds] == [
        ("cnn64", 64),
        ("cnn64k", 64),
        ("efflite0-b1b4@32", 64),
        ("i", 2048),
    ]
    assert np.isfinite(other(images).numpy()).all()
