"""The published losses and the old winners on digits, each at its own best rates."""

from pathlib import Path

from analysis.better_loss.confirmation import SELECTION_SEEDS, SELECTION_TUNING
from analysis.better_loss.plan import REFERENCE_RUNS, RIVALS, compared

DIGITS_SEED = 7501


def digits(folder: Path, workers: int | None) -> None:
    """Do the order of the published losses on digits, and the old winners, stand at each loss's own rates?"""
    winners = [str(REFERENCE_RUNS / name / "best.json") for name in ("paper", "logit")]
    found = compared(
        [*RIVALS, *winners], "mnist5k", folder / "digits", DIGITS_SEED, SELECTION_SEEDS, SELECTION_TUNING, workers
    )
    print(found.summary().to_string())
