from functools import partial

import pytest

from ganetic.jobs.executor import Executor, SerialExecutor
from tests.jobs.contract import CONTEXT, ExecutorContract, drain
from tests.jobs.simulated import SimulatedExecutor
from tests.jobs.works import work


class TestSerialExecutor(ExecutorContract):
    @staticmethod
    def make(slots: int) -> Executor:
        return SerialExecutor(work, CONTEXT)

    def test_an_interrupted_job_is_not_lost(self) -> None:
        def interrupted(context: list[int], payload: dict[str, int]) -> dict[str, int]:
            context.append(1)
            if len(context) == 1:
                raise KeyboardInterrupt
            return payload

        executor = SerialExecutor(interrupted, [])
        executor.submit(0, {"value": 1})
        with pytest.raises(KeyboardInterrupt):
            executor.wait()
        assert executor.outstanding() == 1
        assert drain(executor)[0].record == {"value": 1}


class TestSimulatedExecutor(ExecutorContract):
    @staticmethod
    def make(slots: int) -> Executor:
        return SimulatedExecutor(slots, lambda number, payload: 1.0 + number % 3, partial(work, CONTEXT))

    def test_clock_and_busy_share(self) -> None:
        executor = SimulatedExecutor(2, lambda number, payload: [4.0, 1.0, 2.0][number], lambda payload: payload)
        for number in range(3):
            executor.submit(number, {})
        assert executor.started == [0, 1]
        assert executor.wait(timeout=0.5) == []
        assert executor.now == 0.5
        assert executor.busy_share() == 1.0
        assert [(outcome.number, executor.now) for outcome in executor.wait()] == [(1, 1.0)]
        assert [(outcome.number, executor.now) for outcome in executor.wait()] == [(2, 3.0)]
        assert [(outcome.number, executor.now) for outcome in executor.wait()] == [(0, 4.0)]
        assert executor.busy_share() == 7 / 8
        assert executor.started == [0, 1, 2]
