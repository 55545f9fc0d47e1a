import math
import statistics
from pathlib import Path

import pytest

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.errors import UserError
from ganetic.evolution.resources import Context
from ganetic.jobs.executor import Executor, JobResult, SerialExecutor
from ganetic.loss.card import LossCard, Training, write_card
from ganetic.loss.library import LIBRARY
from ganetic.studies.score import score
from tests.evolution.fakes import PROXY_DATA, SCALE, SPACE, runtime, serial_with_mishaps, work


def test_a_score_is_that_of_its_trainings() -> None:
    result = score("bce", seeds=5, space=SPACE, runtime=runtime())
    assert (result.name, result.metric, result.floor_fd) == ("bce", PROXY_DATA.protocol, SCALE.floor_fd)
    assert result.steps == SPACE.finals.steps
    table = result.seeds
    assert list(table.columns) == ["seed", "state", "reason", "fd", "seconds"]
    assert len(set(table["seed"])) == 5
    assert not set(table["seed"]) & set(range(200))  # neither search nor finals of a run of seed 0 used them
    assert (table["state"] != "pruned").all()
    fds = [
        SCALE.start_fd if state != "completed" else fd for state, fd in zip(table["state"], table["fd"], strict=True)
    ]
    assert result.fitness.fd == pytest.approx(statistics.geometric_mean(fds))
    assert result.fitness.failed == fds.count(SCALE.start_fd)
    half = 2.776445 * statistics.stdev(map(math.log, fds)) / 5**0.5
    assert result.fd_low == pytest.approx(result.fitness.fd * math.exp(-half))
    assert result.fd_high == pytest.approx(result.fitness.fd * math.exp(half))


def test_one_seed_has_no_interval() -> None:
    result = score("bce", seeds=1, space=SPACE, runtime=runtime())
    assert math.isnan(result.fd_low) and math.isnan(result.fd_high)


def test_equal_seeds_score_alike() -> None:
    first, second = (score("ganetic", seeds=seeds, space=SPACE, runtime=runtime()).seeds for seeds in (2, 4))
    assert first["fd"].tolist() == second["fd"].tolist()[:2]


def test_trainings_that_time_out_or_crash_count_as_failed() -> None:
    result = score("wasserstein", seeds=100, space=SPACE, runtime=runtime(serial_with_mishaps))
    states = result.seeds["state"].value_counts().to_dict()
    assert states.keys() >= {"timed_out", "crashed"}
    assert result.seeds[result.seeds["state"] == "crashed"]["fd"].isna().all()
    assert result.fitness.failed == 100 - states.get("completed", 0)


def test_progress_is_shown() -> None:
    class Notes(ProgressCallback[Progress]):
        seen: list[tuple[int, int | None]] = []  # noqa: RUF012 - of this one callback

        def update(self, progress: Progress) -> None:
            self.seen.append((progress.finished, progress.target))

    score("bce", seeds=3, space=SPACE, runtime=runtime(), callback=Notes())
    assert Notes.seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("seeds", [0, 101])
def test_numbers_of_seeds_are_bounded(seeds: int) -> None:
    with pytest.raises(UserError, match=f"seeds is {seeds}; expected 1 to 100"):
        score("bce", seeds=seeds, space=SPACE, runtime=runtime())


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [("bcee", 'did you mean "bce"'), ("add(p", "closing bracket missing"), ("nowhere.json", "no such loss card")],
)
def test_unknown_losses_are_refused(loss: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        score(loss, space=SPACE, runtime=runtime())


def test_a_card_that_was_found_at_other_rates_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def said_of(learning_rate: float) -> list[str]:
        caplog.clear()
        card = tmp_path / "best.json"
        training = Training(learning_rate=learning_rate, beta1=0.5, beta2=0.999, batch=32)
        write_card(LossCard.of("found", LIBRARY["bce"].formula, training=training), card)
        score(card, seeds=1, space=SPACE, runtime=runtime())
        return [line for line in caplog.messages if "was found at" in line]

    (line,) = said_of(1e-3)
    assert line.endswith(
        "best.json was found at learning rate 0.001, β₁ 0.5; trained here at 0.002, β₁ 0.5; "
        "`ganetic compare --rates` chooses each loss's own"
    )
    assert not said_of(2e-3), "it is trained as it was found"


def test_a_training_that_raised_is_our_own_bug() -> None:
    class Broken(SerialExecutor):
        def wait(self, timeout: float | None = None) -> list[JobResult]:
            super().wait(timeout)
            return [JobResult(0, "raised", None, "our own bug", 1, 0.0, "here")]

    def broken(proxy_data: Context) -> Executor:
        return Broken(work, proxy_data)

    with pytest.raises(RuntimeError, match="our own bug"):
        score("bce", seeds=1, space=SPACE, runtime=runtime(broken))
