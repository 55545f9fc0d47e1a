"""The published losses and the old winners on digits, each at its own best rates."""

from pathlib import Path

from analysis.better_loss.plan import REFERENCE_RUNS, RIVALS, Seeds, compared

DIGITS_SEEDS = Seeds(7501, 12, 2)


def digits(folder: Path, workers: int | None) -> None:
    """Do the order of the published losses on digits, and the old winners, stand at each loss's own rates?"""
    winners = [str(REFERENCE_RUNS / name / "best.json") for name in ("paper", "logit")]
    found = compared([*RIVALS, *winners], "mnist5k", folder / "digits", DIGITS_SEEDS, workers)
    print(found.summary().to_string())
