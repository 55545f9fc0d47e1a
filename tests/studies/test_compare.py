import math
import signal
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.errors import UserError
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.results import latest_run, open_run
from ganetic.evolution.space import Rung, SearchSpace, SpaceProxy
from ganetic.jobs.executor import Executor, JobResult, Payload, SerialExecutor
from ganetic.jobs.grid import read_grid
from ganetic.loss.card import LossCard, write_card
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.metrics.fitness import SeedTrace, fitness
from ganetic.studies.compare import Comparison, compare, entries_of, open_comparison
from ganetic.training.rates import RateList
from ganetic.training.spec import ProxySpec
from ganetic.training.trial import trial_job as train_really
from tests.evolution.fakes import SCALE, SPACE, Counting, runtime, serial, serial_with_mishaps, work
from tests.evolution.victim import Fatal, Moment, in_process

LOSSES = ["bce", "hinge", "lsgan"]
EXPRESSION = "add(cube(p), sqrt(div(y, p)))"
TWO = SPACE.model_copy(update={"proxies": (SpaceProxy(), SpaceProxy(name="plain", batch_norm=False))})


def small(directory: Path, losses: list[str] = LOSSES, make_executor: Any = serial, **options: Any) -> Comparison:
    options = {"seeds": 6, "space": SPACE, **options}
    return compare(losses, directory=directory, runtime=runtime(make_executor), **options)


def content(directory: Path) -> list[tuple[Any, ...]]:
    """What a comparison's journal holds, but for times."""
    _, submissions, records = read_grid(directory / "journal.db")
    clock = ("seconds", "peak_memory_bytes")
    return [
        (*submission[:5], record.state, {k: v for k, v in (record.record or {}).items() if k not in clock})
        for submission, record in zip(submissions, records, strict=True)
    ]


def test_every_loss_trains_on_the_same_seeds_and_nothing_is_killed(tmp_path: Path) -> None:
    comparison = small(tmp_path / "c")
    runs = comparison.runs()
    assert comparison.finished and comparison.total == comparison.ended == len(runs) == 18
    for loss in LOSSES:
        own = runs[runs["loss"] == loss]
        assert own["seed"].tolist() == [200, 201, 202, 203, 204, 205], "seeds that no search and no finals use"
        assert set(own["steps"]) == {SPACE.finals.steps}
    assert set(runs["state"]) <= {"completed", "failed"}
    _, submissions, _ = read_grid(tmp_path / "c" / "journal.db")
    assert {tuple(submission.payload["kill"]) for submission in submissions} == {()}
    assert {tuple(submission.payload["checkpoints"]) for submission in submissions} == {SPACE.checkpoints(80)}
    assert [submission.subject for submission in submissions] == [0, 1, 2] * 6, "all losses on one seed, then the next"


def test_another_seed_takes_other_seeds_for_all(tmp_path: Path) -> None:
    rates = RateList(learning_rates=(1e-3, 2e-3, 4e-3))
    comparison = small(tmp_path / "c", seeds=2, seed=8, rates=rates, tuning_seeds=1)
    assert set(comparison.runs()["seed"]) == {8200, 8201}
    _, submissions, _ = read_grid(tmp_path / "c" / "tuning.db")
    assert {submission.payload["seed"] for submission in submissions} == {8500}
    with pytest.raises(UserError, match="seeds"):
        small(tmp_path / "c", seeds=2, seed=9, rates=rates, tuning_seeds=1)
    with pytest.raises(UserError, match="seed is -1; expected 0 to"):
        small(tmp_path / "d", seed=-1)


def test_a_summary_is_that_of_its_runs(tmp_path: Path) -> None:
    comparison = small(tmp_path / "c", seeds=25)
    summary = comparison.summary().set_index("loss")
    assert summary["geometric_mean"].is_monotonic_increasing
    for loss in LOSSES:
        own = comparison.runs().query("loss == @loss")
        values = [
            fd if state == "completed" else SCALE.start_fd for fd, state in zip(own["fd"], own["state"], strict=True)
        ]
        row = summary.loc[loss]
        assert (row["best"], row["worst"]) == (min(values), max(values))
        assert row["mean"] == pytest.approx(statistics.fmean(values))
        assert row["geometric_mean"] == pytest.approx(statistics.geometric_mean(values))
        assert row["sd"] == pytest.approx(statistics.stdev(values))
        assert row["failed"] == values.count(SCALE.start_fd)
        traces = comparison.traces().query("loss == @loss")
        seeds = [
            SeedTrace(bool(one["failed"].iloc[0]), tuple(zip(one["step"], one["fd"], strict=True)))
            for _, one in traces.groupby("seed")
        ]
        assert row["instability"] == pytest.approx(fitness(seeds, *SCALE).instability)
    assert (comparison.summary()["failed"] > 0).any(), "the fakes fail now and then"


