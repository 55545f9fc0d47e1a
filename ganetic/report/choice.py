"""A choice of a proxy: as a page for people, as plain data for programs."""

import math

from ganetic.evolution.choice_store import KeptChoice
from ganetic.evolution.halving import Merit
from ganetic.report.calibration import proxy_line
from ganetic.report.cells import decimal, decimal2, decimal3, share
from ganetic.report.renderers.json import Record, finite
from ganetic.report.table import Column, Page, Paragraph, Row, Table


def choice_page(kept: KeptChoice) -> Page:
    """Say what was chosen, and why."""
    choice, schedule = kept.choice, kept.choice.conditions.schedule
    head = (
        f"{choice.conditions.data}: {', '.join(choice.metrics)}",
        f"base: {proxy_line(choice.conditions.settings[0].proxy)}; {choice.conditions.side} px",
        f"losses: {', '.join(schedule.losses)}",
    )
    return Page(
        (Paragraph(head), _settings(kept), Paragraph((reason(kept),)), Paragraph((str(kept.place or "not kept"),)))
    )


def choice_record(kept: KeptChoice) -> Record:
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
                "gap": finite(merit.gap),
                "noise": finite(merit.noise),
                "gap_over_noise": finite(merit.ratio),
                "seconds": finite(merit.seconds),
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
    said += f", and its gap is {decimal(merit.ratio)} times the noise at {decimal(merit.seconds)} s a training"
    base = sifting.merits[0]
    if choice.winner == 0 or base.score <= 0:
        return f"{said}: the most a second of the settings that train."
    return f"{said}: {merit.score / base.score:.2g} times what base tells a second."


_SETTINGS = (
    Column("setting", ("setting",), align="left"),
    Column("failed", ("failed", "trained"), share),
    Column("gap", ("gap",), decimal3),
    Column("noise", ("noise",), decimal3),
    Column("gap/noise", ("gap_over_noise",), decimal2),
    Column("seconds", ("seconds",), decimal),
    Column("score", ("score", "noise"), lambda score, noise: decimal3(score) if math.isfinite(noise) else "-"),
    Column("round", ("round", "verdict"), lambda last, verdict: f"{last} {verdict}".rstrip(), align="left"),
)


def _settings(kept: KeptChoice) -> Table:
    choice, schedule = kept.choice, kept.choice.conditions.schedule
    legend = (
        f"failed: trainings of all losses that failed, of those trained; gap: {schedule.gap_loss} after "
        f"{schedule.early} steps against {schedule.steps}, in ln fd; noise: sd of the last ln fd between seeds, pooled "
        "over the losses; seconds: of a training, measuring included; score: (gap / noise)² a second; round: the last "
        "one in which it was trained"
    )
    rows = tuple(_setting(kept, place, merit) for place, merit in choice.sifting.merits.items())
    return Table(_SETTINGS, rows, legend=legend)


def _setting(kept: KeptChoice, place: int, merit: Merit) -> Row:
    choice = kept.choice
    dropped = merit.fails_too_often(choice.conditions.schedule.failed_most)
    return {
        "setting": choice.conditions.settings[place].name,
        "failed": merit.failed,
        "trained": merit.trained,
        "gap": merit.gap,
        "noise": merit.noise,
        "gap_over_noise": merit.ratio,
        "seconds": merit.seconds,
        "score": merit.score,
        "round": choice.sifting.rounds(place),
        "verdict": "dropped" if dropped else "chosen" if place == choice.winner else "",
    }
