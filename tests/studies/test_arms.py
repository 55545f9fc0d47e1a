import csv
import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from ganetic.config import read_toml
from ganetic.errors import UserError
from ganetic.evaluation.measures import Statistic
from ganetic.evolution.resources import Context, Runtime
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.jobs.grid import read_grid
from ganetic.loss.library import library_loss
from ganetic.metrics.resampling import half_sample_error
from ganetic.plots.arms import COLUMNS, rows_of, write_samples
from ganetic.plots.comparison import write_figures
from ganetic.report.comparison import comparison_page, write_tables
from ganetic.report.renderers.markdown import markdown
from ganetic.report.web.page import write_report
from ganetic.studies import arm_job
from ganetic.studies.arms import arm_pairs, refuse_losses_names
from ganetic.studies.compare import CompareConfig, Comparison, compare, open_comparison
from ganetic.studies.config import StudyConfig
from ganetic.studies.equal_seconds import equal_seconds
from ganetic.studies.ratios import Pair
from ganetic.studies.study import STUDIES
from ganetic.training.job import TRAININGS, TrainingContext, train_job
from ganetic.training.rates import RateList
from ganetic.training.result import EndMeasure, TrialResult, TrialState
from ganetic.training.setup import full_trainer
from tests.report import printed
from tests.training.full.conftest import tiny
from tests.training.full.test_train import Killed, as_toml

ADA = {"kind": "ada", "profile": "xray", "adaptation_images": 1000}
ARMS = {"short": tiny("mlp", steps=20), "long": tiny("mlp", steps=40), "ada": tiny("mlp", steps=20, augmentation=ADA)}
PACES = {"short": 0.1, "long": 0.1, "ada": 0.15}
"""Seconds a step that the clock of these tests says."""
LARGEST_P = {200: 0.3, 201: 0.1}


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        yield


def made_up(context: TrainingContext, payload: dict[str, Any]) -> dict[str, Any]:
    """What comes of a training that falls by a twentieth of its distance a step, a little otherwise for each."""
    config, name = payload["config"], payload["setup"]
    factor = {"short": 1.0, "long": 1.0, "ada": 0.9}[name] * (1 + payload["config"]["seed"] % 2 / 10)
    steps = (*range(0, config["steps"], config["checkpoint_every"]), config["steps"])
    ends = [EndMeasure(name=one, protocol=f"{one}@x", value=0.25, floor=0.75) for one in ("recall", "auc")]
    return TrialResult(
        state=TrialState.COMPLETED,
        trace=tuple((step, 400 * factor * math.exp(-step / 20)) for step in steps),
        strengths=(0.0, LARGEST_P[config["seed"]]) if name == "ada" else (),
        measures=tuple(ends),
        steps=config["steps"],
        seconds=PACES[name] * config["steps"],
    ).model_dump(mode="json")


def in_process(context: Context) -> Executor:
    return SerialExecutor(made_up, cast("TrainingContext", context))


