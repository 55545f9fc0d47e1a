"""What is measured of a classifier on images that it never saw."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from ganetic.data import Indices

PRIMARY = "macro_f1"
SCORES: Mapping[str, str] = {
    PRIMARY: "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
    "ece": "ECE",
    "brier": "Brier score",
}
"""Names of the scores, and what people call them; the first decides."""
LOWER_IS_BETTER = ("ece", "brier")
BINS = 15
"""Of the expected calibration error."""

Probabilities = NDArray[np.float64]


def scores_of(probabilities: Probabilities, labels: Indices) -> dict[str, float]:
    """Measure predictions.

    Macro F1 and balanced accuracy are of the likeliest class. The AUROC of more than two classes is the mean of those
    of each class against the rest. See `calibration_error` and `brier_score` for the others.

    Args:
        probabilities: ``(N, C)``, rows that sum to 1.
        labels: int64 ``(N,)``, of which each of the C classes has some.

    Returns:
        A number for each of `SCORES`.
    """
    return {
        PRIMARY: primary_score(probabilities, labels),
        "balanced_accuracy": float(balanced_accuracy_score(labels, probabilities.argmax(1))),
        "auroc": _auroc(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
        "brier": brier_score(probabilities, labels),
    }


def primary_score(probabilities: Probabilities, labels: Indices) -> float:
    """Return the macro F1 alone; a class that nothing was predicted as has 0."""
    classes = range(probabilities.shape[1])
    return float(f1_score(labels, probabilities.argmax(1), average="macro", labels=classes, zero_division=0))


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average the scores of several classifiers, name by name."""
    return {name: float(np.mean([one[name] for one in scores])) for name in SCORES}


def calibration_error(probabilities: Probabilities, labels: Indices) -> float:
    """Return how far confidence is from accuracy, the mean over 15 bins of equal width, weighted by their images.

    The expected calibration error of Guo et al., On Calibration of Modern Neural Networks,
    https://arxiv.org/abs/1706.04599, of the likeliest class.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(labels))


def brier_score(probabilities: Probabilities, labels: Indices) -> float:
    """Return the mean squared distance of probabilities from what was true, summed over classes: 0 to 2.

    As Brier wrote it (Monthly Weather Review 78, 1950); of two classes it is twice what scikit-learn calls so.
    """
    true = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - true) ** 2).sum(1).mean())


def _auroc(probabilities: Probabilities, labels: Indices) -> float:
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    return float(roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))
