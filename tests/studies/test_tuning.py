import logging
import math
import signal
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.errors import UserError
from ganetic.evolution.resources import Context
from ganetic.evolution.space import SpaceProxy
from ganetic.jobs.executor import Executor, JobResult, SerialExecutor
from ganetic.jobs.grid import read_grid
from ganetic.loss.card import LossCard, Training, write_card
from ganetic.loss.library import LIBRARY
from ganetic.studies.compare import Comparison, compare, open_comparison
from ganetic.studies.config import StudyConfig, Tuned
from ganetic.training.rates import RateList, Rates
from tests.evolution.fakes import SCALE, SPACE, Counting, runtime
from tests.evolution.victim import Fatal, Moment, in_process
from tests.studies.tunable import tunable, work

LOSSES = ["bce", "hinge"]
LIST = RateList(learning_rates=(5e-4, 1e-3, 2e-3))
EXPRESSION = "add(cube(p), sqrt(div(y, p)))"
TWO = SPACE.model_copy(
    update={"proxies": (SpaceProxy(), SpaceProxy(name="plain", batch_norm=False, learning_rate=1e-4, beta1=0.0))}
)
RECORDED = Path(__file__).parents[2] / "runs" / "reference" / "transfer"


def tuned(directory: Path, losses: list[str] = LOSSES, make_executor: Any = tunable, **options: Any) -> Comparison:
    options = {"seeds": 2, "space": SPACE, "rates": LIST, "tuning_seeds": 2, **options}
    return compare(losses, directory=directory, runtime=runtime(make_executor), **options)


def rates(learning_rate: float, beta1: float = 0.5) -> Rates:
    return Rates(learning_rate=learning_rate, beta1=beta1)


def payloads(journal: Path) -> list[dict[str, Any]]:
    return [submission.payload for submission in read_grid(journal)[1]]


def content(directory: Path) -> dict[str, list[Any]]:
    """What the journals of a comparison hold, but for times."""
    found = {}
    for journal in sorted(directory.glob("*.db")):
        _, submissions, records = read_grid(journal)
        found[journal.name] = [
            (*submission[:5], record.state, record.record and record.record["trace"])
            for submission, record in zip(submissions, records, strict=True)
        ]
    return found


def test_each_loss_is_compared_at_its_own_best_rates(tmp_path: Path) -> None:
    comparison = tuned(tmp_path / "c", rates=RateList(learning_rates=(5e-4, 1e-3, 2e-3, 4e-3)))
    assert {loss.name: loss.rates for loss in comparison.settings.losses} == {"bce": rates(1e-3), "hinge": rates(2e-3)}
    for payload in payloads(tmp_path / "c" / "journal.db"):
        own = 1e-3 if payload["formula"] == LIBRARY["bce"].formula.text else 2e-3
        assert (payload["proxy"]["learning_rate"], payload["proxy"]["beta1"]) == (own, 0.5)
    assert comparison.runs()["seed"].unique().tolist() == [200, 201]
    assert comparison.summary().set_index("loss")["learning_rate"].to_dict() == {"bce": 1e-3, "hinge": 2e-3}
    assert not (tmp_path / "c" / "tuning-2.db").exists(), "no best rate lies at an end"


def test_every_loss_is_trained_as_often_on_the_same_seeds_and_for_as_long(tmp_path: Path) -> None:
    comparison = tuned(tmp_path / "c", steps=60)
    trained = [payload for name in ("tuning.db", "tuning-2.db") for payload in payloads(tmp_path / "c" / name)]
    assert {payload["steps"] for payload in trained} == {60}
    assert {payload["seed"] for payload in trained} == {500, 501}, "seeds that choose nothing else"
    by_loss = {
        loss.name: [(one["proxy"]["learning_rate"], one["seed"]) for one in trained if one["formula"] == loss.text]
        for loss in comparison.settings.losses
    }
    assert sorted(by_loss["bce"]) == sorted(by_loss["hinge"])
    assert len(set(by_loss["bce"])) == len(by_loss["bce"]) == 2 * 4


