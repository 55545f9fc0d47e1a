"""A bank of trained losses: with it any rule for stopping, ranking or choosing losses is tried out in seconds.

Tabular benchmarks did this for architecture search (Ying et al., NAS-Bench-101, https://arxiv.org/abs/1902.09635). What
the shipped banks hold, how they were made and what they cannot say stands in ``bank_NAME.md`` beside each.
"""

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganetic.config import Config
from ganetic.errors import UserError, unknown
from ganetic.evolution.individual import DEAD_SHARE, seed_trace
from ganetic.metrics.fitness import Fitness, fitness
from ganetic.studies.study import STUDIES, Study, StudyPage, Surroundings
from ganetic.training.failure_modes import FailureMode, diagnose
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.spec import PruningRule

SCHEMA = "ganetic.bank/1"
SHIPPED = {"mnist5k": "bank_mnist5k.npz", "pneumonia": "bank_pneumonia.npz"}
"""The file of each shipped bank, by its name."""
COLUMNS = ("name", "origin", "text", "published")
NOT_RECORDED = ""


@dataclass(frozen=True, eq=False)
class Bank:
    """L losses, each trained on up to S seeds, measured at K steps.

    Attributes:
        losses: a row a loss: name; origin; text; published, the name of the library's loss that it is;
            seeds, how many were recorded; failed, how many of them failed; viable, whether at most half of them did;
            fd and instability, the fitness over all of them.
        steps: int64 ``(K,)``, 0 first.
        fd: float32 ``(L, S, K)``, Fréchet distances; NaN where nothing was measured.
        outcomes: ``(L, S)``: ``completed``, or why the training failed; empty where it was not recorded.
        seconds: float32 ``(L, S)``, wall time of each training; NaN where it was not recorded.
        about: plain data: metric, start_fd, floor_fd, model, proxy, data, seeds (what the trainings were seeded with)
            and made_with.
        raw: float32 ``(L, S, K)``, distances of the trained generator itself, where `fd` is of an averaged one; NaN
            where there are none.
    """

    losses: pd.DataFrame
    steps: NDArray[np.int64]
    fd: NDArray[np.float32]
    outcomes: NDArray[np.str_]
    seconds: NDArray[np.float32]
    about: dict[str, Any]
    raw: NDArray[np.float32]

    @staticmethod
    def of(
        losses: pd.DataFrame,
        steps: Sequence[int],
        fd: NDArray[np.floating[Any]],
        outcomes: NDArray[np.str_],
        seconds: NDArray[np.floating[Any]],
        about: dict[str, Any],
        raw: NDArray[np.floating[Any]] | None = None,
    ) -> "Bank":
        """A bank of what was recorded; see `Bank` for the arguments. Of the losses, `COLUMNS` are needed.

        Without ``raw`` the distances are those of the trained generator itself.

        Raises:
            ValueError: the shapes do not fit.
        """
        if fd.shape != (len(losses), *seconds.shape[1:], len(steps)) or outcomes.shape != seconds.shape:
            raise ValueError(f"{len(losses)} losses, fd {fd.shape}, outcomes {outcomes.shape}, seconds {seconds.shape}")
        raw = np.full(fd.shape, np.nan) if raw is None else raw
        if raw.shape != fd.shape:
            raise ValueError(f"fd {fd.shape}, raw {raw.shape}")
        bare = Bank(
            losses.reset_index(drop=True),
            np.asarray(steps, dtype=np.int64),
            fd.astype(np.float32),
            outcomes,
            seconds.astype(np.float32),
            about,
            raw.astype(np.float32),
        )
        fitnesses = [bare.fitness(loss, range(int(count))) for loss, count in enumerate(bare.recorded.sum(axis=1))]
        table = bare.losses[list(COLUMNS)].assign(
            seeds=bare.recorded.sum(axis=1),
            failed=bare.failed.sum(axis=1),
            viable=bare.failed.sum(axis=1) <= DEAD_SHARE * bare.recorded.sum(axis=1),
            fd=[one.fd for one in fitnesses],
            instability=[one.instability for one in fitnesses],
        )
        return replace(bare, losses=table)

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """Which trainings are there; ``(L, S)``. Of each loss the first seeds are."""
        return np.asarray(self.outcomes != NOT_RECORDED)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which trainings failed; ``(L, S)``, False where nothing was recorded."""
        return np.asarray(self.recorded & (self.outcomes != TrialState.COMPLETED.value))

    @property
    def metric(self) -> str:
        """The protocol of the distances, such as ``fd@mnist5k-cnn64/2k``."""
        return str(self.about["metric"])

    @property
    def start_fd(self) -> float:
        """Distance of an untrained generator."""
        return float(self.about["start_fd"])

    @property
    def floor_fd(self) -> float:
        """Distance of as many other real images."""
        return float(self.about["floor_fd"])

    def number(self, loss: int | str) -> int:
        """The row of a loss, given by row or by name.

        Raises:
            UserError: there is no such loss.
        """
        if isinstance(loss, str):
            names = self.losses["name"].tolist()
            if loss not in names:
                raise unknown("loss", loss, names, "bank")
            return int(names.index(loss))
        if not 0 <= loss < len(self.losses):
            raise UserError(f"bank: there is no loss {loss}; expected 0 to {len(self.losses) - 1}, or a name")
        return int(loss)

    def trial(
        self, loss: int | str, seed: int, steps: int | None = None, kill: Iterable[PruningRule] = ()
    ) -> TrialResult:
        """What a training of this loss would have returned.

        It is exact for the bank's longest training without rules. Of a shorter or a stopped one the images are not
        there: its state is what the trace alone says, so that a mode collapse goes unseen. Seconds are in proportion to
        the steps.

        Args:
            loss: row or name.
            seed: counts the bank's seeds from 0.
            steps: one of `steps`; by default the last.
            kill: rules at any of `steps` before the end, applied in order of their steps.

        Raises:
            UserError: no such loss, no such training of it, or a step at which nothing was measured.
        """
        row = self.number(loss)
        if not 0 <= seed < self.recorded.shape[1] or not self.recorded[row, seed]:
            count = int(self.recorded[row].sum())
            raise UserError(f"bank: {self.losses['name'][row]} has no seed {seed}; expected 0 to {count - 1}")
        last = int(self.steps[-1]) if steps is None else steps
        rules = sorted(kill, key=lambda rule: rule.step)
        self._check_steps([last, *(rule.step for rule in rules)])
        points = self._points(self.fd[row, seed], last)
        for rule in rules:
            at = dict(points).get(rule.step)
            if rule.step < last and at is not None and at > rule.above * points[0][1]:
                stopped = [point for point in points if point[0] <= rule.step]
                reason = self._failure(stopped) or FailureMode.NON_CONVERGENCE
                return self._result(row, seed, TrialState.PRUNED, reason, stopped)
        if last == self.steps[-1] or not points or points[-1][0] < last:
            outcome = str(self.outcomes[row, seed])
            if outcome in set(TrialState):
                return self._result(row, seed, TrialState(outcome), None, points)
            return self._result(row, seed, TrialState.FAILED, outcome, points)
        failure = self._failure(points)
        return self._result(row, seed, TrialState.FAILED if failure else TrialState.COMPLETED, failure, points)

    def fitness(self, loss: int | str, seeds: Iterable[int], steps: int | None = None) -> Fitness:
        """A loss's fitness over some of its seeds, as a search computes it.

        Raises:
            UserError: as `trial`.
        """
        traces = [seed_trace(self.trial(loss, seed, steps)) for seed in seeds]
        return fitness(traces, self.start_fd, self.floor_fd)

    def truth(self, steps: int | None = None) -> NDArray[np.float64]:
        """Each loss's fd over all its seeds: geometric means, a failed seed counting as untrained; ``(L,)``."""
        counts = self.recorded.sum(axis=1)
        return np.array([self.fitness(loss, range(int(count)), steps).fd for loss, count in enumerate(counts)])

    def save(self, path: Path) -> None:
        """Write the bank as a compressed NumPy archive of plain arrays."""
        arrays: dict[str, Any] = {column: self.losses[column].to_numpy(dtype=np.str_) for column in COLUMNS}
        about = json.dumps({"schema": SCHEMA, **self.about}, allow_nan=False)
        if np.isfinite(self.raw).any():
            arrays["raw"] = self.raw
        np.savez_compressed(
            path, steps=self.steps, fd=self.fd, outcomes=self.outcomes, seconds=self.seconds, about=about, **arrays
        )

    def _points(self, distances: NDArray[np.float32], last: int) -> tuple[tuple[int, float], ...]:
        """What was measured of a training, from its distances ``(K,)``, up to a step."""
        measured = zip(self.steps.tolist(), distances.tolist(), strict=True)
        return tuple((step, fd) for step, fd in measured if step <= last and np.isfinite(fd))

    def _check_steps(self, steps: Iterable[int]) -> None:
        known = self.steps[1:].tolist()
        for step in steps:
            if step not in known:
                raise UserError(f"bank: nothing was measured at step {step}; expected one of {known}")

    def _failure(self, points: Sequence[tuple[int, float]]) -> FailureMode | None:
        """What a trace alone says is wrong."""
        return diagnose(points, self.floor_fd, (), is_collapsed=False)

    def _result(
        self, row: int, seed: int, state: TrialState, reason: str | None, points: Sequence[tuple[int, float]]
    ) -> TrialResult:
        steps = points[-1][0] if points else 0
        seconds = float(self.seconds[row, seed]) * steps / int(self.steps[-1])
        raw = self._points(self.raw[row, seed], steps)
        return TrialResult(state=state, reason=reason, trace=tuple(points), raw_trace=raw, steps=steps, seconds=seconds)


