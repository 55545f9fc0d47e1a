"""What the study says of generators and labels of which the truth is known."""

from pathlib import Path

import numpy as np
import pytest

from ganetic.augmenting.scores import SCORES
from ganetic.studies.augment import augment
from ganetic.studies.augmentation import Augmentation
from tests.augmenting.planted import config, noise, pixel_features, serial, swapped, training_images, write_set

__all__ = ["pixel_features"]
pytestmark = pytest.mark.usefixtures("pixel_features")


def scores_of(study: Augmentation, arm: str) -> np.ndarray:
    table = study.scores()
    return table.loc[table["arm"] == arm, list(SCORES)].to_numpy(np.float64)


def test_a_generator_that_returns_the_training_images_changes_nothing(tmp_path: Path) -> None:
    study = augment(
        config(write_set(tmp_path / "set.npz"), shares=(1.0,)), tmp_path / "run", serial(), make=training_images
    )
    np.testing.assert_array_equal(scores_of(study, "gan"), scores_of(study, "none"))
    # Every one of these is a copy: without copies there are no generated images.
    assert set(study.gans()["copies"]) == {1.0}
    np.testing.assert_array_equal(scores_of(study, "gan-filtered"), scores_of(study, "none"))
    np.testing.assert_array_equal(scores_of(study, "both-filtered"), scores_of(study, "classical"))
    primary = study.differences()
    equal = primary[(primary["first"] == "gan") & (primary["second"] == "none")]
    assert set(equal["mean"]) == {0.0}
    assert set(equal["verdict"]) == {"no difference shown"}


def test_other_images_of_the_training_set_are_equal_within_noise(tmp_path: Path) -> None:
    study = augment(
        config(write_set(tmp_path / "set.npz"), shares=(0.25, 0.5)), tmp_path / "run", serial(), make=training_images
    )
    gap = scores_of(study, "gan")[:, 0] - scores_of(study, "none")[:, 0]
    assert abs(gap.mean()) < 0.05


@pytest.mark.parametrize("make", [noise, swapped])
def test_a_generator_of_nonsense_hurts(make: object, tmp_path: Path) -> None:
    study = augment(
        config(write_set(tmp_path / "set.npz"), draws=4, shares=(4.0,)),
        tmp_path / "run",
        serial(),
        make=make,  # type: ignore[arg-type]
    )
    (found,) = study.differences().query("score == 'macro_f1' & first == 'gan' & second == 'none'").to_dict("records")
    assert found["mean"] < -0.05
    assert found["high"] < 0
    assert found["verdict"] == "worse"


def test_random_labels_are_guessed(tmp_path: Path) -> None:
    data = write_set(tmp_path / "set.npz", each=200, random_labels=True)
    study = augment(config(data, draws=4), tmp_path / "run", serial(), make=noise)
    scores = study.scores()
    for score in ("balanced_accuracy", "auroc"):
        means = scores.groupby("arm")[score].mean()
        assert ((means > 0.42) & (means < 0.58)).all(), means
    assert set(study.primary()["verdict"]) == {"no difference shown"}
