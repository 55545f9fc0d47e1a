"""The score of a loss: as a page for people, as plain data for programs."""

from ganetic.report.cells import decimal, decimal2
from ganetic.report.frames import rows_of, table_of
from ganetic.report.renderers.json import Record, finite, records
from ganetic.report.table import Column, Page, Table
from ganetic.studies.score import Score


def score_record(score: Score) -> Record:
    """Say all that a score knows."""
    return {
        "name": score.name,
        "readable": score.readable,
        "metric": score.metric,
        "floor_fd": score.floor_fd,
        "steps": score.steps,
        "fd": finite(score.fitness.fd),
        "fd_low": finite(score.fd_low),
        "fd_high": finite(score.fd_high),
        "instability": finite(score.fitness.instability),
        "failed": score.fitness.failed,
        "seeds": records(table_of(score.seeds)),
    }


def score_page(score: Score) -> Page:
    """Say what each seed came to, and what they say together beside the floor."""
    fitness = score.fitness
    interval = f", 95 % interval {decimal(score.fd_low)}-{decimal(score.fd_high)}" if len(score.seeds) > 1 else ""
    table = Table(
        title=f"{score.name}: {score.readable}",
        columns=(
            Column("seed", ("seed",)),
            Column("fd", ("fd",), decimal),
            Column("seconds", ("seconds",), decimal),
            Column("state", ("state", "reason"), _state, align="left", fit="wrap"),
        ),
        rows=rows_of(score.seeds),
        notes=(
            f"{score.metric}: {decimal(fitness.fd)}{interval} (real against real: {decimal(score.floor_fd)})",
            f"instability {decimal2(fitness.instability)}; {fitness.failed} of {len(score.seeds)} seeds failed; "
            f"{score.steps} steps each",
        ),
    )
    return Page((table,))


def _state(state: str, reason: str | None) -> str:
    return (f"{state}: {reason}" if reason else state).replace("_", " ")