def test_differences_are_those_to_the_reference_on_ln_fd(tmp_path: Path) -> None:
    comparison = small(tmp_path / "c")
    runs = comparison.runs().pivot(index="seed", columns="loss", values="counted_fd")
    table = comparison.differences()
    assert set(table["first"]) == {"hinge", "lsgan"} and set(table["second"]) == {"bce"}
    for row in table.to_dict("records"):
        logs = [math.log(a / b) for a, b in zip(runs[row["first"]], runs["bce"], strict=True)]
        assert row["ratio"] == pytest.approx(math.exp(statistics.fmean(logs)))
        assert row["low"] < row["ratio"] < row["high"]
        if row["failed_pairs"]:
            assert math.isnan(row["detectable"]) and row["holm_p"] >= row["wilcoxon_p"]
        else:
            assert 0 < row["detectable"] < 1 and row["holm_p"] >= row["t_p"]
        assert row["wilcoxon_p"] >= 2.0**-5
    other = comparison.differences("lsgan").set_index("first")
    mine = table.set_index("first").loc["lsgan"]
    assert other.loc["bce", "ratio"] == pytest.approx(1 / mine["ratio"])
    with pytest.raises(UserError, match=r'unknown reference "hing".*did you mean "hinge"'):
        comparison.differences("hing")


def test_what_crashed_timed_out_or_raised_is_a_row_with_its_reason(tmp_path: Path) -> None:
    class Faulty(Executor):
        """Another executor, the first job of which has raised."""

        def __init__(self, inner: Executor) -> None:
            self.inner = inner

        @property
        def slots(self) -> int:
            return self.inner.slots

        def submit(self, number: int, payload: Payload) -> None:
            self.inner.submit(number, payload)

        def wait(self, timeout: float | None = None) -> list[JobResult]:
            return [
                JobResult(0, "raised", None, "Traceback:\n  somewhere\nValueError: our bug", 1, 0.1, "here")
                if outcome.number == 0
                else outcome
                for outcome in self.inner.wait(timeout)
            ]

        def outstanding(self) -> int:
            return self.inner.outstanding()

        def close(self) -> None:
            self.inner.close()

    comparison = small(tmp_path / "c", ["all"], lambda context: Faulty(serial_with_mishaps(context)), seeds=20)
    runs = comparison.runs()
    assert set(runs["state"]) == {"completed", "failed", "raised", "timed_out", "crashed"}
    failed = runs[~runs["state"].isin(["completed", "raised"])]
    assert (failed["counted_fd"] == SCALE.start_fd).all()
    assert runs["counted_fd"].isna().tolist() == (runs["state"] == "raised").tolist(), "our own error is nobody's fd"
    assert runs[["state", "error"]].iloc[0].tolist() == ["raised", "ValueError: our bug"]
    assert set(runs[runs["state"] == "crashed"]["error"]) == {"it killed three workers"}
    summary = comparison.summary().set_index("loss")
    assert summary["failed"].sum() == len(failed)
    assert "1 raised" in str(summary.loc["bce", "ills"])
    assert summary.loc["bce", "trainings"] == 19 and (summary.drop("bce")["trainings"] == 20).all()
    said = {ratio.first: ratio for ratio in comparison.ratios("bce")}
    assert {ratio.pairs for ratio in said.values()} == {19}
    by_seed = runs.pivot(index="seed", columns="loss", values="state").drop(index=runs["seed"].iloc[0])
    for name, ratio in said.items():
        both = (by_seed[[name, "bce"]] == "completed").all(axis=1)
        assert ratio.failed_pairs == int((~both).sum())
        assert math.isnan(ratio.detectable) == bool(ratio.failed_pairs)
        fd = runs.pivot(index="seed", columns="loss", values="fd").loc[by_seed.index[both]]
        assert ratio.trained == pytest.approx(math.exp(np.log(fd[name] / fd["bce"]).mean()), nan_ok=True)
    assert any(math.isfinite(ratio.trained) for ratio in said.values())
    ills = " ".join(summary["ills"])
    assert "mode_collapse" in ills and "crashed" in ills and "timed_out" in ills


