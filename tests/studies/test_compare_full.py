import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest

from ganetic.errors import UserError
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.space import SpaceProxy
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.jobs.grid import read_grid
from ganetic.plots.comparison import write_figures
from ganetic.report.comparison import files_page, write_tables
from ganetic.report.renderers.markdown import markdown
from ganetic.studies.compare import Comparison, compare, open_comparison
from ganetic.studies.config import FullSetup, StudyConfig
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.config import TrainConfig
from ganetic.training.failure_modes import FailureMode
from ganetic.training.job import TRAININGS, TrainingContext, result_of, train_job
from ganetic.training.logger import TrainingLogger
from ganetic.training.metadata import read_metadata
from ganetic.training.outcome import training_in
from ganetic.training.rates import RateList
from ganetic.training.record import read_metrics
from ganetic.training.train import train
from tests.evolution.fakes import SPACE, runtime
from tests.training.full.conftest import tiny
from tests.training.full.test_train import Killed, as_toml

LOSSES = ["bce", "relativistic-hinge"]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        yield


def in_process(context: Context) -> Executor:
    return SerialExecutor(train_job, cast("TrainingContext", context))


def small(directory: Path, config: TrainConfig | None = None, **options: Any) -> Comparison:
    options = {"losses": LOSSES, "seeds": 2, "runtime": Runtime(make_executor=in_process), **options}
    return compare(directory=directory, config=config or tiny("mlp", steps=20), **options)


def content(comparison: Comparison) -> list[Any]:
    """What its journal holds, but for times."""
    clock = ("seconds", "peak_memory_bytes")
    records = read_grid(comparison.directory / "journal.db")[2]
    return [{k: v for k, v in (record.record or {}).items() if k not in clock} for record in records]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return small(tmp_path_factory.mktemp("whole") / "c")


def test_every_training_is_the_full_training_of_its_loss_and_seed(whole: Comparison, tmp_path: Path) -> None:
    runs = whole.runs()
    assert runs["loss"].tolist() == LOSSES * 2 and runs["seed"].tolist() == [200, 200, 201, 201]
    assert runs["proxy"].unique().tolist() == ["mlp"]
    own = train(tiny("mlp", steps=20, seed=201), "bce", tmp_path / "own")
    kept = training_in(whole.directory / TRAININGS / "mlp-bce-s1")
    assert kept.train_state == own.train_state
    assert runs["fd"][2] == own.train_state.trace[-1][1]
    assert read_metadata(kept.directory).config == read_metadata(own.directory).config


def test_losses_are_paired_and_measured_as_compare_does(whole: Comparison) -> None:
    traces = whole.traces()
    assert traces["step"].unique().tolist() == [0, 10, 20]
    starts = traces[traces["step"] == 0].groupby("seed")["fd"]
    assert (starts.nunique() == 1).all() and starts.first().nunique() == 2
    (ratio,) = whole.ratios()
    own = whole.runs().set_index(["loss", "seed"])["counted_fd"]
    logs = [math.log(own["relativistic-hinge", seed] / own["bce", seed]) for seed in (200, 201)]
    assert math.log(ratio.ratio) == pytest.approx(sum(logs) / 2)
    (measure,) = whole.settings.measures
    assert measure.model == "mlp32-w4" and measure.metric.startswith("fd@digits")
    assert 0 < measure.floor_fd < measure.start_fd
    assert traces[traces["step"] == 0]["fd"].mean() == pytest.approx(measure.start_fd, rel=0.2)


def test_the_page_and_the_figures_are_those_of_compare(whole: Comparison) -> None:
    page = markdown(files_page(whole))
    assert "2 losses, 2 seeds, 20 steps a training, on digits" in page
    assert "| relativistic-hinge |" in page
    for path in (*write_tables(whole), *write_figures(whole)):
        assert path.stat().st_size > 0
        path.unlink()