def test_the_list_is_extended_for_all_losses_where_one_is_best_at_its_end(tmp_path: Path) -> None:
    comparison = tuned(tmp_path / "c")  # hinge is best at 2e-3
    longer = RateList(learning_rates=(5e-4, 1e-3, 2e-3, 4e-3))
    assert comparison.settings.tuned == Tuned(given=LIST, rates=longer, seeds=2)
    assert len(payloads(tmp_path / "c" / "tuning.db")) == 2 * 3 * 2
    assert {one["proxy"]["learning_rate"] for one in payloads(tmp_path / "c" / "tuning-2.db")} == {4e-3}
    assert len(payloads(tmp_path / "c" / "tuning-2.db")) == 2 * 2


def test_a_list_of_one_is_trained_at_and_never_extended(tmp_path: Path) -> None:
    comparison = tuned(tmp_path / "c", rates=RateList(learning_rates=(8e-3,), beta1s=(0.0, 0.5)))
    assert {loss.rates for loss in comparison.settings.losses} == {rates(8e-3)}
    assert not (tmp_path / "c" / "tuning-2.db").exists()


def test_a_list_without_beta1_keeps_those_of_the_proxies(tmp_path: Path) -> None:
    own = SPACE.model_copy(update={"proxies": (SpaceProxy(beta1=0.25),)})
    said = tuned(tmp_path / "a", space=own).settings.tuned
    assert said is not None and said.given.beta1s == (0.25,)
    said = tuned(tmp_path / "b", space=own, rates=RateList(learning_rates=(1e-3,), beta1s=(0.5,))).settings.tuned
    assert said is not None and said.given.beta1s == (0.5,)


def test_several_proxies_are_trained_at_the_same_rates(tmp_path: Path) -> None:
    comparison = tuned(tmp_path / "c", space=TWO)
    assert comparison.settings.tuned is not None
    assert comparison.settings.tuned.given.beta1s == (0.0, 0.5), "those of the proxies"
    trained = {(one["materials"], one["proxy"]["learning_rate"]) for one in payloads(tmp_path / "c" / "journal.db")}
    assert trained == {(proxy, rate) for proxy in ("main", "plain") for rate in (1e-3, 2e-3)}
    for row in comparison.tuning().to_dict("records"):
        fds = [
            work(None, payload)["trace"][-1][1]
            for name in ("tuning.db", "tuning-2.db")
            for payload in payloads(tmp_path / "c" / name)
            if payload["formula"] == LIBRARY[row["loss"]].formula.text
            and (payload["proxy"]["learning_rate"], payload["proxy"]["beta1"]) == (row["learning_rate"], row["beta1"])
        ]
        assert len(fds) == 4 and row["seeds"] == 2
        assert row["geometric_mean"] == pytest.approx(statistics.geometric_mean(fds))


def test_the_tuning_is_a_table(tmp_path: Path) -> None:
    table = tuned(tmp_path / "c", ["hinge", "bce", EXPRESSION]).tuning()
    assert table.columns.tolist() == ["loss", "learning_rate", "beta1", "geometric_mean", "seeds", "failed", "chosen"]
    assert table["loss"].tolist() == ["hinge"] * 4 + ["bce"] * 4 + ["expression"] * 4, "in the order of the comparison"
    assert table["learning_rate"].tolist() == [5e-4, 1e-3, 2e-3, 4e-3] * 3
    chosen = table[table["chosen"]]
    assert list(zip(chosen["loss"], chosen["learning_rate"], strict=True)) == [
        *(("hinge", 2e-3), ("bce", 1e-3), ("expression", 5e-4))
    ]
    own = table[table["loss"] != "expression"]
    assert (own.loc[own.groupby("loss")["geometric_mean"].idxmin(), "chosen"]).all()
    dead = table[table["loss"] == "expression"]
    assert set(dead["failed"]) == {2}
    assert dead["geometric_mean"].tolist() == pytest.approx([SCALE.start_fd] * 4)