def arms(directory: Path, **options: Any) -> Comparison:
    options = {"losses": "bce", "config": ARMS, "seeds": 2, "runtime": Runtime(make_executor=in_process), **options}
    return compare(directory=directory, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return arms(tmp_path_factory.mktemp("arms") / "c")


def test_configurations_are_compared_seed_by_seed_with_one_loss(whole: Comparison) -> None:
    assert whole.settings.arms == (Pair("long", "short"), Pair("ada", "short")) and whole.settings.pairs == ()
    fds = whole.runs().set_index(["proxy", "seed"])["counted_fd"]
    (ratio,) = (one for one in whole.ratios() if one.first == "long")
    logs = [math.log(fds["long", seed] / fds["short", seed]) for seed in (200, 201)]
    assert (ratio.proxy, ratio.second, ratio.pairs) == ("", "short", 2)
    assert math.log(ratio.ratio) == pytest.approx(sum(logs) / 2)
    assert {(one.first, one.second) for one in whole.ratios("ada")} == {("short", "ada"), ("long", "ada")}


def test_losses_and_configurations_are_one_family(tmp_path: Path) -> None:
    configs = {name: ARMS[name] for name in ("short", "long")}
    grid = arms(tmp_path / "c", losses=["bce", "hinge"], config=configs)
    found = {(one.proxy, one.first, one.second) for one in grid.ratios()}
    assert found == {
        ("short", "hinge", "bce"),
        ("long", "hinge", "bce"),
        ("trainings with bce", "long", "short"),
        ("trainings with hinge", "long", "short"),
    }
    assert {(one.first, one.second) for one in grid.ratios("hinge")} == {("bce", "hinge"), ("long", "short")}
    names = {one.payload["name"] for one in read_grid(grid.directory / "journal.db")[1]}
    assert len(names) == 8 and "long-hinge-s1" in names
    text = "\n".join(printed.lines_of(comparison_page(grid)))
    assert "2 losses in 2 configurations, 2 seeds" in text
    assert "adjusted for 4 comparisons" in " ".join(text.split())
    with pytest.raises(UserError, match='unknown reference "lonk"; expected one of bce, hinge, long, short'):
        grid.ratios("lonk")


def test_equal_seconds_read_the_slower_earlier(whole: Comparison) -> None:
    equal = equal_seconds(whole)
    assert equal is not None
    assert equal.seconds == pytest.approx(2) and equal.whole == pytest.approx({"short": 2, "long": 4, "ada": 3})
    assert equal.steps == {"short": 20, "long": 20, "ada": 10}, (
        "13 steps of ada take two seconds, 10 are measured next to them"
    )
    traces = whole.traces().set_index(["proxy", "seed", "step"])["fd"]
    runs = whole.runs(equal.steps).set_index(["proxy", "seed"])
    for name in PACES:
        for seed in (200, 201):
            assert runs["counted_fd"][name, seed] == traces[name, seed, equal.steps[name]]
    (ratio,) = (one for one in whole.ratios(at=equal.steps) if one.first == "long")
    assert ratio.ratio == pytest.approx(1), "it is the same training, longer"


def test_tables_say_arm_images_seconds_ends_and_where_p_moved(whole: Comparison) -> None:
    lines = printed.lines_of(comparison_page(whole))
    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 80
    assert lines[0] == "1 loss in 3 configurations, 2 seeds, on digits"
    assert "these configurations do not train on equally many (short 160, long 320 and ada 160)" in text
    assert "fd over seeds after about 2.00 seconds of training" in text
    assert "fd over that of short, seed by seed after about 2.00 seconds" in text
    assert "p of ada moved above 0.2 in 1 of 2 trainings: the others do not count as adaptive augmentation" in text
    row = next(line.split() for line in lines if line.startswith("ada") and "1/2" in line)
    assert row == ["ada", "0.25", "0.25", "0.10-0.30", "1/2"]
    assert any(line.split() == ["real", "images", "0.75", "0.75"] for line in lines)


def test_files_say_the_same(whole: Comparison) -> None:
    paths = {path.name: path for path in write_tables(whole)}
    rows = list(csv.DictReader(paths["ratios.csv"].read_text().splitlines()))
    assert [(row["at"], row["first"]) for row in rows].count(("seconds", "ada")) == 1 and len(rows) == 4
    assert len(paths["measures.csv"].read_text().splitlines()) == 1 + 12
    record = json.loads(paths["comparison.json"].read_text())
    assert record["equal_seconds"]["steps"] == {"short": 20, "long": 20, "ada": 10}
    assert [row["most"] for row in record["strengths"]] == [0.3, 0.1]
    page = write_report([whole.directory]).read_text()
    assert "--config short --config long --config ada" in page and "trainings ended with" in page
    assert "fd over that of short" in markdown(comparison_page(whole))
    assert [one.name for one in write_figures(whole)] == ["boxes.png", "curves.png"]
    assert write_samples(whole) == [], "there are no trainings here"


def test_it_goes_on_with_the_same_and_refuses_others(whole: Comparison) -> None:
    def never(context: Context) -> Executor:
        raise AssertionError

    again = arms(whole.directory, runtime=Runtime(make_executor=never))
    assert again.runs().equals(whole.runs())
    with pytest.raises(UserError, match="arms was"):
        arms(whole.directory, reference="ada")
    assert StudyConfig.model_validate(json.loads(json.dumps(whole.settings.meta()))) == whole.settings


def test_killed_it_goes_on_where_it_was(whole: Comparison, tmp_path: Path) -> None:
    begun = list[str]()

    def killed(context: TrainingContext, payload: dict[str, Any]) -> dict[str, Any]:
        begun.append(payload["name"])
        if len(begun) == 3:
            raise Killed
        return made_up(context, payload)

    runtime = Runtime(make_executor=lambda context: SerialExecutor(killed, cast("TrainingContext", context)))
    with pytest.raises(Killed):
        arms(tmp_path / "c", runtime=runtime)
    assert open_comparison(tmp_path / "c").ended == 2
    resumed = arms(tmp_path / "c", runtime=runtime)
    assert resumed.runs()[["proxy", "seed", "fd"]].equals(whole.runs()[["proxy", "seed", "fd"]])
    assert len(begun) == 3 + 4


def test_a_study_of_toml_files_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("short", "ada"):
        (tmp_path / f"{name}.toml").write_text(as_toml(ARMS[name]))
    monkeypatch.chdir(tmp_path)
    Path("study.toml").write_text('losses = ["bce"]\nconfig = ["short.toml", "ada.toml"]\nseeds = 1\n')
    given = read_toml(Path("study.toml"), CompareConfig)
    assert given.config == ("short.toml", "ada.toml")
    comparison = arms(tmp_path / "c", losses=given.losses, config=given.config, seeds=given.seeds)
    assert [setup.name for setup in comparison.settings.proxies] == ["short", "ada"]
    said = STUDIES["compare"]().page(comparison)
    assert said[0] == "1 loss in 2 configurations, 1 seed" and len(said) == 5


def test_what_a_training_ends_with_is_what_an_evaluation_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def eight(statistic: Statistic, count: int, name: str, replicates: int = 8) -> float:
        return half_sample_error(statistic, count, name, 8)

    monkeypatch.setattr("ganetic.evaluation.measures.half_sample_error", eight)
    contexts: list[TrainingContext] = []

    def kept(context: Context) -> Executor:
        contexts.append(cast("TrainingContext", context))
        return SerialExecutor(arm_job.arm_job, contexts[-1])

    configs = {"mlp": tiny("mlp", steps=20), "msg": tiny("msg-gan", steps=20)}
    comparison = arms(tmp_path / "c", config=configs, seeds=1, runtime=Runtime(make_executor=kept))
    runs = comparison.runs()
    completed = set(runs[runs["state"] == "completed"]["proxy"])
    found = comparison.measures()
    assert completed and set(found["proxy"]) == completed
    for _, own in found.groupby("proxy"):
        assert own["name"].tolist() == [
            "recall",
            "nearer_in_features",
            "copies",
            "pretrained_fd",
            "pretrained_kd",
            "auc",
        ]
        auc = own.set_index("name").loc["auc"]
        assert 0 <= auc["value"] <= 1 and auc["floor"] == 0.5
    cells = read_grid(comparison.directory / "journal.db")[1]
    again = arm_job.end_measures(
        comparison.directory / TRAININGS / cells[0].payload["name"], cells[0].payload, contexts[0].prepared
    )
    record = read_grid(comparison.directory / "journal.db")[2][0].record
    assert record is not None
    assert [one.model_dump(mode="json") for one in again] == record.get("measures", [])
    _a_row_of_images_for_each(comparison)


def _a_row_of_images_for_each(comparison: Comparison) -> None:
    rows = rows_of(comparison)
    assert list(rows) == ["real, held out", "mlp", "msg"]
    assert {images.shape for images in rows.values()} == {(COLUMNS, 32, 32, 1)}
    assert not np.array_equal(rows["mlp"], rows["msg"])
    (path,) = write_samples(comparison)
    with Image.open(path) as picture:
        assert picture.height > 3 * 32


def test_the_discriminator_s_memory_is_read_by_ranks_of_whole_batches(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (21, 32, 32, 1), dtype=np.uint8)
    trainer = full_trainer(tiny("msg-gan"), library_loss("bce").formula, images, "cpu")
    outputs = trainer.judged(images)
    assert outputs.shape == (16,) and trainer.discriminator.training
    assert torch.equal(outputs, trainer.judged(images[:16])), "the rest of the last batch is left out"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"config": {"a": ARMS["short"], "b": ARMS["short"]}}, "the configurations a and b say the same; change one"),
        (
            {"config": {"a": ARMS["short"], "b": tiny("mlp", steps=20, description="other words", keep_last=9)}},
            "the configurations a and b say the same",
        ),
        (
            {"config": {"a": ARMS["short"], "b": tiny("mlp", eval_images=32)}},
            "eval_images is 48 in a and 32 in b; make them equal",
        ),
        (
            {"config": {"a": ARMS["short"], "b": tiny("mlp", data={"name": "digits", "size": 32})}},
            "data.size is None in a and 32 in b",
        ),
        ({"config": {"a": ARMS["short"], "bce": ARMS["long"]}}, "the configuration bce has the name of a loss"),
        ({"config": ["xray-64", "other/xray-64.toml"]}, "two configurations are called xray-64; rename a file"),
        ({"config": list(ARMS.values())}, "several configurations need names"),
        ({"config": {}}, "no configuration is given"),
        ({"config": []}, "no configuration is given"),
        ({"config": ["xray-64", "no-preset"]}, 'unknown configuration "no-preset"'),
        ({"model": "dcgan"}, "model: several configurations name their own; leave it out"),
        ({"rates": RateList(learning_rates=(1e-3, 2e-3))}, "rates: each of several configurations has its own"),
        ({"reference": "middle"}, 'unknown reference "middle"; expected one of ada, bce, long, short'),
        ({"losses": []}, "0 losses to compare; expected one or more, or all"),
        ({"space": "quick"}, "config and space are both given"),
        ({"runtime": Runtime(inception_weights="w.pt")}, "inception weights"),
        ({"config": {"a": ARMS["short"]}}, "1 loss to compare; expected two or more"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_made(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        arms(tmp_path / "c", **options)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def test_trainings_with_one_name_are_refused() -> None:
    with pytest.raises(UserError, match=r"a with b-c and a-b with c are both called a-b-c; rename a file"):
        refuse_losses_names(["a", "a-b"], ["b-c", "c"])


def test_images_that_only_one_arm_holds_out_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganetic.training.data.RANKED", 120)  # of these 357 images ada would hold out 120, not 71
    few: dict[str, Any] = {"eval_images": 500}
    configs = {"none": tiny("mlp", **few), "ada": tiny("mlp", augmentation=ADA, **few)}
    with pytest.raises(UserError, match=r'none holds out 71 and ada 120 images, because of kind "ada"; name the held-'):
        arms(tmp_path / "c", config=configs)
    assert not (tmp_path / "c").exists()


def test_a_list_of_one_configuration_is_the_comparison_that_there_was(tmp_path: Path) -> None:
    one = compare(
        ["bce", "hinge"],
        config={"any": tiny("mlp", steps=10)},
        seeds=1,
        directory=tmp_path / "c",
        runtime=Runtime(make_executor=lambda c: SerialExecutor(train_job, cast("TrainingContext", c))),
    )
    assert "arms" not in one.settings.meta() and one.settings.proxies[0].name == "mlp"
    assert "measures" not in (read_grid(tmp_path / "c" / "journal.db")[2][0].record or {})


def test_the_first_configuration_is_compared_with_unless_another_is_named() -> None:
    assert arm_pairs(["a", "b", "c"], None) == (Pair("b", "a"), Pair("c", "a"))
    assert arm_pairs(["a", "b", "c"], "b") == (Pair("a", "b"), Pair("c", "b"))
    assert arm_pairs(["a", "b"], "bce") == (Pair("b", "a"),)
