"""A study of detection as tables: read from its directory, also while it is being written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganetic.config import Config
from ganetic.detection.baselines.scores import NAMES, PATCHES, TO_BEAT, read_scores
from ganetic.detection.scores import PARTS, SUM, Scores
from ganetic.detection.statistics import Measured, Resampling, verdict_of
from ganetic.errors import UserError
from ganetic.formats import Format
from ganetic.jobs.grid import read_grid
from ganetic.jobs.journal import Record
from ganetic.stats import Verdict, holm, mean_interval
from ganetic.studies.config import MADE_WITH, Entry, FullSetup

DETECTION = Format("detection")
STUDY_NAME = "detect"
"""In the registry of studies, and in journals."""
JOURNAL = "journal.db"
BASELINES, TEST = "baselines.npz", "test.npz"
"""Scores of the baselines; and of each test image whether it is anomalous, its group and its place in the set, and the
AUPRO of the patches, NaN where there are no masks."""

STRONG = 0.05
"""A difference of AUROC that is called a strong improvement; fixed before any result."""
BASELINE = "baseline"
"""Stands for a loss where a method has none."""
CHANCE = 0.5
UNIT, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)

Role = Literal["primary", "to beat", "secondary"]
Claim = Literal["confirmed", "refuted", "not shown"]


class DetectionSettings(Config):
    """All that decides a study of detection; it goes on only with the same.

    Attributes:
        losses: what is trained.
        reference: the loss that all others are compared with.
        data: name of the set.
        fingerprint: of its images.
        normal: names of the normal classes.
        anomalous: names of the others.
        setup: of the trainings.
        encoder: an `ganetic.detection.encoder.EncoderConfig`.
        seeds: of the trainings of each loss.
        split: its sha256.
        sentences: what is said of the split and of masks.
    """

    losses: tuple[Entry, ...]
    reference: str
    data: str
    fingerprint: str
    normal: tuple[str, ...]
    anomalous: tuple[str, ...]
    setup: FullSetup
    encoder: dict[str, Any]
    seeds: tuple[int, ...]
    split: str
    sentences: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of the losses."""
        return [loss.name for loss in self.losses]


@dataclass(frozen=True)
class Method:
    """How well a method tells anomalies from normal images.

    Attributes:
        method: its name.
        score: of a GAN, which; of a baseline, empty.
        role: ``primary``, ``to beat`` or ``secondary``, fixed before any result.
        auroc: area under the ROC curve, the mean over seeds.
        auroc_low: end of its 95 % interval.
        auroc_high: the other end.
        precision: average precision, the mean over seeds.
        precision_low: end of its 95 % interval.
        precision_high: the other end.
        said: ``below chance`` or ``chance not excluded`` where that is so.
    """

    method: str
    score: str
    role: Role
    auroc: float
    auroc_low: float
    auroc_high: float
    precision: float
    precision_low: float
    precision_high: float
    said: str

    @property
    def name(self) -> str:
        """The method with its score, as in ``bce: sum``."""
        return f"{self.method}: {self.score}" if self.score else self.method


