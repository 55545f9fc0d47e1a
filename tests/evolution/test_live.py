import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.results import Run
from ganetic.evolution.search import search
from ganetic.evolution.space import Evolution, Finals, Rung, SearchSpace, SpaceProxy, Stop, Trees
from ganetic.jobs import ray_session
from ganetic.jobs.executor import Executor, JobResult, Payload, SerialExecutor
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.training.trial import trial_job
from tests.evolution.fakes import journal_of

pytestmark = pytest.mark.ray

SPACE = SearchSpace(
    name="live",
    data="digits",
    form="label",
    operators=("add", "sub", "mul", "div", "neg", "square", "sqrt", "log"),
    trees=Trees(max_nodes=16, initial_depth=(1, 4)),
    evolution=Evolution(population=4, window=4, reduction_factor=2),
    checkpoint_every=6,
    kill=({"step": 6, "above": 1.02},),  # type: ignore[arg-type]  # read as from TOML
    rungs=(Rung(steps=12, seeds=1), Rung(steps=12, seeds=2)),
    finals=Finals(finalists=1, seeds=2, steps=18),
    proxies=(SpaceProxy(width=4, batch=8, latent=8, images=128),),
    stop=Stop(max_trials=14),
)


@pytest.fixture(scope="module")
def serial_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The search in this process, without Ray."""
    where = Runtime(make_executor=lambda proxy_data: SerialExecutor(trial_job, proxy_data))
    return search(SPACE, run=tmp_path_factory.mktemp("serial") / "run", runtime=where)


@pytest.fixture
def local_ray() -> Iterator[None]:
    """One Ray for both searches; the executors find it running and leave it running."""
    session = ray_session.connect(None, cpus=2, environment={})
    yield
    session.close()


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each, on this machine."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()  # type: ignore[no-untyped-call]


def test_trials_were_real(serial_run: Run) -> None:
    assert serial_run.status == "finished"
    assert sum(serial_run.states().values()) == len(serial_run.trials()) >= 14 + 4
    assert serial_run.traces()["fd"].gt(0).all()
    assert serial_run.traces()["fd"].nunique() > 20


def test_the_same_search_on_ray(local_ray: None, serial_run: Run, tmp_path: Path) -> None:
    for workers in (1, 2):
        run = search(SPACE, run=tmp_path / str(workers), runtime=Runtime(workers=workers))
        assert journal_of(run.directory) == journal_of(serial_run.directory)  # bit for bit


HELD_FROM = 5
"""The number of the first trial that may be held."""


def held_trial_job(context: Context, payload: Payload) -> dict[str, Any]:
    """Run a trial, but hold the first that comes to the node to be killed, and those on the other until one is held."""
    held = Path(payload["held"])
    if payload["number"] >= HELD_FROM and not held.exists():
        if ray.get_runtime_context().get_node_id() == payload["doomed"]:
            held.touch()
            time.sleep(1000)
        while not held.exists():
            time.sleep(0.01)
    return trial_job(context, payload["trial"])


def test_the_same_search_when_a_node_is_killed(cluster: Any, serial_run: Run, tmp_path: Path) -> None:
    class Saboteur(Executor):
        """Kills a node while a trial is held there, and others run or wait."""

        def __init__(self, proxy_data: Context) -> None:
            self._inner = RayExecutor(held_trial_job, proxy_data, address=cluster.address, wall_seconds=120.0)
            self._held = tmp_path / "held"
            (self._doomed,) = cluster.worker_nodes
            self.attempts = 0

        @property
        def slots(self) -> int:
            return self._inner.slots

        def submit(self, number: int, payload: Payload) -> None:
            held = {"held": str(self._held), "doomed": self._doomed.node_id}
            self._inner.submit(number, {"trial": payload, "number": number, **held})

        def wait(self, timeout: float | None = None) -> list[JobResult]:
            if self._held.exists() and cluster.worker_nodes:
                cluster.remove_node(self._doomed, allow_graceful=False)
            outcomes = self._inner.wait(timeout)
            self.attempts += sum(outcome.attempts for outcome in outcomes)
            return outcomes

        def outstanding(self) -> int:
            return self._inner.outstanding()

        def close(self) -> None:
            self._inner.close()

    executors: list[Saboteur] = []

    def make_executor(proxy_data: Context) -> Executor:
        executors.append(Saboteur(proxy_data))
        return executors[0]

    began = time.monotonic()
    run = search(SPACE, run=tmp_path / "run", runtime=Runtime(address=cluster.address, make_executor=make_executor))
    assert journal_of(tmp_path / "run") == journal_of(serial_run.directory)
    assert not cluster.worker_nodes
    assert executors[0].attempts == len(run.trials()) + 1  # the trial that was held there was run again
    assert time.monotonic() - began < 300
