"""A choice of a proxy: as a page of 80 columns for people, as plain data for programs."""

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ganetic.evolution.choice_store import KeptChoice
from ganetic.evolution.halving import Merit
from ganetic.pages.calibration import proxy_line
from ganetic.report import number


def choice_page(kept: KeptChoice) -> RenderableType:
    """Lay a choice out for a terminal of 80 columns or more."""
    choice, schedule = kept.choice, kept.choice.conditions.schedule
    head = [
        f"{choice.conditions.data}: {', '.join(choice.metrics)}",
        f"base: {proxy_line(choice.conditions.settings[0].proxy)}; {choice.conditions.side} px",
        f"losses: {', '.join(schedule.losses)}",
    ]
    legend = (
        f"failed: trainings of all losses that failed, of those trained; gap: {schedule.gap_loss} after "
        f"{schedule.early} steps against {schedule.steps}, in ln fd; noise: sd of the last ln fd between seeds, pooled "
        "over the losses; seconds: of a training, measuring included; score: (gap / noise)² a second; round: the last "
        "one in which it was trained"
    )
    return Group(
        Text("\n".join(head)),
        Text(),
        _table(kept),
        Text(legend, style="dim"),
        Text(),
        Text(reason(kept)),
        Text(),
        Text(str(kept.place or "not kept")),
    )


def choice_record(kept: KeptChoice) -> dict[str, Any]:
    """Say all that follows from a choice, as plain data."""
    choice, sifting = kept.choice, kept.choice.sifting
    return {
        "file": None if kept.place is None else str(kept.place),
        "images": choice.conditions.data,
        "data": kept.data,
        "setting": choice.chosen.name,
        "proxy": choice.chosen.proxy.model_dump(mode="json"),
        "size": choice.chosen.size,
        "reason": reason(kept),
        "metrics": list(choice.metrics),
        "losses": list(choice.conditions.schedule.losses),
        "steps": [choice.conditions.schedule.early, choice.conditions.schedule.steps],
        "settings": [
            {
                "setting": choice.conditions.settings[place].name,
                "proxy": choice.conditions.settings[place].proxy.model_dump(mode="json"),
                "size": choice.conditions.settings[place].size,
                "trained": merit.trained,
                "failed": merit.failed,
                "gap": _finite(merit.gap),
                "noise": _finite(merit.noise),
                "gap_over_noise": _finite(merit.ratio),
                "seconds": _finite(merit.seconds),
                "score": merit.score,
                "round": sifting.rounds(place),
            }
            for place, merit in sifting.merits.items()
        ],
    }


def reason(kept: KeptChoice) -> str:
    """Why the winner won, in one sentence."""
    choice, sifting = kept.choice, kept.choice.sifting
    merit = sifting.merits[choice.winner]
    share, failed = f"{choice.conditions.schedule.failed_most:.0%}", f"{merit.failed} of its {merit.trained} trainings"
    said = f'"{choice.chosen.name}" is chosen: {failed} failed (at most {share} may)'
    if merit.score <= 0:
        return f"{said}; no setting shows the gap, and this is the first of those that train."
    said += f", and its gap is {number(merit.ratio)} times the noise at {number(merit.seconds)} s a training"
    base = sifting.merits[0]
    if choice.winner == 0 or base.score <= 0:
        return f"{said}: the most a second of the settings that train."
    return f"{said}: {merit.score / base.score:.2g} times what base tells a second."


def _table(kept: KeptChoice) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("setting", no_wrap=True)
    for name in ("failed", "gap", "noise", "gap/noise", "seconds", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("round", no_wrap=True)
    choice, sifting = kept.choice, kept.choice.sifting
    for place, merit in sifting.merits.items():
        dropped = merit.fails_too_often(choice.conditions.schedule.failed_most)
        verdict = " dropped" if dropped else " chosen" if place == choice.winner else ""
        table.add_row(
            choice.conditions.settings[place].name,
            f"{merit.failed}/{merit.trained}",
            *_numbers(merit),
            f"{sifting.rounds(place)}{verdict}",
        )
    return table


def _numbers(merit: Merit) -> tuple[str, ...]:
    score = number(merit.score, 3) if math.isfinite(merit.noise) else "-"
    return number(merit.gap, 3), number(merit.noise, 3), number(merit.ratio, 2), number(merit.seconds), score


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
