from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ganetic.errors import UserError
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import search
from ganetic.evolution.space import Rung, SearchSpace, SpaceProxy
from ganetic.plots.figure import KINDS, plot
from ganetic.training.spec import TrialSpec
from ganetic.training.trainer import NonFiniteError
from tests.plots.extents import boxes_of, overlapping
from tests.small_run import SPACE, new_small_run, small_run, small_runtime

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_a_real_run(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.png"
    assert plot(small_run(), kind, path) == path
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_a_name_it_goes_into_the_run(tmp_path: Path) -> None:
    run = new_small_run(tmp_path / "run")
    assert plot(run, "pareto") == tmp_path / "run" / "pareto.png"
    assert (tmp_path / "run" / "pareto.png").exists()


def test_finalists_that_are_published_have_their_names_and_no_texts_meet() -> None:
    figure = KINDS["pareto"](open_run(ROOT / "runs" / "reference" / "better-loss" / "chest-plain-s7101"))
    rows = [label.get_text().split("\n")[0] for label in figure.axes[1].get_yticklabels()]
    assert rows == ["relativistic-hinge", "#82", "#92", "#91"]
    assert overlapping(boxes_of(figure)) == []


def another_run(folder: Path, space: SearchSpace) -> Run:
    return search(space, run=folder / "other", seed=1, runtime=small_runtime(24))


def test_progress_of_two_runs(tmp_path: Path) -> None:
    other, path = another_run(tmp_path, SPACE.randomised()), tmp_path / "both.png"
    assert plot(small_run(), "progress", path, [other]) == path
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match='only "progress" draws others'):
        plot(small_run(), "pareto", path, [other])
    with pytest.raises(UserError, match="7 runs are too many"):
        plot(small_run(), "progress", path, [other] * 6)


def test_runs_that_cannot_be_compared(tmp_path: Path) -> None:
    longer = another_run(tmp_path / "a", SPACE.model_copy(update={"rungs": (Rung(steps=150, seeds=1),)}))
    with pytest.raises(UserError, match=r"no rung was reached by all of these runs.*other: 150 steps, 1 seed"):
        plot(small_run(), "progress", tmp_path / "both.png", [longer])
    proxies = (SpaceProxy(images=64, learning_rate=1e-3),)
    slower = another_run(tmp_path / "b", SPACE.model_copy(update={"proxies": proxies}))
    with pytest.raises(UserError, match=r"losses are not measured as in .*run"):
        plot(small_run(), "progress", tmp_path / "both.png", [slower])


def test_samples_are_of_the_images_that_the_first_proxy_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = (SpaceProxy(images=64, data="histology"),)
    asked = []

    class StopHereError(Exception):
        pass

    def load(_: object, name: str) -> None:
        asked.append(name)
        raise StopHereError

    run = new_small_run(tmp_path / "run")
    space = run.config.space.model_copy(update={"proxies": proxies})
    run.config = run.config.model_copy(update={"space": space})
    monkeypatch.setattr("ganetic.plots.figure.load_for", load)
    with pytest.raises(StopHereError):
        plot(run, "samples", tmp_path / "figure.png")
    assert asked == ["histology"]


def test_samples_of_a_loss_that_is_not_finite_on_every_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_small_run(tmp_path / "run")
    seeds: list[int] = []

    def fails(trial: TrialSpec, images: object, count: int) -> NDArray[np.uint8]:
        seeds.append(trial.seed)
        if len(seeds) < 2 or seeds[-1] == seeds[0]:
            raise NonFiniteError("losses at step 10")
        return np.zeros((count, 32, 32, 1), dtype=np.uint8)

    monkeypatch.setattr("ganetic.plots.figure.sample_images", fails)
    plot(run, "samples", tmp_path / "figure.png")
    assert len(seeds) == 2 and (tmp_path / "figure.png").is_file()

    def never(trial: TrialSpec, images: object, count: int) -> NDArray[np.uint8]:
        raise NonFiniteError("losses at step 10")

    monkeypatch.setattr("ganetic.plots.figure.sample_images", never)
    with pytest.raises(UserError, match="stays finite on none of the final seeds"):
        plot(run, "samples", tmp_path / "other.png")


def test_samples_need_none_of_the_features_that_the_run_was_measured_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_small_run(tmp_path / "run")
    proxies = (SpaceProxy(images=64, ema_decay=0.9, features="resnet18:/nowhere/a.pt"),)
    space = run.config.space.model_copy(update={"proxies": proxies})
    run.config = run.config.model_copy(update={"space": space})
    trained = []

    def sample(trial: TrialSpec, images: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
        trained.append((trial.proxy.ema_decay, images.shape[1:]))
        return images[:count]

    monkeypatch.setattr("ganetic.plots.figure.sample_images", sample)
    plot(run, "samples", tmp_path / "figure.png")
    assert trained == [(0.9, (32, 32, 1))]


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'unknown kind of plot "samplse"; .*did you mean "samples"'):
        plot(small_run(), "samplse", tmp_path / "figure.png")
