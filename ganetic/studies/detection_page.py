"""What a study of detection found, in sentences and tables."""

from collections.abc import Sequence

import pandas as pd

from ganetic.detection.baselines.scores import SENTENCE, TO_BEAT
from ganetic.studies.detection import BASELINES, STRONG, Detection, Gap, Method, frame_of
from ganetic.studies.study import StudyPage

FIXED = (
    f"Fixed before any result: the primary score is the sum, the baseline to beat is {TO_BEAT} in ImageNet features, "
    f"and a strong improvement is {STRONG} of AUROC or more. All else is secondary."
)
INTERVALS = (
    "Intervals of 95 % resample groups of test images and GAN seeds, the same for all methods, and are not adjusted; p "
    "values are, for all rows of a table (Holm)."
)


def detection_page(study: Detection) -> StudyPage:
    """Say what was done, what may be claimed, and all numbers."""
    return (*head(study), *verdicts(study), *tables(study), *notes(study))


def head(study: Detection) -> list[str]:
    """Say what was trained on what, and how the images were divided."""
    settings = study.settings
    config = settings.setup.config
    seeds = len(settings.seeds)
    lines = [
        f"{len(settings.losses)} losses on {seeds} seed{'s' * (seeds > 1)}: {settings.setup.name} at "
        f"{config['data']['size']} px, {config['steps']} steps, and an encoder of {settings.encoder['steps']} steps",
        f"{settings.data}: {', '.join(settings.normal)} against {', '.join(settings.anomalous)}",
        *settings.sentences,
    ]
    if not study.finished:
        lines.append(
            f"{study.ended} of {study.total} jobs have ended; {len(study.common_seeds)} seeds have for every loss"
        )
    return lines


def verdicts(study: Detection) -> list[str]:
    """Say what may be claimed: a sentence for each loss against the reference, and against the baseline to beat."""
    if not study.finished:
        return ["Nothing may be claimed yet."]
    of_losses = [_claim(gap, f"a strong improvement over {gap.second}") for gap in study.against_reference()]
    return of_losses + [_claim(gap, f"a strong improvement over {gap.second}") for gap in study.against_baseline()]


def tables(study: Detection) -> list[pd.DataFrame | str]:
    """Give all numbers, each table under a sentence that says what it is of."""
    methods, found = study.methods(), list[pd.DataFrame | str]()
    if methods:
        frame = frame_of(methods, Method)
        frame["method"] = [one.name for one in methods]
        columns = frame.rename(columns={"auroc_low": "low", "auroc_high": "high"})
        found += ["Area under the ROC curve", columns[["method", "role", "auroc", "low", "high", "said"]]]
        columns = frame.rename(columns={"precision_low": "low", "precision_high": "high"})
        share = float(study.anomalous.mean())
        found += [
            f"Average precision, secondary; {share:.3f} is chance",
            columns[["method", "precision", "low", "high"]],
        ]
    found += _gaps(f"The sum of each loss less that of {study.settings.reference}, AUROC", study.against_reference())
    found += _gaps(f"The sum of each loss less {TO_BEAT}, AUROC", study.against_baseline())
    if len(overlaps := study.overlaps()):
        found += ["AUPRO, per-region overlap up to a false positive rate of 0.3, secondary", overlaps]
    if len(runs := study.runs()):
        found += [
            "Every job; auroc is that of the sum",
            runs.drop(columns=["aupro"] if runs["aupro"].isna().all() else []),
        ]
    return found


def notes(study: Detection) -> list[str]:
    """Say how to read the tables."""
    said = [FIXED, INTERVALS, SENTENCE if study.baselines else f"{BASELINES} is missing: no baselines are shown."]
    failed = study.runs().query("state != 'completed'")
    if len(failed):
        said.append(
            f"{len(failed)} jobs failed. Where a GAN or its encoder did not stay finite, all images get one score, "
            "which is chance."
        )
    if len(study.settings.seeds) == 1:
        said.append("One seed says nothing of others: intervals are those of the images alone.")
    return said


def _claim(gap: Gap, claim: str) -> str:
    where = f"{gap.difference:+.3f} AUROC (95 % interval {gap.low:+.3f} to {gap.high:+.3f}, Holm p {gap.holm_p:.3f})"
    return f"{gap.first}: {claim} is {gap.claim}: {where}, {gap.verdict}."


def _gaps(title: str, gaps: Sequence[Gap]) -> list[pd.DataFrame | str]:
    if not gaps:
        return []
    columns = ["first", "difference", "low", "high", "holm_p", "verdict", "claim"]
    return [title, frame_of(gaps, Gap)[columns]]