@pytest.mark.parametrize("moment", [("submitted", 0), ("submitted", 7), ("ended", 9), ("recorded", 9), ("ended", 18)])
def test_killed_it_goes_on_with_nothing_lost_or_repeated(tmp_path: Path, whole: Path, moment: Moment) -> None:
    directory = tmp_path / "c"
    process = in_process(_drive, directory, {moment: signal.SIGKILL})
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"{moment} never came"
    before = open_comparison(directory)
    assert not before.finished
    counting = Counting(work)
    small(directory, make_executor=counting)
    assert counting.trained == 18 - before.ended
    assert content(directory) == content(whole)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("whole") / "c"
    small(directory)
    yield directory


def _drive(directory: Path, moments: dict[Moment, int]) -> None:
    small(directory, make_executor=lambda context: Fatal(serial(context), moments))


def test_a_finished_comparison_starts_no_executor(whole: Path) -> None:
    def never(context: Context) -> Executor:
        raise AssertionError("nothing is left to do")

    assert small(whole, make_executor=never).finished


def test_tables_while_it_runs(tmp_path: Path) -> None:
    process = in_process(_drive, tmp_path / "c", {("recorded", 1): signal.SIGKILL})
    process.start()
    process.join()
    comparison = open_comparison(tmp_path / "c")
    assert comparison.summary()["trainings"].tolist() == [1]
    assert not len(comparison.differences())
    assert math.isnan(comparison.summary()["sd"].iloc[0])


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"seeds": 7}, "seeds was .*200.*, is .*206"),
        ({"steps": 70}, "steps was 80, is 70"),
        ({"reference": "hinge"}, "pairs was"),
        ({"losses": ["bce", "hinge", "wasserstein"]}, "losses.2..name was lsgan, is wasserstein"),
        ({"space": TWO}, "measures.1..features was None"),
    ],
)
def test_other_settings_are_refused(whole: Path, changes: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError, match=f"this is not the comparison that was begun: .*{part}"):
        small(whole, **changes)


def test_several_proxies(tmp_path: Path) -> None:
    comparison = small(tmp_path / "c", space=TWO)
    assert comparison.total == 36
    summary = comparison.summary()
    assert summary["proxy"].tolist() == ["main"] * 3 + ["plain"] * 3
    differences = comparison.differences()
    assert differences["proxy"].tolist() == ["main"] * 2 + ["plain"] * 2
    alone = small(tmp_path / "alone").differences()
    assert differences["t_p"].tolist()[:2] == alone["t_p"].tolist()
    assert (differences["holm_p"][:2] >= alone["holm_p"]).all(), "the family is larger"


@pytest.mark.slow
def test_real_trainings_are_paired(tmp_path: Path) -> None:
    space = SearchSpace(
        name="live",
        data="digits",
        form="label",
        operators=("add", "log"),
        checkpoint_every=2,
        kill=(),
        rungs=(Rung(steps=4, seeds=1),),
        finals=SPACE.finals.model_copy(update={"steps": 4}),
        proxies=(SpaceProxy(width=2, batch=4, latent=4, images=64),),
        stop=SPACE.stop,
    )
    where = Runtime(make_executor=lambda context: SerialExecutor(train_really, context))
    comparison = compare(["bce", "hinge"], space=space, seeds=2, directory=tmp_path / "c", runtime=where)
    traces = comparison.traces().pivot(index=["seed", "step"], columns="loss", values="fd")
    start = traces.xs(0, level="step")
    assert start["bce"].tolist() == start["hinge"].tolist(), "equal seeds, equal untrained generators"
    assert start["bce"].nunique() == 2
    end = traces.xs(4, level="step")
    assert (end["bce"] != start["bce"]).all(), "they trained"
    (proxy,) = comparison.settings.proxies
    assert isinstance(proxy, SpaceProxy)
    assert proxy.spec == ProxySpec(width=2, batch=4, latent=4, images=64)


def test_the_default_directory_says_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    comparison = compare(["bce", "hinge"], seeds=1, space=SPACE, runtime=runtime())
    (directory,) = (tmp_path / "runs").iterdir()
    assert directory.name.endswith("-compare-tiny-nothing")
    assert comparison.directory.resolve() == directory


