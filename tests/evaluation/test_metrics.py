"""Each metric says which numbers are better, and is right about it."""

import numpy as np
import pytest

from ganetic.data import ImageSet
from ganetic.evaluation.evaluate import evaluate
from ganetic.evaluation.metric import METRICS, Metric, metrics
from ganetic.evaluation.results import Evaluation
from ganetic.metrics.imagenet import ImageNetFeatures
from tests.evaluation.test_evaluate import GENERATED, HELD_OUT, TRAINING, N, judged

pytestmark = pytest.mark.usefixtures("few_halves")

NEEDS_A_NET = {"fid", "kid", "inception_fd", "inception_kd", "pretrained_fd", "pretrained_kd"}


@pytest.fixture(scope="module")
def real(digits: ImageSet) -> Evaluation:
    return judged(digits, digits.images[GENERATED[:N]])


@pytest.fixture(scope="module")
def faulty(digits: ImageSet) -> list[Evaluation]:
    """Of noise, of one digit again and again, and of training images."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (N, 28, 28, 1), dtype=np.uint8)
    same = np.clip(digits.images[GENERATED[:1]].repeat(N, 0) + random.integers(0, 3, (N, 28, 28, 1)), 0, 255)
    return [judged(digits, images) for images in (noise, same.astype(np.uint8), digits.images[TRAINING[:N]])]


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: metric.name)
def test_a_planted_fault_is_worse(metric: Metric, real: Evaluation, faulty: list[Evaluation]) -> None:
    if metric.name in NEEDS_A_NET:
        assert metric.better == "lower"
        assert metric.name not in {measure.name for measure in real.measures}
        return
    good, bad = real.measure(metric.name).value, [one.measure(metric.name).value for one in faulty]
    worst = {"lower": max, "higher": min, "between": max}[metric.better](bad)
    assert worst < good if metric.better == "higher" else worst > good
    assert abs(worst - good) > 0.01


def test_features_of_other_images_see_planted_faults(digits: ImageSet) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (N, 28, 28, 1), dtype=np.uint8)
    real, bad = (
        evaluate(images, digits, TRAINING, HELD_OUT, pretrained=ImageNetFeatures())
        for images in (digits.images[GENERATED[:N]], noise)
    )
    for name, head in (("pretrained_fd", "fd"), ("pretrained_kd", "kd")):
        good, worse = real.measure(name), bad.measure(name)
        assert good.protocol == f"{head}@mnist5k-efflite0-b4b10@32/{good.n}"
        assert good.low <= good.value <= good.high and worse.value > 10 * max(good.value, good.floor)
    known = real.measure("pretrained_fd")
    assert known.value == pytest.approx(known.floor, rel=0.3), "real images are as far as other real images"


def test_measures_stand_in_the_order_of_their_rows(real: Evaluation) -> None:
    assert [measure.name for measure in real.measures] == [
        *("fd", "precision", "recall", "class_coverage", "class_divergence", "ms_ssim_difference"),
        *("nearer_in_features", "nearer_in_pixels", "copies"),
    ]


def test_a_metric_says_how_it_is_read() -> None:
    for name, metric in METRICS.items():
        assert 0 < len(metric.reading) <= 21, name
        assert metric.unit in ("", "share", "nats"), name
