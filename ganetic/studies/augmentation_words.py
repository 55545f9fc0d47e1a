"""What may be said of a study of augmentation, in words that say no more than was measured."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

from ganetic.augmenting.arms import ARMS, FILTER_PAIRS, PAIRS, PRIMARY_PAIR
from ganetic.augmenting.config import ENOUGH_DRAWS
from ganetic.augmenting.scores import PRIMARY, SCORES
from ganetic.studies.augmentation import Augmentation
from ganetic.studies.formatting import listed, p_value


def signed(value: float) -> str:
    """Write a difference with its sign and three decimals, or a dash where there is none."""
    return f"{value:+.3f}".replace("-", "−") if math.isfinite(value) else "-"


def signed_interval(low: float, high: float) -> str:
    """Write an interval of differences, or a dash where there is none."""
    return f"{signed(low)} to {signed(high)}" if math.isfinite(low) else "-"


def head_lines(study: Augmentation) -> list[str]:
    """Say what was studied, and how far it has come."""
    config, meta = study.config, study.meta
    classifier = config.classifier
    what = "a linear layer on frozen ImageNet features" if classifier.kind == "features" else "a small net from scratch"
    lines = [
        f"{meta['images'].partition(':')[0]} at {meta['side']} pixels, {config.draws} draws of {_sizes(study)} images "
        f"a class; GANs: {meta['gan']['model']['name']}, {meta['gan']['steps']} steps with {meta['loss']}; classifier: "
        f"{what}, {classifier.steps} steps in every arm.",
        f"Split {meta['split'][:16]}: {'; '.join(_counted(part.name, part.counts) for part in study.parts)}.",
        *meta["said_of_split"],
    ]
    if not study.is_finished:
        lines.append(f"{study.ended} of {study.total} draws have ended.")
    for error in study.errors[:1]:
        last = (error.error or "no reason").strip().splitlines()[-1]
        lines.append(f"{len(study.errors)} of {study.ended} gave no record; the first: {last[:150]}.")
    if config.draws < ENOUGH_DRAWS:
        lines.append(f"{config.draws} draws describe, and decide nothing: {ENOUGH_DRAWS} or more do.")
    return lines


def primary_lines(study: Augmentation) -> list[str]:
    """Say what came of the comparison that the study is for, a sentence a size."""
    first, second = PRIMARY_PAIR
    return [
        f"Primary, fixed before any result: {first} against {second} in {SCORES[PRIMARY]}; all else is secondary.",
        *(_said_of(row) for row in study.primary().to_dict("records")),
    ]


def reading_notes(study: Augmentation) -> list[str]:
    """How to read the tables, and what they do not say."""
    rows = study.gans()
    failed, trainings = int(rows["failed"].sum()), int(rows["trainings"].sum())
    notes = [f"{arm.name}: {arm.description}" for arm in ARMS]
    notes += [
        "differences: first less second on the same draws, with paired t intervals over draws, not adjusted; Holm p is "
        f"adjusted for {len(PAIRS)} comparisons of a size and score ({len(FILTER_PAIRS)} of filtered arms)",
        "verdict: by the paired t test at 5 %, adjusted, and none where mean and ranks point to different sides; "
        "detects: a true difference this large is found by one test at 5 % in 80 % of such studies",
        "draws share one set of test images: intervals say how results vary with the training subset, and not with "
        "other test images",
        "the share of generated images is chosen on validation images in each draw; each arm is tested once",
        "ECE: 15 bins, of the likeliest class; Brier: summed over classes, 0 to 2; of both, less is better",
    ]
    if failed:
        notes.append(
            f"{failed} of {trainings} GANs failed by the rules of `ganetic train`; their best checkpoints drew all the "
            "same"
        )
    return notes


def _said_of(row: Mapping[Hashable, Any]) -> str:
    first, second = row["first"], row["second"]
    said = (
        f"{row['size']} images a class: {first} less {second} {signed(row['mean'])} (95 % interval "
        f"{signed_interval(row['low'], row['high'])}, {row['draws']} draws, Holm p {p_value(row['holm_p'])})"
    )
    if row["verdict"] in ("better", "worse"):
        return f"{said}: {first} is {row['verdict']}."
    if not math.isfinite(row["detectable"]):
        return f"{said}: no difference shown."
    return (
        f"{said}: no difference shown; a true one of {row['detectable']:.3f} would have been found in 80 % of such "
        "studies, one test at 5 %."
    )


def _sizes(study: Augmentation) -> str:
    return listed([str(size) for size in study.config.sizes])


def _counted(name: str, counts: dict[str, int]) -> str:
    return f"{name} {', '.join(f'{count} {label}' for label, count in counts.items())}"
