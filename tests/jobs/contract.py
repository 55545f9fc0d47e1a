"""What every executor must do; a subclass says how to make one, and `executor` is one of two slots."""

from pathlib import Path

import numpy as np
import pytest

from ganetic.jobs.executor import Executor, JobResult

CONTEXT = {"factor": 3, "array": np.arange(100_000.0)}


def drain(executor: Executor) -> list[JobResult]:
    outcomes: list[JobResult] = []
    while executor.outstanding():
        outcomes += executor.wait()
    return outcomes


class ExecutorContract:
    @staticmethod
    def make(slots: int) -> Executor:
        """Make an executor of this many slots, or fewer, for `tests.jobs.works.work` and `CONTEXT`."""
        raise NotImplementedError

    def test_returns_what_the_work_returned(self, executor: Executor) -> None:
        executor.submit(7, {"do": "scale", "value": 5})
        outcome, *others = executor.wait()
        assert not others
        assert outcome.number == 7
        assert outcome.status == "done"
        assert outcome.record == {"value": 15}
        assert outcome.error is None
        assert outcome.attempts == 1
        assert outcome.node

    def test_seconds_are_those_of_the_work(self, executor: Executor) -> None:
        executor.submit(0, {"do": "sleep", "value": 1, "seconds": 0.2})
        (outcome,) = drain(executor)
        assert 0.2 <= outcome.seconds < 20

    def test_every_job_has_one_outcome(self, executor: Executor) -> None:
        for number in range(20):
            executor.submit(number, {"do": "echo", "value": number * number})
        outcomes = drain(executor)
        assert sorted(outcome.number for outcome in outcomes) == list(range(20))
        assert all(outcome.record == {"value": outcome.number**2} for outcome in outcomes)
        assert executor.wait() == []

    def test_jobs_start_in_order_of_submission(self, tmp_path: Path) -> None:
        file = tmp_path / "starts"
        order = [4, 9, 2, 7, 0, 5]
        with self.make(1) as executor:
            for number in order:
                executor.submit(number, {"do": "note", "value": number, "file": str(file)})
            drain(executor)
        assert [int(line) for line in file.read_text().split()] == order

    def test_wait_with_nothing_outstanding_returns_at_once(self, executor: Executor) -> None:
        assert executor.wait() == []
        assert executor.wait(timeout=100.0) == []
        assert executor.outstanding() == 0

    def test_outstanding_counts_jobs_without_returned_outcome(self, executor: Executor) -> None:
        for number in range(3):
            executor.submit(number, {"do": "echo", "value": 1})
        assert executor.outstanding() == 3
        returned = len(executor.wait())
        assert executor.outstanding() == 3 - returned
        drain(executor)
        assert executor.outstanding() == 0

    def test_jobs_may_be_submitted_while_others_run(self, executor: Executor) -> None:
        executor.submit(0, {"do": "echo", "value": 0})
        seen = []
        while executor.outstanding():
            for outcome in executor.wait():
                seen.append(outcome.number)
                if outcome.number < 5:
                    executor.submit(outcome.number + 1, {"do": "echo", "value": 0})
        assert seen == [0, 1, 2, 3, 4, 5]

    def test_a_number_may_be_used_again_after_its_outcome_only(self, executor: Executor) -> None:
        executor.submit(1, {"do": "echo", "value": 1})
        with pytest.raises(ValueError, match="outstanding"):
            executor.submit(1, {"do": "echo", "value": 2})
        assert drain(executor)[0].record == {"value": 1}
        executor.submit(1, {"do": "echo", "value": 3})
        assert drain(executor)[0].record == {"value": 3}

    def test_payloads_are_not_shared(self, executor: Executor) -> None:
        payload = {"do": "vandalise", "list": ["yours"]}
        executor.submit(0, payload)
        payload["list"] = ["changed", "later"]
        (outcome,) = drain(executor)
        assert outcome.record == {"list": ["yours", "mine"]}
        assert payload["list"] == ["changed", "later"]

    def test_an_exception_becomes_text(self, executor: Executor) -> None:
        executor.submit(0, {"do": "raise"})
        executor.submit(1, {"do": "raise_odd"})
        executor.submit(2, {"do": "echo", "value": 1})
        outcomes = {outcome.number: outcome for outcome in drain(executor)}
        assert outcomes[0].status == "raised"
        assert outcomes[0].record is None
        assert outcomes[0].attempts == 1
        assert outcomes[0].error is not None
        assert "ZeroDivisionError: our own bug" in outcomes[0].error
        assert "works.py" in outcomes[0].error
        assert outcomes[1].status == "raised"
        assert "an odd one" in (outcomes[1].error or "")
        assert outcomes[2].status == "done"

    def test_an_array_in_the_context_arrives_whole(self, executor: Executor) -> None:
        executor.submit(0, {"do": "sum"})
        (outcome,) = drain(executor)
        assert outcome.record == {"sum": 4999950000.0}

    def test_close_forgets_what_is_queued(self) -> None:
        executor = self.make(1)
        for number in range(4):
            executor.submit(number, {"do": "echo", "value": 1})
        executor.close()
        assert executor.outstanding() == 0
        assert executor.wait() == []
        executor.close()
        with pytest.raises(ValueError, match="closed"):
            executor.submit(9, {"do": "echo", "value": 1})
