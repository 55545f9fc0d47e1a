"""Scores against independent implementations."""

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassCalibrationError,
    MulticlassF1Score,
)

from ganetic.augmenting.scores import SCORES, brier_score, mean_scores, scores_of


def predictions(classes: int, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, count)
    logits = rng.normal(0, 1.5, (count, classes)) + 1.5 * np.eye(classes)[labels]
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True), labels


@pytest.mark.parametrize("classes", [2, 4])
def test_they_are_those_of_torchmetrics(classes: int) -> None:
    probabilities, labels = predictions(classes)
    given = torch.tensor(probabilities), torch.tensor(labels)
    found = scores_of(probabilities, labels)
    expected = {
        "macro_f1": MulticlassF1Score(classes, average="macro"),
        "balanced_accuracy": MulticlassAccuracy(classes, average="macro"),
        "auroc": MulticlassAUROC(classes, average="macro"),
        "ece": MulticlassCalibrationError(classes, n_bins=15, norm="l1"),
    }
    for name, metric in expected.items():
        assert found[name] == pytest.approx(float(metric(*given)), abs=1e-6), name


def test_brier_s_score_of_two_classes_is_twice_scikit_learn_s() -> None:
    probabilities, labels = predictions(2)
    assert brier_score(probabilities, labels) == pytest.approx(2 * brier_score_loss(labels, probabilities[:, 1]))
    assert brier_score(np.eye(3), np.array([0, 1, 2])) == 0
    assert brier_score(np.eye(3), np.array([1, 2, 0])) == 2


def test_a_class_that_is_never_predicted_counts_as_nothing() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.array([[0.9, 0.1, 0.0]] * 2 + [[0.1, 0.9, 0.0]] * 4)
    assert scores_of(probabilities, labels)["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_classifiers_are_averaged_score_by_score() -> None:
    both = [scores_of(*predictions(2)), scores_of(*predictions(2, 100))]
    assert mean_scores(both) == {name: pytest.approx((both[0][name] + both[1][name]) / 2) for name in SCORES}