def test_without_rates_there_is_no_table_and_no_column(tmp_path: Path) -> None:
    comparison = tuned(tmp_path / "c", rates=None)
    assert comparison.tuning().empty and comparison.settings.tuned is None
    assert not {"learning_rate", "beta1"} & {*comparison.summary(), *comparison.runs()}
    assert [path.name for path in (tmp_path / "c").glob("*.db")] == ["journal.db"]


MOMENTS = (
    *(("submitted", 0), ("submitted", 7), ("ended", 9), ("recorded", 9)),  # in the list that was given
    *(("ended", 13), ("recorded", 15)),  # in its extension
    *(("ended", 17), ("recorded", 18)),  # in the comparison
)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_it_goes_on_with_nothing_lost_or_repeated(tmp_path: Path, whole: Path, moment: Moment) -> None:
    directory = tmp_path / "c"
    process = in_process(_drive, directory, {moment: signal.SIGKILL})
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"{moment} never came"
    ended = sum(len(read_grid(journal)[2]) for journal in directory.glob("*.db"))
    counting = Counting(work)
    tuned(directory, make_executor=counting)
    assert counting.trained == 12 + 4 + 4 - ended
    assert content(directory) == content(whole)


def _drive(directory: Path, moments: dict[Moment, int]) -> None:
    tuned(directory, make_executor=lambda context: Fatal(tunable(context), moments))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("whole") / "c"
    tuned(directory)
    yield directory


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Killed in the tuning."""
    directory = tmp_path_factory.mktemp("begun") / "c"
    process = in_process(_drive, directory, {("recorded", 9): signal.SIGKILL})
    process.start()
    process.join()
    yield directory


def never(context: Context) -> Executor:
    raise AssertionError("nothing is left to do, or nothing may be done")


def test_a_finished_comparison_starts_no_executor(whole: Path) -> None:
    assert tuned(whole, make_executor=never).finished


CHANGES: list[tuple[dict[str, Any], str]] = [
    (
        {"rates": RateList(learning_rates=(1e-3, 2e-3))},
        r"was begun with learning rates 0.0005, 0.001 and 0.002, β₁ 0.5 on 2 tuning seeds, "
        r"not with learning rates 0.001 and 0.002, β₁ 0.5 on 2 tuning seeds; undo the change, or name a new directory",
    ),
    ({"rates": LIST.model_copy(update={"beta1s": (0.0, 0.5)})}, "not with .* β₁ 0 and 0.5 on 2"),
    ({"rates": None}, "on 2 tuning seeds, not without rates; undo"),
    ({"tuning_seeds": 3}, "on 2 tuning seeds, not with .* on 3 tuning seeds; undo"),
    ({"steps": 70}, "this is not the tuning that was begun: .*steps was 80, is 70"),
    ({"losses": ["bce", "lsgan"]}, "this is not the tuning that was begun: losses.1..name was hinge, is lsgan"),
]


@pytest.mark.parametrize(("changes", "part"), CHANGES)
@pytest.mark.parametrize("where", ["whole", "begun"])
def test_another_tuning_is_refused(
    where: str, changes: dict[str, Any], part: str, request: pytest.FixtureRequest
) -> None:
    directory = request.getfixturevalue(where)
    before = content(directory) if where == "whole" else None
    with pytest.raises(UserError, match=part):
        tuned(directory, make_executor=never, **changes)
    assert before is None or content(directory) == before


def test_rates_do_not_go_on_with_a_comparison_without(tmp_path: Path) -> None:
    tuned(tmp_path / "c", rates=None)
    with pytest.raises(UserError, match="was begun without rates, not with learning rates"):
        tuned(tmp_path / "c", make_executor=never)


def test_other_settings_of_a_tuned_comparison_are_refused(whole: Path) -> None:
    with pytest.raises(UserError, match="this is not the comparison that was begun: seeds was"):
        tuned(whole, seeds=3, make_executor=never)


def test_a_comparison_is_not_there_while_rates_are_chosen(begun: Path) -> None:
    with pytest.raises(UserError, match="the rates of its losses are still being chosen"):
        open_comparison(begun)


def test_a_training_that_raised_chooses_nothing(tmp_path: Path) -> None:
    class Faulty(SerialExecutor):
        def wait(self, timeout: float | None = None) -> list[JobResult]:
            error = "Traceback:\n  somewhere\nValueError: our bug"
            return [
                JobResult(3, "raised", None, error, 1, 0.1, "here") if outcome.number == 3 else outcome
                for outcome in super().wait(timeout)
            ]

    said = "the training of hinge at learning rate 0.001, β₁ 0.5, seed 500, raised .*ValueError: our bug; report it"
    with pytest.raises(UserError, match=said) as caught:
        tuned(tmp_path / "c", make_executor=lambda context: Faulty(work, context))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=said):
        tuned(tmp_path / "c", make_executor=never)


def test_progress_has_a_phase_of_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    notes = Notes()
    tuned(tmp_path / "c", callback=notes)
    phases = [(one.phase, one.target) for one in notes.seen]
    assert list(dict.fromkeys(phases)) == [("tuning", 12), ("tuning", 4), ("training", 4)]
    assert caplog.messages[-2:] == [
        "tuning: all losses at learning rates 0.0005, 0.001 and 0.002",
        "tuning: all losses at learning rate 0.004, beyond an end of the list at which one was best",
    ]


class Notes(ProgressCallback[Progress]):
    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def update(self, progress: Progress) -> None:
        self.seen.append(progress)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Of a loss that was found at 0.001, β₁ 0.5."""
    path = tmp_path / "best.json"
    training = Training(learning_rate=1e-3, beta1=0.5, beta2=0.999, batch=32)
    write_card(LossCard.of("found", LIBRARY["lsgan"].formula, training=training), path)
    return path


