"""Runs of each format, as the code of their time wrote them: ``tests/golden/runs/FORMAT``. They are only read."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ganetic.evolution.config import Measure
from ganetic.evolution.resources import Runtime
from ganetic.evolution.space import SearchSpace
from ganetic.jobs.executor import SerialExecutor
from tests.small_run import pretend

RUNS = Path(__file__).parent / "golden" / "runs"


def copied(name: str, folder: Path) -> Path:
    """A copy of an old run to go on with."""
    return shutil.copytree(RUNS / name, folder / "run")


@dataclass(frozen=True)
class AsRecorded(Runtime):
    """Measures losses as a run says that it did: the digits of a feature net differ from processor to processor."""

    measures: tuple[Measure, ...] = ()

    def proxy_data_of(self, space: SearchSpace, data: str) -> dict[str, Any]:
        return {measure.proxy: _proxy_data(measure) for measure in self.measures}


def _proxy_data(measure: Measure) -> SimpleNamespace:
    side = int(measure.model.partition("-")[0].removeprefix("dcgan"))
    return SimpleNamespace(
        data=measure.images,
        features_hash=measure.features,
        protocol=measure.metric,
        start_fd=measure.start_fd,
        floor_fd=measure.floor_fd,
        images=SimpleNamespace(shape=(0, side, side, 1)),
    )


class Counting:
    """Makes up what trainings measure, and keeps what was asked for."""

    def __init__(self) -> None:
        self.payloads: list[dict[str, Any]] = []

    def runtime(self, measures: Sequence[Measure]) -> Runtime:
        return AsRecorded(make_executor=lambda context: SerialExecutor(self._work, context), measures=tuple(measures))

    def _work(self, context: Any, payload: dict[str, Any]) -> dict[str, Any]:
        self.payloads.append(payload)
        return pretend(context, payload)
