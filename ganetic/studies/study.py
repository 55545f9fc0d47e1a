"""What a study is: config -> jobs -> results -> page. Each registers itself in its own file of `ganetic.studies`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import pandas as pd

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback, progress_of
from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.evolution.space import SearchSpace, load_space
from ganetic.files import make_directory, refuse_impossible_directory
from ganetic.jobs.disk import refuse_network_disk
from ganetic.jobs.grid import Cell, run_grid
from ganetic.jobs.journal import Record
from ganetic.jobs.lock import run_lock
from ganetic.registry import Registry
from ganetic.training.spec import TrialSpec

if TYPE_CHECKING:  # not for a cycle: a bank is read without torch and Ray, which trainings need
    from ganetic.evolution.resources import Runtime

JOURNAL = "journal.db"

ConfigT = TypeVar("ConfigT", bound=Config)
ResultsT = TypeVar("ResultsT")
GridConfigT = TypeVar("GridConfigT", bound="GridConfig")

StudyPage = Sequence[str | pd.DataFrame]
"""Sentences and tables in the order in which they are read; `ganetic.report.study` lays them out."""


@dataclass(frozen=True)
class Surroundings:
    """Where a study runs, and who watches: nothing that decides what comes of it.

    Attributes:
        runtime: where its jobs run.
        callback: is told where they stand.
    """

    runtime: "Runtime"
    callback: ProgressCallback[Progress] = field(default_factory=NullProgressCallback)


class Study(Generic[ConfigT, ResultsT]):
    """A question that trainings answer. Each is a subclass that `STUDIES` knows by its name.

    A study whose jobs are a fixed list of trainings is a `GridStudy`, which runs them.
    """

    config: type[ConfigT]
    """What it is a function of, as a TOML file says it."""
    keeps: ClassVar[str] = ""
    """What it keeps elsewhere, as in ``no trainings``; empty where its trainings are in the directory that is named."""

    def run(self, config: ConfigT, folder: Path, surroundings: Surroundings) -> ResultsT:
        """Run the jobs and read what came of them. Stopped or killed, the same call goes on where it was.

        Args:
            config: what it is a function of.
            folder: where trainings are kept, new or that of the same study.
            surroundings: where it runs, and who watches.

        Raises:
            UserError: something given is wrong.
        """
        raise NotImplementedError

    def read(self, folder: Path) -> ResultsT:
        """Read what has come of it so far, for `ganetic show`.

        Raises:
            UserError: there is no such study, or it cannot be shown.
        """
        raise UserError(f"{folder}: is a study that is shown by the command that made it alone; give that again")

    def page(self, results: ResultsT) -> StudyPage:
        """Say what came of it: sentences and tables."""
        raise NotImplementedError


class GridConfig(Config):
    """What the trainings of a study run on."""

    space: str = "quick"
    """A search space, by name or as a TOML file, whose proxies and checkpoints are used."""
    data: str | None = None
    """A data set; None for the space's own."""


class GridStudy(Study[GridConfigT, ResultsT]):
    """A study whose jobs are a fixed list of trainings on the proxies of a space."""

    def jobs(self, config: GridConfigT, space: SearchSpace) -> list[TrialSpec]:
        """List the trainings; each names the proxy of the space that it is run on in ``materials``.

        Raises:
            UserError: something in the configuration is wrong.
        """
        raise NotImplementedError

    def results(self, config: GridConfigT, records: Sequence[Record]) -> ResultsT:
        """Make the results of what came of the trainings, in the order of `jobs`.

        A training that raised, crashed its workers or ran over its wall time is a record, too: its ``record`` is None.
        """
        raise NotImplementedError

    def run(self, config: GridConfigT, folder: Path, surroundings: Surroundings) -> ResultsT:
        """Run the trainings that have not ended yet, and read what came of all."""
        from ganetic.evolution.chosen import as_known  # noqa: PLC0415 - it imports torch

        runtime = surroundings.runtime
        space = load_space(config.space)
        refuse_impossible_directory(folder)
        refuse_network_disk(folder)
        space, data = as_known(space, config.data or space.data, runtime)
        jobs = self.jobs(config, space)
        texts = [*dict.fromkeys(job.formula for job in jobs)]
        cells = [Cell(texts.index(job.formula), job.formula, job.model_dump(mode="json")) for job in jobs]
        proxy_data = runtime.proxy_data_of(space, data)
        with runtime.executor(proxy_data, max(job.steps for job in jobs)) as executor:
            make_directory(folder)  # not before all that can be wrong has been tried
            with run_lock(folder):
                records = run_grid(
                    folder / JOURNAL,
                    {"study": type(self).__qualname__, "config": config.model_dump(mode="json"), "data": data},
                    cells,
                    executor,
                    lambda grid: surroundings.callback.update(progress_of("training", grid)),
                )
        return self.results(config, records)


STUDIES: Registry[Study[Config, object]] = Registry(Study, "study", "ganetic.studies")
