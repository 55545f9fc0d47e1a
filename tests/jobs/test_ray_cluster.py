from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from ganetic.jobs.executor import JobResult
from ganetic.jobs.ray_executor import RayExecutor
from tests.jobs.contract import drain
from tests.jobs.works import work

pytestmark = pytest.mark.ray


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each, on this machine."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster
    if ray.is_initialized():
        ray.shutdown()
    cluster.shutdown()  # type: ignore[no-untyped-call]


def test_a_node_is_killed_while_jobs_run(cluster: Any) -> None:
    with RayExecutor(work, {"factor": 10}, address=cluster.address, wall_seconds=60.0) as executor:
        assert executor.slots == 2
        executor.submit(100, {"do": "packages"})
        (first,) = drain(executor)
        assert first.record is not None
        assert any("py_modules_files" in path for path in first.record["paths"])  # the package was sent to the workers

        for number in range(8):
            executor.submit(number, {"do": "scale", "value": number, "seconds": 0.6})
        outcomes: list[JobResult] = []
        while len(outcomes) < 3:
            outcomes += executor.wait()
        (node,) = cluster.worker_nodes
        cluster.remove_node(node, allow_graceful=False)
        outcomes += drain(executor)

        assert sorted(outcome.number for outcome in outcomes) == list(range(8))
        assert all(outcome.status == "done" for outcome in outcomes)
        assert all(outcome.record == {"value": outcome.number * 10} for outcome in outcomes)
        assert sum(outcome.attempts for outcome in outcomes) > 8  # one was running there
        assert executor.slots == 1

        cluster.add_node(num_cpus=1)
        for number in range(20, 320):  # a minute of work, most of which is never done
            executor.submit(number, {"do": "scale", "value": number, "seconds": 0.2})
        while executor.slots < 2 and executor.outstanding():
            executor.wait()
        assert executor.slots == 2  # the slot found a place on the new node
    assert not ray.is_initialized()