def test_a_card_that_was_found_at_other_rates_is_named(
    tmp_path: Path, card: Path, caplog: pytest.LogCaptureFixture
) -> None:
    losses = ["bce", str(card)]
    tuned(tmp_path / "a", losses, rates=None)
    assert caplog.messages[-1] == (
        f"{card} was found at learning rate 0.001, β₁ 0.5; trained here at 0.002, β₁ 0.5; --rates chooses each loss's "
        "own"
    )
    tuned(tmp_path / "b", losses, rates=RateList(learning_rates=(4e-3,)))
    assert caplog.messages[-1] == (
        f"{card} was found at learning rate 0.001, β₁ 0.5; trained here at its best of --rates, 0.004, β₁ 0.5"
    )
    caplog.clear()
    tuned(tmp_path / "c", losses)
    assert "was found at" not in caplog.text, "its best is what it was found at"
    tuned(tmp_path / "d", losses, rates=None, space=TWO)
    assert "trained here at 0.002, β₁ 0.5 and 0.0001, β₁ 0; --rates" in caplog.messages[-1]


@pytest.mark.parametrize("seeds", [0, 101])
def test_numbers_of_tuning_seeds_are_bounded(tmp_path: Path, seeds: int) -> None:
    with pytest.raises(UserError, match=f"tuning_seeds is {seeds}; expected 1 to 100"):
        tuned(tmp_path / "c", tuning_seeds=seeds)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", ["width16", "logit-width16"])
def test_comparisons_that_were_recorded_without_rates_stay_what_they_were(name: str) -> None:
    comparison, (meta, submissions, _) = open_comparison(RECORDED / name), read_grid(RECORDED / name / "journal.db")
    assert {**comparison.settings.meta(), "made_with": meta["made_with"]} == meta
    cells = comparison.settings.cells()
    assert [(cell.subject, cell.text, cell.payload) for cell in cells] == [
        (submission.subject, submission.text, submission.payload) for submission in submissions
    ]
    assert comparison.tuning().empty


def test_settings_with_rates_are_read_back_as_they_were(whole: Path) -> None:
    settings = open_comparison(whole).settings
    assert StudyConfig.model_validate(settings.meta()) == settings
    assert all(math.isfinite(loss.rates.learning_rate) for loss in settings.losses if loss.rates)