def test_killed_within_a_training_it_goes_on_from_its_checkpoint(
    whole: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress, made = TrainingLogger.progress, 0

    def counted(logger: TrainingLogger, step: int, train_state: Any) -> None:
        nonlocal made
        made += 1
        progress(logger, step, train_state)
        if made == 35:  # the second training, after its checkpoint at step 10
            raise Killed

    monkeypatch.setattr(TrainingLogger, "progress", counted)
    with pytest.raises(Killed):
        small(tmp_path / "c")
    assert len(open_comparison(tmp_path / "c").runs()) == 1
    assert content(small(tmp_path / "c")) == content(whole)
    assert made == 4 * 20 + 5, "only the five steps after the checkpoint are made again"


def test_a_finished_comparison_starts_no_executor(whole: Comparison) -> None:
    def never(context: Context) -> Executor:
        raise AssertionError

    assert content(small(whole.directory, runtime=Runtime(make_executor=never))) == content(whole)


def test_other_settings_are_refused(whole: Comparison) -> None:
    for changes, said in (
        ({"config": tiny("mlp", steps=30)}, "steps was 20, is 30"),
        ({"data": "mnist5k"}, "data"),
        ({"seeds": 3}, "seeds"),
        ({"rates": RateList(learning_rates=(1e-3, 2e-3))}, "was begun without rates"),
    ):
        with pytest.raises(UserError, match=said):
            small(whole.directory, **cast("dict[str, Any]", changes))
    with pytest.raises(UserError, match="was begun in full training"):
        compare(LOSSES, space=SPACE, directory=whole.directory, runtime=runtime())


def test_a_comparison_on_proxies_is_not_gone_on_with(tmp_path: Path) -> None:
    compare(LOSSES, seeds=2, space=SPACE, directory=tmp_path, runtime=runtime())
    with pytest.raises(UserError, match="was begun on proxies"):
        small(tmp_path)


def test_several_models(tmp_path: Path) -> None:
    comparison = small(tmp_path / "c", tiny("mlp", steps=10), seeds=1, model=["mlp", "dcgan"])
    assert [setup.name for setup in comparison.settings.proxies] == ["mlp", "dcgan"]
    assert {one.proxy for one in comparison.ratios()} == {"mlp", "dcgan"}
    names = [path.name for path in (tmp_path / "c" / TRAININGS).iterdir()]
    assert sorted(names) == [f"{model}-{loss}-s0" for model in ("dcgan", "mlp") for loss in LOSSES]


def test_each_loss_at_its_own_rates(tmp_path: Path) -> None:
    rates = RateList(learning_rates=(1e-4, 1e-3))
    optimizer = {"generator_lr": 2e-4, "discriminator_lr": 2e-4, "beta1": 0.3}
    comparison = small(tmp_path / "c", tiny("mlp", steps=10, optimizer=optimizer), rates=rates, tuning_seeds=1)
    tuned = comparison.settings.tuned
    assert tuned is not None and tuned.given == RateList(learning_rates=(1e-4, 1e-3), beta1s=(0.3,))
    assert set(comparison.tuning()["seeds"]) == {1}
    trainings = list((tmp_path / "c" / TRAININGS).iterdir())
    assert len(trainings) == 4, "trainings that chose rates leave nothing"
    for loss in comparison.settings.losses:
        assert loss.rates is not None
        used = read_metadata(tmp_path / "c" / TRAININGS / f"mlp-{loss.name}-s0").config.optimizer
        assert used.generator_lr == used.discriminator_lr == loss.rates.learning_rate
        assert used.beta1 == 0.3


def test_a_training_that_is_not_finite_counts_as_untrained(tmp_path: Path) -> None:
    overflowing = "cube(exp(add(29.5, mul(p, 0.5))))"
    comparison = small(tmp_path / "c", tiny("mlp", steps=10), losses=["bce", overflowing], seeds=1)
    row = comparison.runs().iloc[1]
    assert (row["state"], row["reason"]) == ("failed", FailureMode.NON_FINITE)
    assert row["counted_fd"] == comparison.settings.measures[0].start_fd


def test_three_ill_measurements_at_the_end_are_a_failure(tmp_path: Path) -> None:
    training = train(tiny("mlp", steps=40), "mul(0.0, p)", tmp_path / "run")
    assert training.status == "finished"
    assert result_of(training).reason == FailureMode.VANISHING_GRADIENT


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "stylegan"}, 'unknown model "stylegan"'),
        ({"model": ["mlp", "mlp"]}, "expected one or more different ones"),
        ({"data": "nothing"}, "nothing"),
        ({"config": "no-preset"}, 'unknown configuration "no-preset"'),
        ({"steps": 0}, "steps"),
        ({"seeds": 0}, "seeds is 0"),
        ({"runtime": Runtime(inception_weights="w.pt")}, "inception weights"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        small(tmp_path / "c", **{"config": tiny("mlp"), **options})
    assert not (tmp_path / "c").exists()


def test_images_too_few_for_a_distance_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganetic.training.job.check_start", lambda setup: setup.monitor.reference_statistics.floor_fd)
    with pytest.raises(UserError, match=r"held-out images are too few to compare losses by fd; expected more images"):
        small(tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_rates_need_equal_rates_of_both_players(tmp_path: Path) -> None:
    config = tiny("mlp", optimizer={"generator_lr": 1e-4, "discriminator_lr": 4e-4})
    with pytest.raises(UserError, match=r"trains G at 0.0001 and D at 0.0004; make them equal, or leave rates out"):
        small(tmp_path / "c", config, rates=RateList(learning_rates=(1e-4, 1e-3)))
    assert not (tmp_path / "c").exists()


def test_setups_are_told_from_proxies_when_they_are_read_again(whole: Comparison) -> None:
    (setup,) = whole.settings.proxies
    assert isinstance(setup, FullSetup)
    meta = json.loads(json.dumps(whole.settings.meta()))
    assert StudyConfig.model_validate(meta) == whole.settings
    (proxy,) = StudyConfig.model_validate({**meta, "proxies": [{}]}).proxies
    assert isinstance(proxy, SpaceProxy)


@pytest.mark.slow
@pytest.mark.ray
def test_killed_on_ray_it_goes_on_as_in_one_process(tmp_path: Path) -> None:
    config = tiny("mlp", steps=300, checkpoint_every=20)
    toml = tmp_path / "tiny.toml"
    toml.write_text(as_toml(config))
    out = tmp_path / "c"
    options = ["--config", str(toml), "--seeds", "2", "--workers", "2", "-o", str(out)]
    command = [sys.executable, "-m", "ganetic", "compare", *LOSSES, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    begun = out / TRAININGS / "mlp-bce-s0"
    while len(checkpoints_in(begun)) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert max(line["step"] for line in read_metrics(begun)) > 0
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    alone = small(tmp_path / "alone", config)
    assert content(open_comparison(out)) == content(alone)
    shutil.rmtree(tmp_path)