@dataclass(frozen=True)
class Gap:
    """Two methods on the same resamples, compared by the AUROC of the primary score.

    Attributes:
        first: the loss that is compared …
        second: … with this loss, or this baseline.
        difference: of their AUROC; above 0 the first is better.
        low: end of the 95 % interval, not adjusted.
        high: the other end.
        p: two-sided.
        holm_p: adjusted for all comparisons of the table.
        verdict: ``better``, ``worse`` or ``no difference shown``, by the adjusted p at 5 %.
        claim: of a strong improvement: ``confirmed`` where better is shown and the difference is 0.05 or more;
            ``refuted`` where the interval ends below 0.05; or ``not shown``.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    holm_p: float
    verdict: str
    claim: Claim


WORDS = {Verdict.HIGHER: "better", Verdict.LOWER: "worse", Verdict.NOT_SHOWN: "no difference shown"}


class Detection:
    """Losses and baselines on the same test images, as the study stood when it was opened; nothing is ever written.

    A seed counts once it has ended for every loss. A training or an encoder that failed scores all images alike, which
    is chance.

    Attributes:
        directory: of the study.
        settings: what was done.
        made_with: versions and hardware.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / JOURNAL
        meta, _, records = read_grid(path)
        self.directory = directory
        self.settings = settings_in(meta, path)
        self.made_with: dict[str, str] = dict(meta.get(MADE_WITH, {}))
        self._records = {record.number: record for record in records}
        test = _read_test(directory / TEST)
        self.anomalous: NDArray[np.bool_] = test["anomalous"]
        self.groups: NDArray[np.int64] = test["groups"]
        self._patches_aupro = float(test["aupro"])
        self.baselines: Scores = read_scores(directory / BASELINES) or {}
        if raised := next((record for record in records if record.status == "raised"), None):
            loss, seed = self._jobs[raised.number]
            said = (raised.error or "").strip().splitlines()[-1:]
            raise UserError(
                f"{directory}: the job of {loss.name}, seed {seed}, raised an error ({''.join(said)[:200]}); "
                "mend it and name a new directory"
            )

    @property
    def ended(self) -> int:
        """How many jobs have ended."""
        return len(self._records)

    @property
    def total(self) -> int:
        """How many jobs there are, ended or not."""
        return len(self._jobs)

    @property
    def finished(self) -> bool:
        """Whether every job has ended."""
        return self.ended == self.total

    @property
    def common_seeds(self) -> list[int]:
        """Seeds that have ended for every loss."""
        numbers = {job: number for number, job in enumerate(self._jobs)}
        losses, seeds = self.settings.losses, self.settings.seeds
        return [seed for seed in seeds if all(numbers[loss, seed] in self._records for loss in losses)]

    def methods(self) -> list[Method]:
        """Every score of every loss, the primary first, and every baseline."""
        rows: list[Method] = []
        for score in (SUM, *PARTS) if self.common_seeds else ():
            role: Role = "primary" if score == SUM else "secondary"
            rows += [_method(name, score, role, *self._measured[name, score]) for name in self.settings.names]
        for name in self.baselines:
            if name in NAMES:
                role = "to beat" if name == TO_BEAT else "secondary"
                rows.append(_method(name, "", role, *self._measured[BASELINE, name]))
        return rows

    def against_reference(self) -> list[Gap]:
        """The sum of every other loss against that of the reference, as one family."""
        reference = self.settings.reference
        others = [name for name in self.settings.names if name != reference] if self.common_seeds else []
        return _gaps([(name, reference, self._of(name) - self._of(reference)) for name in others])

    def against_baseline(self) -> list[Gap]:
        """The sum of every loss against the baseline to beat, as one family."""
        names = self.settings.names if self.common_seeds and self.baselines else []
        beaten = self._measured[BASELINE, TO_BEAT][0] if names else None
        return _gaps([(name, TO_BEAT, self._of(name) - beaten) for name in names if beaten is not None])

    def runs(self) -> pd.DataFrame:
        """A row a job that has ended: loss, seed, state, reason, fd, auroc (of the sum), aupro, seconds."""
        columns = ("loss", "seed", "state", "reason", "fd", "auroc", "aupro", "seconds")
        return pd.DataFrame([self._run(number) for number in sorted(self._records)], columns=columns)

    def overlaps(self) -> pd.DataFrame:
        """AUPRO of the heat maps of each loss, the mean over seeds with a t interval, and of patches, which has none.

        Empty where there are no masks.
        """
        runs = self.runs()
        rows = [
            (name, *vars(mean_interval(values)).values(), len(values))
            for name in self.settings.names
            if len(values := runs.loc[(runs["loss"] == name) & runs["aupro"].notna(), "aupro"].to_numpy(np.float64))
        ]
        if math.isfinite(self._patches_aupro):
            rows.append((PATCHES, self._patches_aupro, math.nan, math.nan, 1))
        return pd.DataFrame(rows, columns=["method", "aupro", "low", "high", "seeds"])

    @cached_property
    def _jobs(self) -> list[tuple[Entry, int]]:
        return [(loss, seed) for seed in self.settings.seeds for loss in self.settings.losses]

    @cached_property
    def _measured(self) -> dict[tuple[str, str], tuple[Measured, Measured]]:
        """AUROC and average precision of each loss and score, and of each baseline, on the same resamples."""
        seeds = self.common_seeds
        resampling = Resampling(self.anomalous, self.groups, max(1, len(seeds)))
        found = {
            (name, score): resampling.measure([self._scores(name, seed, score) for seed in seeds], of_seeds=True)
            for name in self.settings.names
            for score in (SUM, *PARTS)
            if seeds
        }
        of_baselines = {
            (BASELINE, name): resampling.measure([scores]) for name, scores in self.baselines.items() if name in NAMES
        }
        return {**found, **of_baselines}

    def _of(self, name: str) -> Measured:
        return self._measured[name, SUM][0]

    def _scores(self, name: str, seed: int, score: str) -> NDArray[np.float64]:
        number = next(number for number, job in enumerate(self._jobs) if (job[0].name, job[1]) == (name, seed))
        return _scores_in(self._records[number], score, len(self.anomalous))

    def _run(self, number: int) -> tuple[Any, ...]:
        from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - it takes a second to import

        (loss, seed), record = self._jobs[number], self._records[number]
        said: Mapping[str, Any] = record.record or {}
        trace, aupro = said.get("trace") or [], said.get("aupro")
        scores = _scores_in(record, SUM, len(self.anomalous))
        return (
            *(loss.name, seed, record.state, record.reason, trace[-1][1] if trace else math.nan),
            *(float(roc_auc_score(self.anomalous, scores)), math.nan if aupro is None else aupro, record.seconds),
        )


