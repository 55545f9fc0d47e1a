"""Data is put into Ray's store once, and every worker is given the reference: a node fetches it once."""

from typing import Any

import pytest
import ray

from ganetic.jobs import ray_executor
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.jobs.ray_session import Session
from tests.jobs.works import work


class CountingRay:
    """Counts what is put, and keeps what actors are given. Its head is always there."""

    gcs_address = ""
    silent_seconds = 0.0

    def __init__(self) -> None:
        self.put_values: list[object] = []
        self.given: list[tuple[Any, ...]] = []
        self.where = self
        self.exceptions = ray.exceptions

    def put(self, value: object) -> str:
        self.put_values.append(value)
        return f"reference {len(self.put_values)}"

    def options(self, **_: object) -> "CountingRay":
        return self

    def get_runtime_context(self) -> "CountingRay":
        return self

    def close(self) -> None:
        pass

    def kill(self, actor: object) -> None:
        pass

    def remote(self, *arguments: Any) -> "CountingRay":
        if len(arguments) == 2:
            self.given.append(arguments)
        return self


def test_data_is_put_once_however_many_workers_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = CountingRay()
    monkeypatch.setattr(ray_executor, "ray", counting)
    monkeypatch.setattr(ray_executor, "connect", lambda *_: Session(started=True, owned=False, runtime_env={}))
    monkeypatch.setattr(ray_executor, "HeadWatch", lambda *_: counting)
    monkeypatch.setattr(ray_executor, "room_for_jobs", lambda _: 64)
    context = {"images": bytes(1000)}
    with RayExecutor(work, context, wall_seconds=10) as executor:
        for slot in executor._slots[:3]:
            executor._replace(slot)
    assert counting.put_values == [context]
    assert len(counting.given) == 64 + 3
    assert {reference for _, reference in counting.given} == {"reference 1"}
