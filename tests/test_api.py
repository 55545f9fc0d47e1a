"""Every public function, called as a user calls it."""

import inspect
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import ganetic
from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.cli import train as commands
from ganetic.loss.card import read_card
from ganetic.training.output import write_images
from tests.evolution.fakes import SPACE, runtime
from tests.small_run import SPACE as SMALL
from tests.small_run import small_run, small_run_directory, small_runtime
from tests.training.full.conftest import tiny


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of the other tests that train: feature nets are trained once."""
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ganetic.Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        run = tmp_path_factory.mktemp("finished") / "run"
        return ganetic.train(
            "hinge", tiny(data={"name": "digits"}, eval_images=150), model="mlp", steps=10, run=str(run)
        )


@pytest.mark.parametrize("kind", [str, Path])
def test_search_open_resume_and_export(kind: type[str] | type[Path], in_folder: Path) -> None:
    Path("my.toml").write_text("[")
    with pytest.raises(ganetic.UserError, match=r"my\.toml: not valid TOML"):
        ganetic.search(kind("my.toml"))
    run = ganetic.search(SMALL, run=kind("run"), runtime=small_runtime(max_trials=24))
    assert run.status == ganetic.open_run(kind("run")).status == "finished"
    with pytest.raises(ganetic.UserError, match="this run is finished after 24 trials"):
        ganetic.resume(kind("run"))
    longer = ganetic.resume(kind("run"), small_runtime(max_trials=30))
    assert isinstance(longer, ganetic.Run)
    assert longer.asked == 30
    assert ganetic.resume(run, small_runtime(max_trials=32)).asked == 32
    assert ganetic.export(kind("run"), kind("best.json")) == [Path("best.json"), Path("best.py"), Path("best.tex")]
    assert ganetic.load_loss(kind("best.json")).discriminator(torch.ones(4), -torch.ones(4)).isfinite()


def test_a_run_that_is_open_is_exported_as_well(in_folder: Path) -> None:
    ganetic.export(small_run(), "first.json", pick="0")
    assert read_card(Path("first.json")).provenance.individual == 0
    with pytest.raises(ganetic.UserError, match='unknown pick "best"'):
        ganetic.export(small_run_directory(), "x.json", pick="best")


def test_score_takes_names_expressions_and_cards(in_folder: Path) -> None:
    ganetic.export(small_run(), "best.json")
    scores = [
        ganetic.score(loss, seeds=2, space=SPACE, runtime=runtime())
        for loss in ("hinge", "square(sub(p, y))", "best.json", Path("best.json"))
    ]
    assert [score.name for score in scores[:2]] == ["hinge", "expression"]
    assert scores[2].name == scores[3].name
    assert all(len(score.seeds) == 2 for score in scores)


@pytest.mark.parametrize("kind", [str, Path])
def test_compare_takes_names_and_cards(kind: type[str] | type[Path], in_folder: Path) -> None:
    ganetic.export(small_run(), "best.json")
    losses = ["bce", kind("best.json")]
    comparison = ganetic.compare(losses, seeds=2, space=SPACE, directory=kind("out"), runtime=runtime())
    assert comparison.directory == Path("out")
    assert comparison.settings.names[0] == "bce"
    assert len(comparison.ratios()) == 1


def test_all_losses_are_compared_by_one_word(in_folder: Path) -> None:
    comparison = ganetic.compare("all", seeds=1, space=SPACE, directory="out", runtime=runtime())
    assert comparison.total == len(comparison.settings.names) > 5
    with pytest.raises(ganetic.UserError, match="1 loss to compare"):
        ganetic.compare(Path("bce"), space=SPACE, runtime=runtime())


@pytest.mark.parametrize("kind", [str, Path])
def test_confirm_takes_a_run_or_its_directory(kind: type[str] | type[Path], in_folder: Path) -> None:
    run = ganetic.search(SMALL, run="run", runtime=small_runtime(max_trials=24))
    by_run, by_path = (ganetic.confirm(one, seeds=2, pick="fd", runtime=small_runtime()) for one in (run, kind("run")))
    assert by_run.card == by_path.card
    assert by_path.claims()[0].startswith(f"{by_path.card.name} on 2 seeds that chose nothing")


@pytest.mark.parametrize("kind", [str, Path])
def test_calibrate_keeps_its_result_where_it_is_told(kind: type[str] | type[Path], in_folder: Path) -> None:
    kept = ganetic.calibrate(SPACE, seeds=2, runtime=runtime(), directory=kind("kept"))
    assert list(kept) == ["main"]
    assert len(list(Path("kept").rglob("calibration.json"))) == 1


@pytest.mark.parametrize("kind", [str, Path])
def test_bank_reads_a_file_that_was_saved(kind: type[str] | type[Path], in_folder: Path) -> None:
    shipped = ganetic.bank()
    shipped.save(Path("bank.npz"))
    assert ganetic.bank(kind("bank.npz")).losses["text"].tolist() == shipped.losses["text"].tolist()


@pytest.mark.parametrize("kind", [str, Path])
def test_train_takes_a_preset_a_file_or_a_configuration(kind: type[str] | type[Path], in_folder: Path) -> None:
    Path("my.toml").write_text(
        "steps = 10\neval_images = 48\n[data]\nname = 'digits'\n[model]\nname = 'mlp'\nlatent = 8\n"
    )
    training = ganetic.train("hinge", kind("my.toml"), classes="3, 8", batch=8, seed=4, run=kind("run"))
    assert (training.status, training.directory, training.train_state.step) == ("finished", Path("run"), 10)
    again = ganetic.train(
        "hinge", ganetic.load_config(kind("my.toml")), classes=("3", "8"), batch=8, seed=4, run=kind("again")
    )
    assert again.train_state == training.train_state
    with pytest.raises(ganetic.UserError, match="run: is there already; `ganetic resume run` goes on with it"):
        ganetic.train("hinge", run=kind("run"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"config": "dmeo"}, 'unknown configuration "dmeo"; .*did you mean "demo"'),
        ({"steps": 0}, "options: steps is '0'"),
        ({"model": "mpl"}, 'options: model.name is .mpl.: unknown model "mpl"'),
        ({"size": 7}, "options: data.size is '7'"),
        ({"data": "digits", "classes": ["11"]}, '"11"'),
        ({"workers": 0}, "0 workers for a batch of 8"),
    ],
)
def test_train_refuses_what_is_wrong_and_makes_nothing(options: dict[str, object], said: str, in_folder: Path) -> None:
    with pytest.raises(ganetic.UserError, match=said):
        ganetic.train("hinge", **options)  # type: ignore[arg-type]
    assert not list(in_folder.iterdir())


@pytest.mark.parametrize(
    ("function", "command", "own", "of_the_command"),
    [
        ("train", commands.train, {"callback"}, {"dry_run", "window"}),
        ("evaluate", commands.evaluate, {"path"}, {"generated", "json", "output", "window"}),
        ("generate", commands.generate, {"path"}, {"checkpoint", "output"}),
    ],
)
def test_keywords_are_the_options_of_the_command(
    function: str, command: object, own: set[str], of_the_command: set[str]
) -> None:
    def parameters(of: object) -> set[str]:
        assert callable(of)
        return set(inspect.signature(of).parameters)

    assert parameters(getattr(ganetic, function)) - own == parameters(command) - of_the_command


def test_resume_tells_a_training_from_a_search(finished: ganetic.Training) -> None:
    assert ganetic.resume(finished) == finished
    for path in (finished.directory, str(finished.directory)):
        again = ganetic.resume(path, ganetic.Runtime(workers=1, download=True))
        assert isinstance(again, ganetic.Training)
        assert again == finished
    for options in ({"max_trials": 9}, {"time_budget_seconds": 9.0}, {"address": "auto"}):
        with pytest.raises(ganetic.UserError, match="is a training, which takes workers and download alone"):
            ganetic.resume(finished, ganetic.Runtime(**options))
    with pytest.raises(ganetic.UserError, match="0 workers for a batch of 8"):
        ganetic.resume(finished, ganetic.Runtime(workers=0))
    with pytest.raises(ganetic.UserError, match="nowhere: there is no run here"):
        ganetic.resume("nowhere")


def test_a_training_that_was_stopped_is_resumed_and_watched(in_folder: Path) -> None:
    class CtrlC(ProgressCallback[TrainingProgress]):
        def update(self, progress: TrainingProgress) -> None:
            if progress.step == 3:
                signal.raise_signal(signal.SIGINT)

    class Steps(ProgressCallback[TrainingProgress]):
        seen: list[int] = []  # noqa: RUF012 - of this one callback

        def update(self, progress: TrainingProgress) -> None:
            self.seen.append(progress.step)

    config = tiny("mlp", steps=10)
    stopped = ganetic.train("hinge", config, run="run", callback=CtrlC())
    assert stopped.status == "stopped"
    assert ganetic.resume("run", train_callback=Steps()) == ganetic.resume(stopped)
    assert Steps.seen[-1] == 10
    assert Steps.seen[0] > 3
    assert ganetic.resume(stopped).train_state == ganetic.train("hinge", config, run="whole").train_state


def test_generate_gives_the_images_of_the_seed(finished: ganetic.Training) -> None:
    images = ganetic.generate(finished, 5, seed=3)
    assert images.shape == (5, 32, 32, 1)
    assert images.dtype == np.uint8
    assert np.array_equal(images, ganetic.generate(str(finished.directory), count=5, seed=3))
    assert np.array_equal(images[:2], ganetic.generate(finished.best, 2, 3))
    assert not np.array_equal(images, ganetic.generate(finished.directory, 5))
    assert len(ganetic.generate(finished)) == 64


@pytest.mark.parametrize(
    ("count", "seed", "said"),
    [
        (0, 0, "count is 0; expected 1 to 1000000 images"),
        (-3, 0, "count is -3"),
        (1_000_001, 0, "count is 1000001"),
        (1, -1, "seed is -1; expected 0 or more"),
    ],
)
def test_generate_refuses_numbers_out_of_range(count: int, seed: int, said: str, finished: ganetic.Training) -> None:
    with pytest.raises(ganetic.UserError, match=said):
        ganetic.generate(finished, count, seed)


@pytest.mark.parametrize("truncation", [-0.1, 1.1, float("nan")])
def test_generate_refuses_a_truncation_out_of_range(truncation: float, finished: ganetic.Training) -> None:
    with pytest.raises(ganetic.UserError, match=r"truncation is .*; expected 0 to 1"):
        ganetic.generate(finished, truncation=truncation)


@pytest.mark.usefixtures("in_folder")
def test_evaluate_measures_what_generate_draws(finished: ganetic.Training) -> None:
    found = ganetic.evaluate(finished, count=32, seed=3)
    assert found.generated == 32
    assert found.measure("fd").value > 0
    assert found == ganetic.evaluate(str(finished.directory), count=32, seed=3)
    write_images(ganetic.generate(finished, 32, seed=3), Path("folder"))
    of_folder = ganetic.evaluate("folder", data="digits")
    assert of_folder.measure("fd").value == pytest.approx(found.measure("fd").value, rel=0.2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 15}, "count is 15; expected 16 to 1000000 images"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"inception_weights": "no.pth"}, r"no\.pth"),
    ],
)
def test_evaluate_refuses_what_is_wrong(options: dict[str, object], said: str, finished: ganetic.Training) -> None:
    with pytest.raises(ganetic.UserError, match=said):
        ganetic.evaluate(finished, **options)  # type: ignore[arg-type]


def test_evaluate_names_what_is_not_there() -> None:
    with pytest.raises(ganetic.UserError, match="nothing: no such training, checkpoint or folder of images"):
        ganetic.evaluate("nothing")


@pytest.mark.parametrize("kind", [str, Path])
def test_weights_that_are_not_there_are_named(kind: type[str] | type[Path]) -> None:
    runtime = ganetic.Runtime(inception_weights=kind("no.pth"))
    with pytest.raises(ganetic.UserError, match=r"no\.pth"):
        ganetic.score("bce", data="digits", runtime=runtime)