def settings_in(meta: Mapping[str, Any], path: Path) -> DetectionSettings:
    """Read the settings in a journal.

    Raises:
        UserError: the journal is of something else, or a newer version wrote what is not understood.
    """
    if meta.get("study") != STUDY_NAME:
        raise UserError(f"{path}: holds no study of detection; name a directory of one")
    return DETECTION.read(
        {key: value for key, value in meta.items() if key not in ("study", MADE_WITH)}, DetectionSettings, str(path)
    )


def open_detection(directory: Path | str) -> Detection:
    """Open a study of detection for reading, also while it runs.

    Raises:
        UserError: there is none, or a file of it is damaged.
    """
    directory = Path(directory)
    if not (directory / JOURNAL).is_file():
        raise UserError(f"{directory}: no study of detection is here; `ganetic detect study` makes one under runs/")
    return Detection(directory)


def _read_test(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in ("anomalous", "groups", "aupro")}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:80]
        raise UserError(
            f"{path}: cannot be read ({reason}); the command that began the study writes it again"
        ) from None


def _scores_in(record: Record, score: str, count: int) -> NDArray[np.float64]:
    """The scores in a record; all 0 where there are none."""
    scores = (record.record or {}).get("scores")
    return np.zeros(count) if scores is None else np.array(scores[score], np.float64)


def _method(name: str, score: str, role: Role, auroc: Measured, precision: Measured) -> Method:
    area, mean = auroc.estimate(CHANCE, UNIT), precision.estimate(0.0, UNIT)
    low, high = (area.value if math.isnan(end) else end for end in (area.low, area.high))
    said = "below chance" if high < CHANCE else "chance not excluded" if low <= CHANCE else ""
    return Method(name, score, role, area.value, area.low, area.high, mean.value, mean.low, mean.high, said)


def _gaps(pairs: Sequence[tuple[str, str, Measured]]) -> list[Gap]:
    found = [measured.estimate(0.0, DIFFERENCE) for _, _, measured in pairs]
    adjusted = holm([one.p for one in found])
    gaps = []
    for (first, second, _), one, holm_p in zip(pairs, found, adjusted, strict=True):
        verdict = WORDS[verdict_of(one.value, holm_p)]
        claim = _claim(verdict, one.value, one.high)
        gaps.append(Gap(first, second, one.value, one.low, one.high, one.p, holm_p, verdict, claim))
    return gaps


def _claim(verdict: str, difference: float, high: float) -> Claim:
    if verdict == "better" and difference >= STRONG:
        return "confirmed"
    return "refuted" if high < STRONG else "not shown"


def frame_of(rows: Sequence[Method] | Sequence[Gap], kind: type[Method] | type[Gap]) -> pd.DataFrame:
    """A table with a row each."""
    return pd.DataFrame([asdict(row) for row in rows], columns=list(kind.__dataclass_fields__))
