from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from ganetic.data import load_images
from ganetic.detection.baselines import scores as module
from ganetic.detection.baselines.imagenet import mahalanobis, neighbours, view
from ganetic.detection.baselines.patches import coreset, patch_distances
from ganetic.detection.baselines.pixels import brightness, mean_image, pca_residual
from ganetic.detection.baselines.scores import NAMES, baseline_scores, read_scores
from ganetic.detection.split import split_for_detection
from ganetic.metrics.imagenet import ImageNetFeatures
from tests.data.shared_sets import shared_set
from tests.detection.planted import spots


def test_every_baseline_finds_plain_anomalies(tmp_path: Path) -> None:
    training, test = spots(40, 16, seed=1), np.concatenate([spots(25, 16, seed=2), 255 - spots(25, 16, seed=3)])
    found = baseline_scores(training, test, tmp_path / "b.npz")
    labels = np.repeat([0, 1], 25)
    for name in NAMES:
        assert roc_auc_score(labels, found[name]) > 0.95, name


def test_what_is_kept_is_read_and_nothing_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def fake(training: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
        made.append(len(test))
        return {name: np.arange(len(test), dtype=float) for name in (*NAMES, module.PATCH_MAP)}

    monkeypatch.setattr(module, "_made", fake)
    training, test, kept = spots(5, 8, 0), spots(4, 8, 1), tmp_path / "b.npz"
    first, again = baseline_scores(training, test, kept), baseline_scores(training, test, kept)
    assert made == [4]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    baseline_scores(training, test[:3], kept)
    assert made == [4, 3]
    kept.write_bytes(kept.read_bytes()[:100])
    assert read_scores(kept) is None
    baseline_scores(training, test, kept)
    assert made == [4, 3, 4]


def test_pixel_baselines_by_hand() -> None:
    training = np.stack([np.full((2, 2, 1), value, np.uint8) for value in (0, 102)])
    test = np.array([[[[51], [51]], [[51], [51]]], [[[153], [51]], [[51], [51]]]], np.uint8)
    assert brightness(training, test) == pytest.approx([0.2, 0.3])
    assert mean_image(training, test) == pytest.approx([0, 0.4])
    # one component, along (1, 1, 1, 1): what is left of (0.4, 0, 0, 0) has the norm 0.4 · √(3/4)
    assert pca_residual(training, test) == pytest.approx([0, 0.4 * 0.75**0.5], abs=1e-9)


def test_feature_baselines_by_hand() -> None:
    training = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 3.0], [2.0, 0.0], [5.0, 0.0]])
    ((same, other),) = [neighbours(training, np.array([[9.0, 0.0], [-1.0, 0.0]]))]
    assert same == pytest.approx(2 * 2**0.5 / 5)  # three at distance 0, two at √2
    assert other == pytest.approx((3 * 2 + 2 * 2**0.5) / 5)
    far, near = mahalanobis(training, np.array([[50.0, 0.0], [2.0, 1.0]]))
    assert far > near


def test_a_coreset_leaves_no_patch_far_away() -> None:
    clusters = torch.randn(20, 8, generator=torch.Generator().manual_seed(0)) * 100
    patches = clusters.repeat(100, 1) + torch.randn(2000, 8, generator=torch.Generator().manual_seed(1))
    kept = coreset(patches)
    assert len(kept) == 20
    assert torch.cdist(patches, kept).min(1).values.max() < 15


def test_a_patch_that_was_seen_is_no_distance_away() -> None:
    training = np.random.default_rng(0).normal(size=(30, 4, 6)).astype(np.float32)
    kept = coreset(torch.tensor(training).flatten(0, 1)).numpy()
    found = patch_distances(training, np.stack([kept[:1].repeat(4, 0), kept[:1].repeat(4, 0) + 50]))
    assert found.shape == (2, 4)
    assert found[0] == pytest.approx(0, abs=1e-5)
    assert (found[1] > 50).all()


def test_maps_are_those_whose_means_are_known() -> None:
    from ganetic.metrics.imagenet import WholeNet

    images = spots(3, 40, seed=4)
    _, maps = WholeNet()(torch.tensor(images), 32)
    means = torch.cat([one.mean((2, 3)) for one in maps], 1)
    torch.testing.assert_close(means, ImageNetFeatures().build("cpu")(torch.tensor(images)))
    seen = view(images)
    assert seen.features.shape == (3, 1280)
    assert seen.patches.shape == (3, 144, 152)


@pytest.mark.slow
def test_pneumonia_has_the_numbers_that_others_measured(tmp_path: Path) -> None:
    """Image AUROC on the official split; a 95 % interval is .034 to each side of kNN-5's."""
    images = load_images(shared_set("pneumoniamnist28"))
    split = split_for_detection(images, ["normal"])
    assert (len(split.training), len(split.test)) == (1214, 624)
    found = baseline_scores(images.images[split.training], images.images[split.test], tmp_path / "b.npz")
    wanted = {"mean image": 0.507, "brightness": 0.584, "PCA-32 residual": 0.444, "Mahalanobis": 0.698, "kNN-5": 0.790}
    for name, area in wanted.items():
        assert roc_auc_score(split.anomalous, found[name]) == pytest.approx(area, abs=0.034), name