def bank(source: Path | str = "mnist5k") -> Bank:
    """Read a bank.

    Args:
        source: the name of a shipped one, ``mnist5k`` of digits or ``pneumonia`` of chest X-rays, or a file.

    Raises:
        UserError: there is none of that name, or the file cannot be read, or is no bank.
    """
    if str(source) in SHIPPED:
        with as_file(files("ganetic.studies") / SHIPPED[str(source)]) as shipped:
            return _read(shipped)
    path = Path(source)
    if path.suffix == ".npz" or path.exists():
        return _read(path)
    raise unknown("bank", str(source), SHIPPED)


def _read(path: Path) -> Bank:
    try:
        if path.is_file() and not zipfile.is_zipfile(path):  # of which numpy advises to load it unsafely
            raise UserError(f"{path}: cannot be read as a bank of losses: it is no NumPy archive (.npz)")
        with np.load(path, allow_pickle=False) as archive:
            about = json.loads(str(archive["about"]))
            if about.pop("schema", None) != SCHEMA:
                raise UserError(f"{path}: not a bank that this version reads; expected {SCHEMA}")
            losses = pd.DataFrame({column: archive[column] for column in COLUMNS})
            raw = archive.get("raw", None)
            recorded = (archive["fd"], archive["outcomes"], archive["seconds"])
            return Bank.of(losses, archive["steps"], *recorded, about, raw)
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a bank of losses: {error}") from None
    except (AttributeError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read as a bank of losses: {error}") from None


class BankConfig(Config):
    """What a bank is read from."""

    source: str = "mnist5k"
    """The name of a shipped one, or a file."""


@STUDIES.register("bank")
class BankStudy(Study[BankConfig, Bank]):
    """The losses of a bank, whose trainings were recorded long ago."""

    config = BankConfig
    keeps = "no trainings"

    def run(self, config: BankConfig, folder: Path, surroundings: Surroundings) -> Bank:  # noqa: ARG002
        """Read the bank; nothing is trained."""
        return bank(config.source)

    def page(self, results: Bank) -> StudyPage:
        """List the losses, the best first."""
        columns = ["name", "origin", "seeds", "failed", "fd", "instability"]
        table = results.losses.sort_values("fd", na_position="last", ignore_index=True)[columns]
        return f"{results.metric}: {len(table)} losses (real against real: {results.floor_fd:.1f})", table
