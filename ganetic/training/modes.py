"""The modes of a set, and the net that counts them in generated images."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ganetic.data import ImageSet, Partition, cache_directory
from ganetic.metrics.clusters import cluster_labels
from ganetic.metrics.features import Weights, build_feature_net, cached_feature_net, features
from ganetic.metrics.mode_test import Classes, ModeTest, mode_test
from ganetic.metrics.planted_modes import LabelCheck
from ganetic.reproducible import reproducible

OTHERS_MOST = 4000
"""Real images from which halves of the modes are drawn."""


@dataclass(frozen=True, eq=False)
class Modes:
    """Plain arrays and numbers, which travel to workers.

    Attributes:
        weights: the feature net that counts modes.
        test: from where on modes are missing.
        note: what the modes are, in a sentence.
    """

    weights: Weights
    test: ModeTest
    note: str

    def collapsed(self, images: Tensor, device: str) -> bool:
        """Return whether uint8 images ``(N, H, W, C)`` are all alike, copies of a few, or leave modes out."""
        return self.test.collapsed(*features(build_feature_net(self.weights, device), images))


def modes_of(images: ImageSet, parts: Partition, device: str) -> Modes:
    """Find modes that the small CNN can count: classes by the labels, if these mean anything, or else clusters.

    Args:
        images: the set.
        parts: its roles: what trains the net, what is compared with, and what modes are left out of.
        device: where to look.
    """
    if images.labels is None:
        return _clusters(images, parts, device)
    classes = _look(images, parts, images.labels, "classes", device)
    # Labels that mean nothing are learnt by heart, and counted among the images that they were learnt from.
    check = LabelCheck.of(classes.test.classes, images.labels[parts.reference])
    if check.mean_nothing:
        clusters = _clusters(images, parts, device)
        return replace(clusters, note=f"the labels cannot be learnt ({check.text}); {clusters.note}")
    if classes.test.counts:
        return classes
    clusters = _clusters(images, parts, device)
    return clusters if clusters.test.counts else classes


def _clusters(images: ImageSet, parts: Partition, device: str) -> Modes:
    """Clusters of the pixels as modes."""
    labels = np.full(len(images.images), -1, np.int64)
    labels[parts.features] = cluster_labels(images.images[parts.features])
    return _look(images, parts, labels, "clusters", device)


@reproducible()
def _look(images: ImageSet, parts: Partition, labels: Classes, kind: str, device: str) -> Modes:
    learnt = labels[parts.features]
    weights, _ = cached_feature_net(images.images[parts.features], learnt, cache_directory() / "features")
    net = build_feature_net(weights, device)
    others = np.random.default_rng(0).permutation(parts.gan)[:OTHERS_MOST]
    reference = features(net, torch.tensor(images.images[parts.reference]))
    seen = features(net, torch.tensor(images.images[others]))
    # Clusters are known of the images that trained the net alone; what it says of others is what they are.
    truth = labels[others] if kind == "classes" else seen[1].cpu().numpy()
    test = mode_test(reference, seen, truth, len(parts.reference), net.classify.out_features)
    return Modes(weights, test, _note(kind, test, net.classify.out_features))


def _note(kind: str, test: ModeTest, count: int) -> str:
    if not test.counts:
        return (
            f"modes: the small net does not see half of the {count} {kind} missing; only images that are all alike, or "
            "copies of a few, count as mode collapse"
        )
    return (
        f"modes: {count} {kind}; collapse from {test.starved_from:.0%} of them starved and a gap of {test.gap_from:.2g}"
    )
