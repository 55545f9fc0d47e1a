"""What came of a study of augmentation: scores, differences and shares as tables, also while it runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganetic.augmenting.arms import ARMS, FILTER_PAIRS, PAIRS, Pair
from ganetic.augmenting.config import AugmentConfig
from ganetic.augmenting.record import DrawResult
from ganetic.augmenting.scores import LOWER_IS_BETTER, PRIMARY, SCORES
from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.formats import Format
from ganetic.jobs.grid import read_grid, study_in
from ganetic.jobs.journal import Record
from ganetic.stats import Finding, Verdict, family, mean_interval, paired_difference

JOURNAL = "journal.db"
NAME = "augment"
AUGMENTATION = Format("study of augmentation")
"""What its journal says of it as a whole."""

_CURVE = ("size", "arm", "score", "draws", "mean", "low", "high")
_DIFFERENCE = (
    "size", "score", "first", "second", "draws", "mean", "low", "high", "t_p", "holm_p", "detectable", "verdict"
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A part of the set.

    Attributes:
        name: ``training side``, ``validation`` or ``test``.
        counts: images of each class, by name.
    """

    name: str
    counts: dict[str, int]


class Augmentation:
    """A study of augmentation as its journal tells it.

    Args:
        directory: of the study.

    Raises:
        UserError: there is none, or its journal is damaged.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / JOURNAL
        meta, self._submissions, self._records = _read(path)
        self.directory = directory
        self.meta: dict[str, Any] = AUGMENTATION.migrated(meta, str(path))
        self.config = validate(self.meta["config"], AugmentConfig, str(path))
        self._results = [
            validate(record.record, DrawResult, f"{path}: draw {record.number}")
            for record in self._records
            if record.record is not None
        ]

    @property
    def ended(self) -> int:
        """How many jobs have ended."""
        return len(self._records)

    @property
    def total(self) -> int:
        """How many jobs there are, ended or not."""
        return len(self._submissions)

    @property
    def is_finished(self) -> bool:
        """Whether every job has ended."""
        return self.ended == self.total

    @property
    def errors(self) -> list[Record]:
        """Jobs that gave no record."""
        return [record for record in self._records if record.record is None]

    @property
    def draws(self) -> list[DrawResult]:
        """What came of the draws that gave a record, in order of their jobs."""
        return self._results

    @property
    def parts(self) -> list[Part]:
        """The parts of the set."""
        return [Part(name, counts) for name, counts in self.meta["parts"].items()]

    @cached_property
    def _scores(self) -> pd.DataFrame:
        return pd.DataFrame(
            [
                {"size": one.size, "draw": one.draw, "arm": arm.arm, "share": arm.share, **arm.scores}
                for one in self._results
                for arm in one.arms
            ],
            columns=["size", "draw", "arm", "share", *SCORES],
        )

    def scores(self) -> pd.DataFrame:
        """A row a size, draw and arm: share (chosen on validation images; NaN without), and each score on the test."""
        return self._scores.copy()

    def curves(self) -> pd.DataFrame:
        """A row a size, arm and score: draws, and the mean over them with its 95 % t interval."""
        rows = []
        for (size, arm), own in self._scores.groupby(["size", "arm"], sort=False):
            for score in SCORES:
                found = mean_interval(own[score])
                rows.append((size, arm, score, len(own), found.mean, found.low, found.high))
        order = {arm.name: place for place, arm in enumerate(ARMS)}
        table = pd.DataFrame(rows, columns=_CURVE)
        return table.sort_values(
            ["size", "arm"], key=lambda one: one.map(order).fillna(one), kind="stable"
        ).reset_index(drop=True)

    def differences(self, pairs: Sequence[Pair] = PAIRS) -> pd.DataFrame:
        """First less second on the same draws: a row a size, score and pair.

        Columns: draws, mean, its 95 % paired t interval low to high, t_p, holm_p (over the pairs of a size and score),
        detectable (a true difference of this size is found in 80 % of such studies by one test), verdict.
        """
        rows = [row for size in self.sizes for score in SCORES for row in self._differences(size, score, pairs)]
        return pd.DataFrame(rows, columns=_DIFFERENCE)

    def filter_differences(self) -> pd.DataFrame:
        """What leaving copies out of the generated images did: as `differences`, a family of its own."""
        return self.differences(FILTER_PAIRS)

    def primary(self) -> pd.DataFrame:
        """The comparison that the study is for, a row a size; its Holm p counts the other arms' comparisons."""
        table = self.differences()
        first, second = PAIRS[0]
        chosen = (table["score"] == PRIMARY) & (table["first"] == first) & (table["second"] == second)
        return table[chosen].reset_index(drop=True)

    @property
    def sizes(self) -> list[int]:
        """The sizes of which a draw has ended."""
        return sorted({one.size for one in self._results})

    def shares(self) -> pd.DataFrame:
        """A row a size, arm with generated images and share: validation (the primary score there), chosen (draws)."""
        rows = [
            (one.size, arm.arm, float(share), score, arm.share == float(share))
            for one in self._results
            for arm in one.arms
            if arm.share is not None
            for share, score in arm.validation.items()
        ]
        table = pd.DataFrame(rows, columns=("size", "arm", "share", "validation", "chosen"))
        return table.groupby(["size", "arm", "share"], sort=False, as_index=False).agg(
            {"validation": "mean", "chosen": "sum"}
        )

    def gans(self) -> pd.DataFrame:
        """A row a size and class: trainings, failed, fd and floor_fd (means), copies (share of generated images)."""
        rows = [
            (one.size, gan.of, gan.failure is not None, gan.fd, gan.floor_fd, one.copies)
            for one in self._results
            for gan in one.gans
        ]
        table = pd.DataFrame(rows, columns=("size", "of", "failed", "fd", "floor_fd", "copies"))
        found = table.groupby(["size", "of"], sort=False, as_index=False).agg(
            trainings=("fd", "size"),
            failed=("failed", "sum"),
            fd=("fd", "mean"),
            floor_fd=("floor_fd", "mean"),
            copies=("copies", "mean"),
        )
        return found.sort_values("size", kind="stable", ignore_index=True)

    def _differences(self, size: int, score: str, pairs: Sequence[Pair]) -> Iterator[tuple[object, ...]]:
        table = self._scores[self._scores["size"] == size].pivot(index="draw", columns="arm", values=score)
        found = family([paired_difference(table[first], table[second]) for first, second in pairs])
        for (first, second), one in zip(pairs, found, strict=True):
            difference = one.difference
            yield (
                *(size, score, first, second, difference.pairs, difference.mean, difference.low, difference.high),
                *(difference.t_p, one.holm_p, difference.detectable, _verdict(one, score)),
            )


def open_augmentation(directory: Path | str) -> Augmentation:
    """Open a study of augmentation for reading, also while it runs.

    Raises:
        UserError: there is none, or its journal is damaged.
    """
    return Augmentation(Path(directory))


def is_augmentation(directory: Path) -> bool:
    """Return whether a directory holds a study of augmentation, by a look at its journal."""
    return study_in(directory / JOURNAL) == NAME


def _read(path: Path) -> tuple[dict[str, Any], list[Any], list[Record]]:
    if not path.is_file():
        raise UserError(f"{path.parent}: no study of augmentation is here; `ganetic augment` makes one under runs/")
    meta, submissions, records = read_grid(path)
    if meta.get("study") != NAME:
        raise UserError(f"{path}: holds no study of augmentation; name a directory of one")
    return meta, submissions, records


def _verdict(finding: Finding, score: str) -> str:
    if finding.verdict is Verdict.NOT_SHOWN or not np.isfinite(finding.difference.low):
        return str(Verdict.NOT_SHOWN)
    is_lower = finding.verdict is Verdict.LOWER
    return "better" if is_lower == (score in LOWER_IS_BETTER) else "worse"
