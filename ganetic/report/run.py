"""A run: where it stands, its front and its finals, as a page for people and as plain data for programs."""

import pandas as pd

from ganetic.evolution.results import EXHAUSTED, Run
from ganetic.report.cells import decimal, decimal2
from ganetic.report.finals import FORMULA, finals_table, rates_columns, tuned_line, with_labels
from ganetic.report.frames import table_of
from ganetic.report.progress.search import counts_line
from ganetic.report.renderers.json import Record, records
from ganetic.report.table import Block, Column, Page, Paragraph, Table

_SHOWN = 12
"""Rows of a front on a terminal."""


def run_record(run: Run) -> Record:
    """Say all that `ganetic show` knows about a run."""
    return {
        "run": str(run.directory),
        "status": run.status,
        "space": run.config.space.name,
        "random": run.config.space.evolution.random,
        "data": run.config.data,
        "seed": run.config.seed,
        "metric": run.config.metric,
        "floor_fd": run.config.floor_fd,
        "states": dict(run.states()),
        "under_way": run.under_way,
        "timing_affected": run.timing_affected,
        "rejections": dict(run.rejections()),
        "front": records(table_of(run.front())),
        **({"tuning": records(table_of(run.tuning()))} if run.config.space.genes else {}),
        "finals": records(table_of(run.finals())),
    }


def run_page(run: Run) -> Page:
    """Say where a run stands, with its front and its finals."""
    blocks: list[Block] = [Paragraph(tuple(_head(run))), front_table(run.front())]
    finals = run.finals()
    if len(finals):
        genes = run.config.space.genes
        notes = (tuned_line(run.tuning(), genes),) if genes else ()
        blocks.append(finals_table(finals, run.final_values(), notes))
    return Page(tuple(blocks))


def front_table(front: pd.DataFrame) -> Table | Paragraph:
    """Lay out a front, the lowest fd first."""
    if not len(front):
        return Paragraph(("Front: empty so far; no loss has been trained to the end",))
    return Table(
        title=f"Front: {len(front)} {'loss' if len(front) == 1 else 'losses'}",
        columns=(
            Column("loss", ("label",)),
            *rates_columns(front),
            Column("fd", ("fd",), decimal),
            Column("instability", ("instability",), decimal2),
            Column("nodes", ("nodes",)),
            FORMULA,
        ),
        rows=with_labels(front),
        shown=_SHOWN,
    )


def _head(run: Run) -> list[str]:
    states, rejections, config = run.states(), run.rejections(), run.config
    kind = " (random search)" if config.space.evolution.random else ""
    head = [
        f"{run.directory}: {config.space.name}{kind} on {config.data}, seed {config.seed}: {run.status}",
        f"{config.metric} (real against real: {config.floor_fd:.1f})",
        f"trials: {counts_line(states) or 'none ended yet'}, {run.under_way} under way",
    ]
    if run.stop_reason == EXHAUSTED:
        head.append("stopped early: nothing that was drawn last was new and passed the screen")
    if rejections:
        head.append(f"not trained: {counts_line(rejections)}")
    if late := run.timing_affected:
        head.append(f"{len(late)} over the wall time twice, first #{late[0]}: from there on the clock has a say")
    return head
