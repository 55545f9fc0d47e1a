from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from ganetic.errors import UserError
from ganetic.jobs import ray_executor, ray_session
from ganetic.jobs.executor import Executor, JobResult
from ganetic.jobs.ray_executor import RayExecutor
from tests.jobs.contract import CONTEXT, ExecutorContract, drain
from tests.jobs.works import work

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    """One Ray for the module; the executors find it running and leave it running."""
    session = ray_session.connect(None, cpus=4, environment={})
    yield
    assert ray.is_initialized()
    session.close()


class TestRayExecutor(ExecutorContract):
    @staticmethod
    def make(slots: int) -> Executor:
        return RayExecutor(work, CONTEXT, workers=slots, wall_seconds=60.0)


@pytest.fixture(scope="module")
def pair(local_ray: None) -> Iterator[RayExecutor]:
    """Two slots for the tests below; each leaves nothing outstanding."""
    with RayExecutor(work, CONTEXT, workers=2, wall_seconds=2.0, node_loss_seconds=0.0) as executor:
        yield executor


def outcomes_of(executor: RayExecutor, payloads: list[dict[str, Any]]) -> list[JobResult]:
    for number, payload in enumerate(payloads):
        executor.submit(number, payload)
    return sorted(drain(executor), key=lambda outcome: outcome.number)


def test_a_job_over_its_wall_time_is_tried_once_more(pair: RayExecutor, tmp_path: Path) -> None:
    spin = {"do": "spin"}  # never gives Python a chance to stop it
    once = {"do": "hang_once", "file": str(tmp_path / "first"), "value": 5}
    twice, then_done, other = outcomes_of(pair, [spin, once, {"do": "echo", "value": 1}])
    assert (twice.status, twice.attempts, twice.record) == ("timed_out", 2, None)
    assert 2.0 <= twice.seconds < 4.0
    assert "longer than 2 seconds" in (twice.error or "")
    assert (then_done.status, then_done.attempts, then_done.record) == ("done", 2, {"value": 5})
    assert (other.status, other.attempts) == ("done", 1)


def test_a_job_is_crashed_after_three_workers_died_of_it(pair: RayExecutor, tmp_path: Path) -> None:
    twice = {"do": "die_times", "times": 2, "file": str(tmp_path / "deaths"), "value": 5}
    segfault, survivor = outcomes_of(pair, [{"do": "segfault"}, twice])
    assert (segfault.status, segfault.attempts, segfault.record) == ("crashed", 3, None)
    assert "worker process has died" in (segfault.error or "")
    assert (survivor.status, survivor.attempts, survivor.record) == ("done", 3, {"value": 5})


