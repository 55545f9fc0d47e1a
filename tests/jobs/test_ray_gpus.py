"""Shares of GPUs, on nodes that claim GPUs: who gets which, and that nobody sees another's."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from ganetic.jobs.executor import GPU_SHARE
from ganetic.jobs.ray_executor import RayExecutor
from tests.jobs.contract import drain
from tests.jobs.test_ray_session import wait_for_death
from tests.jobs.works import work

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without room for jobs and two nodes, on this machine."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0, "include_dashboard": False})
    cluster.add_node(num_cpus=3, num_gpus=2)
    cluster.add_node(num_cpus=1, num_gpus=1)
    yield cluster
    if ray.is_initialized():
        ray.shutdown()
    cluster.shutdown()  # type: ignore[no-untyped-call]


def seen(executor: RayExecutor, room: Path) -> list[dict[str, Any]]:
    """What each of the slots sees, all at once."""
    room.mkdir()
    for number in range(executor.slots):
        executor.submit(number, {"do": "gpu", "room": str(room), "jobs": executor.slots})
    outcomes = drain(executor)
    assert [outcome.status for outcome in outcomes] == ["done"] * len(outcomes)
    return [outcome.record for outcome in outcomes if outcome.record is not None]


def wait_for_slots(executor: RayExecutor, count: int) -> None:
    """Do little until the workers that were lost have been replaced."""
    while executor.slots < count:
        executor.submit(10, {"do": "sleep", "seconds": 0.05})
        drain(executor)


def assert_packed(records: list[dict[str, Any]]) -> None:
    """Three on the two GPUs of the large node, one on that of the small one, and never more than two on one."""
    assert len({record["process"] for record in records}) == 4
    assert all(record[GPU_SHARE] == "0.5" for record in records)
    by_node = Counter(record["node"] for record in records)
    assert sorted(by_node.values()) == [1, 3]
    assert {(by_node[record["node"]], record["CUDA_VISIBLE_DEVICES"]) for record in records} <= {
        (1, "0"),
        (3, "0"),
        (3, "1"),
    }
    on_gpus = Counter((record["node"], record["CUDA_VISIBLE_DEVICES"]) for record in records)
    assert sorted(on_gpus.values()) == [1, 1, 2]


def test_shares_are_packed_and_packed_again_after_a_death(cluster: Any, tmp_path: Path) -> None:
    with RayExecutor(work, {}, address=cluster.address, gpus_per_job=0.5, wall_seconds=100.0) as executor:
        assert executor.slots == 4
        assert_packed(seen(executor, tmp_path / "first"))
        executor.submit(9, {"do": "die_times", "times": 1, "file": str(tmp_path / "deaths"), "value": 1})
        assert [outcome.attempts for outcome in drain(executor)] == [2]
        wait_for_slots(executor, 4)
        assert_packed(seen(executor, tmp_path / "second"))


def test_whole_gpus_are_seen_whole(cluster: Any, tmp_path: Path) -> None:
    with RayExecutor(work, {}, address=cluster.address, gpus_per_job=2.0, wall_seconds=100.0) as executor:
        (record,) = seen(executor, tmp_path / "room")
        assert (record["CUDA_VISIBLE_DEVICES"], record[GPU_SHARE]) == ("0,1", "1")


def test_jobs_without_gpus_see_none(cluster: Any, tmp_path: Path) -> None:
    with RayExecutor(work, {}, address=cluster.address, workers=1, wall_seconds=100.0) as executor:
        (record,) = seen(executor, tmp_path / "room")
        assert (record["CUDA_VISIBLE_DEVICES"], record[GPU_SHARE]) == ("", None)


@pytest.mark.gpu
def test_jobs_on_one_card_keep_to_their_shares_and_give_them_back() -> None:
    import torch

    before, whole = torch.cuda.mem_get_info()
    with RayExecutor(work, {}, workers=2, gpus_per_job=0.25, wall_seconds=100.0) as executor:
        for number, share in enumerate((0.2, 0.3)):
            executor.submit(number, {"do": "fill_gpu", "share": share})
        records = {outcome.number: outcome.record for outcome in drain(executor)}
    assert records == {0: {"gpus": 1, "fits": True}, 1: {"gpus": 1, "fits": False}}
    until = time.monotonic() + 15
    while before - torch.cuda.mem_get_info()[0] >= whole * 0.01:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_the_process_of_a_job_that_is_stopped_is_gone_with_its_memory(cluster: Any, tmp_path: Path) -> None:
    file = tmp_path / "processes"
    with RayExecutor(
        work, {}, workers=1, address=cluster.address, gpus_per_job=1.0, wall_seconds=1.5, node_loss_seconds=0.0
    ) as executor:
        executor.submit(0, {"do": "hang_known", "file": str(file)})
        (outcome,) = drain(executor)
        assert (outcome.status, outcome.attempts) == ("timed_out", 2)
        processes = {int(line) for line in file.read_text().split()}
        assert len(processes) == 2
        assert not wait_for_death(processes)
        wait_for_slots(executor, 1)
        (record,) = seen(executor, tmp_path / "room")
        assert record["CUDA_VISIBLE_DEVICES"] in ("0", "1")
        assert record["process"] not in processes