def test_a_comparison_is_not_taken_for_the_latest_run(tmp_path: Path) -> None:
    small(tmp_path / "c", ["bce", "hinge"], seeds=1)
    with pytest.raises(UserError, match="no run there yet"):
        latest_run(tmp_path)
    with pytest.raises(UserError, match="holds a comparison, not a search"):
        open_run(tmp_path / "c")


def test_progress_is_shown(tmp_path: Path) -> None:
    class Notes(ProgressCallback[Progress]):
        def __init__(self) -> None:
            self.seen: list[Progress] = []

        def update(self, progress: Progress) -> None:
            self.seen.append(progress)

    notes = Notes()
    compare(["bce", "hinge"], seeds=2, space=SPACE, directory=tmp_path / "c", runtime=runtime(), callback=notes)
    assert [(one.phase, one.finished, one.target) for one in notes.seen] == [("training", n, 4) for n in (1, 2, 3, 4)]
    assert sum(notes.seen[-1].states.values()) == 4


def test_losses_of_one_name_are_told_apart(tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    write_card(LossCard.of("bce", Formula.from_text(EXPRESSION)), card)
    entries = entries_of([card, "bce", "add(log(p), y)", "add(p, y)"])
    assert [entry.name for entry in entries] == ["bce-2", "bce", "expression", "expression-2"], (
        "a name of the library is its own"
    )
    write_card(LossCard.of("expression-2", Formula.from_text(EXPRESSION)), card)
    entries = entries_of(["add(log(p), y)", "add(p, y)", str(card)])
    assert [entry.name for entry in entries] == ["expression", "expression-3", "expression-2"]
    assert [entry.name for entry in entries_of(["all"])] == list(LIBRARY)


@pytest.mark.parametrize(
    ("losses", "options", "part"),
    [
        (["bce", "hinge", "bce"], {}, 'the loss "bce" is given twice'),
        (["all", "hinge"], {}, 'the loss "hinge" is given twice'),
        (["log(p)", "log( p )"], {}, r'first as "log\(p\)"'),
        (["bce"], {}, "1 loss to compare; expected two or more"),
        ([], {}, "0 losses to compare"),
        (["bce", "hing"], {}, 'unknown loss "hing".*did you mean "hinge"'),
        (LOSSES, {"reference": "lsgna"}, 'unknown reference "lsgna".*did you mean "lsgan"'),
        (LOSSES, {"reference": "wasserstein"}, 'unknown reference "wasserstein"'),
        (LOSSES, {"model": "dcgna"}, 'unknown model "dcgna".*did you mean "dcgan"'),
        (LOSSES, {"seeds": 0}, "seeds is 0; expected 1 to 100"),
        (LOSSES, {"seeds": 101}, "seeds is 101"),
        (LOSSES, {"steps": 0}, "steps is 0"),
        (LOSSES, {"space": "quik"}, 'did you mean "quick"'),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(
    tmp_path: Path, losses: list[str], options: dict[str, Any], part: str
) -> None:
    with pytest.raises(UserError, match=part):
        small(tmp_path / "c", losses, **options)
    assert not (tmp_path / "c").exists()


def test_directories_of_something_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else; name a new directory"):
        small(tmp_path)
    with pytest.raises(UserError, match="is a file"):
        small(tmp_path / "notes.txt")
    with pytest.raises(UserError, match="no comparison is here"):
        open_comparison(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_default_reference_is_bce_or_the_first(tmp_path: Path) -> None:
    assert {pair.second for pair in small(tmp_path / "a", ["hinge", "bce"], seeds=1).settings.pairs} == {"bce"}
    assert {pair.second for pair in small(tmp_path / "b", ["hinge", "lsgan"], seeds=1).settings.pairs} == {"hinge"}


def test_a_single_seed_is_described_and_decides_nothing(tmp_path: Path) -> None:
    (row,) = small(tmp_path / "c", ["bce", "hinge"], seeds=1).ratios()
    assert row.verdict == "no difference shown"
    assert math.isnan(row.low) and math.isnan(row.detectable)
    (difference,) = small(tmp_path / "c", ["bce", "hinge"], seeds=1).differences().to_dict("records")
    assert (difference["first"], difference["second"], difference["pairs"]) == ("hinge", "bce", 1)
    assert math.isnan(difference["low"]) and difference["ratio"] == row.ratio