def test_workers_that_died_with_their_node_do_not_count(
    pair: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_dead() -> list[dict[str, Any]]:
        return [node | {"Alive": False} for node in ray_session.nodes()]

    monkeypatch.setattr(ray_executor, "nodes", all_dead)
    payload = {"do": "die_times", "times": 4, "file": str(tmp_path / "deaths"), "value": 5}
    (outcome,) = outcomes_of(pair, [payload])
    assert (outcome.status, outcome.attempts, outcome.record) == ("done", 5, {"value": 5})


def test_slots_shrink_while_a_worker_is_replaced(pair: RayExecutor, tmp_path: Path) -> None:
    file = str(tmp_path / "deaths")
    pair.submit(0, {"do": "die_times", "times": 1, "file": file, "value": 1})
    seen = set()
    while pair.outstanding() or pair.slots < 2:
        if not pair.outstanding():
            pair.submit(1, {"do": "sleep", "seconds": 0.1})
        pair.wait(timeout=0.05)
        seen.add(pair.slots)
    assert min(seen) < 2
    drain(pair)


def test_wait_returns_when_the_time_is_up(pair: RayExecutor) -> None:
    outcomes_of(pair, [{"do": "echo", "value": 1}])
    pair.submit(1, {"do": "sleep", "seconds": 0.6})
    assert pair.wait(timeout=0.0) == []
    assert pair.wait(timeout=0.1) == []
    assert pair.outstanding() == 1
    assert [outcome.number for outcome in pair.wait()] == [1]


def test_workers_have_one_thread_no_gpu_and_a_read_only_context(pair: RayExecutor) -> None:
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"]
    environment, array = outcomes_of(pair, [{"do": "environment", "names": names}, {"do": "writeable"}])
    assert environment.record == {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    assert array.record == {"writeable": False}


def test_a_job_tried_again_goes_before_those_submitted_after_it(local_ray: None, tmp_path: Path) -> None:
    dies = {"do": "die_times", "times": 1, "file": str(tmp_path / "deaths"), "value": 0}
    with RayExecutor(work, CONTEXT, workers=1, wall_seconds=60.0) as one:
        for number, payload in enumerate([dies] + [{"do": "echo", "value": 1}] * 3):
            one.submit(number, payload)
        assert [outcome.number for outcome in drain(one)] == [0, 1, 2, 3]


class Unbuildable:
    """Pickles well, and fails where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("not a number",)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_that_cannot_start_are_an_error(workers: int) -> None:
    with RayExecutor(work, {"what": Unbuildable()}, workers=workers, wall_seconds=60.0) as jobs:
        jobs.submit(0, {"do": "echo", "value": 1})
        with pytest.raises(RuntimeError, match="cannot start"):
            jobs.wait()


class Stumbling:
    """Fails where it is unpickled first, as on a host with a full disk, and pickles well everywhere else."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return stumble, (self.file,)


def stumble(file: Path) -> dict[str, Any]:
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return CONTEXT
    raise OSError("no room")


def test_a_host_that_cannot_start_workers_ends_nothing_where_another_can(local_ray: None, tmp_path: Path) -> None:
    with RayExecutor(work, {"what": Stumbling(tmp_path / "full")}, workers=2, wall_seconds=60.0) as jobs:
        for number in range(4):
            jobs.submit(number, {"do": "echo", "value": number})
        assert sorted(outcome.number for outcome in drain(jobs)) == [0, 1, 2, 3]
        jobs.submit(4, {"do": "sleep", "seconds": 600})
        while jobs.slots < 2:  # the other comes when it can
            jobs.wait(timeout=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers is 0; expected at least 1"),
        ({"gpus_per_job": -1.0}, "expected a share of one"),
        ({"gpus_per_job": 1.5}, "expected a share of one"),
        ({"workers": None, "gpus_per_job": 0.5}, "room for a job of 1 CPU and 0.5 GPUs"),
    ],
)
def test_what_cannot_run_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        RayExecutor(work, CONTEXT, wall_seconds=60.0, **options)


@pytest.mark.parametrize(
    ("resources", "gpus_per_job", "room"),
    [
        ({"CPU": 8.0}, 0.0, 8),
        ({"CPU": 8.0}, 0.5, 0),
        ({"CPU": 8.0, "GPU": 2.0}, 0.0, 8),
        ({"CPU": 8.0, "GPU": 2.0}, 1.0, 2),
        ({"CPU": 8.0, "GPU": 2.0}, 2.0, 1),
        ({"CPU": 8.0, "GPU": 2.0}, 0.3, 6),  # three on each: a share is of one GPU
        ({"CPU": 4.0, "GPU": 2.0}, 0.1, 4),
        ({"GPU": 2.0}, 0.1, 0),
    ],
)
def test_room_counts_cpus_and_gpus(
    resources: dict[str, float], gpus_per_job: float, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = [{"Alive": True, "Resources": resources}, {"Alive": False, "Resources": {"CPU": 100.0, "GPU": 100.0}}]
    monkeypatch.setattr(ray_session, "nodes", lambda: described)
    assert ray_session.room_for_jobs(gpus_per_job) == room
