"""The section of a search's front: the drawing, what is said of each loss that can be selected in it, and the table."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image, UnidentifiedImageError

from ganetic.evolution.results import Run
from ganetic.plots.courses import budget
from ganetic.plots.style import shorten
from ganetic.report.cells import decimal, decimal2
from ganetic.report.renderers.html import block_html, filled
from ganetic.report.run import front_table
from ganetic.report.table import Paragraph, Table
from ganetic.report.web.chapter import Section
from ganetic.report.web.curves import draw_curves
from ganetic.report.web.front import Cloud, area_of, cloud_of, draw_front, line_points
from ganetic.report.web.losses import ShownLoss
from ganetic.report.web.mathml import formula_mathml

SAMPLES = "samples.png"
"""What `ganetic plot --kind samples` writes into a run's directory."""
_FEW_POINTS = 200
_FEW_ROWS = 8
"""Points and rows of a summary: those of the front with the lowest fd."""
_MOST_BYTES = 600_000
"""A larger picture would make the page slow."""


@dataclass(frozen=True)
class Picture:
    """A picture of a run's directory.

    Attributes:
        title: what it says that it shows; empty for nothing.
        source: the picture itself, as ``data:``.
    """

    title: str
    source: str


def front_section(run: Run, scores: pd.DataFrame, losses: Sequence[ShownLoss], pick: ShownLoss | None) -> Section:
    """Draw the front, and say of each loss that can be selected what it is, how good it is and where it came from.

    Args:
        run: the run.
        scores: of its individuals.
        losses: that can be selected.
        pick: the one that the run picks, if any.
    """
    front, picture = run.front(), samples_of(run.directory)
    table = front_table(front)
    cloud = cloud_of(scores, [int(loss.search["individual"]) for loss in losses if loss.search])
    area = area_of(cloud, losses)
    label = f"Front of {len(front)} losses: fd across, instability up; the table below has the numbers"
    content = filled(
        "front.html",
        drawing=draw_front(cloud, losses, run.config.metric, pick.anchor if pick else "", label),
        caption=_caption(run, front, cloud),
        losses=[_said(loss, line_points(area, loss), pick, picture) for loss in losses],
        table=block_html(linked(table, losses) if isinstance(table, Table) else table),
        picture=picture if picture and not any(_shows(picture, loss) for loss in losses) else None,
        summed_up=False,
    )
    return Section("front", "The front", content)


def front_summary(run: Run, scores: pd.DataFrame, losses: Sequence[ShownLoss], pick: ShownLoss | None) -> Section:
    """Draw the front with fewer points, and say of the pick alone what it is; for a page of many runs.

    Args:
        run: the run.
        scores: of its individuals.
        losses: that `front_section` shows one by one.
        pick: the one that the run picks, if any.
    """
    front, shown = run.front(), [pick] if pick else []
    cloud = cloud_of(scores, [int(loss.search["individual"]) for loss in losses if loss.search], _FEW_POINTS)
    label = f"Front of {len(front)} losses: fd across, instability up"
    table, anchor = front_table(front.head(_FEW_ROWS)), pick.anchor if pick else ""
    content = filled(
        "front.html",
        drawing=draw_front(cloud, losses, run.config.metric, anchor, label, frozenset({anchor})),
        caption=_caption(run, front, cloud),
        losses=[_said(loss, "", pick, None) for loss in shown],
        table=block_html(linked(table, shown) if isinstance(table, Table) else table),
        picture=None,
        summed_up=True,
    )
    return Section("front", "The front", content)


def linked(table: Table | Paragraph, losses: Sequence[ShownLoss]) -> Table | Paragraph:
    """Make the first column of a table of losses lead to what is said of each; what is no table stays as it is."""
    if isinstance(table, Paragraph):
        return table
    anchors = {loss.contestant: loss.anchor for loss in losses}
    rows = tuple({**row, "anchor": anchors.get(_contestant(row))} for row in table.rows)
    return replace(table, columns=(replace(table.columns[0], link="anchor"), *table.columns[1:]), rows=rows)


def samples_of(directory: Path) -> Picture | None:
    """Read the picture of samples of a run, if it has one that is not too large."""
    path = directory / SAMPLES
    try:
        content = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
        with Image.open(path, formats=("PNG",)) as picture:
            title = str(picture.info.get("Title", ""))
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    return Picture(title, f"data:image/png;base64,{base64.b64encode(content).decode()}") if content else None


def _contestant(row: Mapping[str, Any]) -> str:
    return str(row["contestant"]) if "contestant" in row else f"individual {row['individual']}"


def _caption(run: Run, front: pd.DataFrame, cloud: Cloud) -> str:
    """Say what the points are, and which are left out."""
    rungs = run.config.space.rungs
    top = rungs[int(front["rung"].max())] if len(front) else rungs[0]
    said = (
        f"Each point is a loss of the search, at the highest rung that it reached; the front is at "
        f"{budget(top.steps, top.seeds)}. Real images against real ones have {run.config.floor_fd:.1f}."
    )
    if cloud.drawn < cloud.total:
        said += (
            f" {cloud.drawn:,} of {cloud.total:,} losses that are neither on the front nor in the finals are drawn, "
            "evenly chosen in the order in which they were bred."
        )
    return said


def _said(loss: ShownLoss, line: str, pick: ShownLoss | None, picture: Picture | None) -> dict[str, object]:
    """What the template shows of a loss."""
    return {
        "anchor": loss.anchor,
        "label": loss.label,
        "short": shorten(loss.label, 60),
        "role": _role(loss, pick),
        "formula": formula_mathml(loss.formula),
        "readable": loss.formula.readable,
        "facts": _facts(loss),
        "curves": draw_curves(loss.formula, shorten(loss.label, 40)),
        "ancestors": loss.line,
        "line": line,
        "picture": picture if picture and _shows(picture, loss) else None,
    }


def _role(loss: ShownLoss, pick: ShownLoss | None) -> str:
    roles = [
        *(["the pick"] if pick is not None and loss.anchor == pick.anchor else []),
        *(["on the front"] if loss.on_front else []),
        *(["published"] if loss.published else []),
        *(["in the finals"] if loss.final else []),
    ]
    return ", ".join(roles)


def _facts(loss: ShownLoss) -> list[tuple[str, str]]:
    """Numbers under their names."""
    facts = []
    if loss.search is not None and loss.place is not None:
        fd, instability = loss.place
        facts.append(("search", f"fd {decimal(fd)}, instability {decimal2(instability)}, {loss.search['seeds']} seeds"))
    if loss.final is not None:
        row = loss.final
        ends = f"{decimal(row['fd_low'])} to {decimal(row['fd_high'])} over {row['seeds']} seeds"
        failed = f", {row['failed']} failed" if row["failed"] else ""
        facts.append(
            ("finals", f"fd {decimal(row['fd'])} ({ends}), instability {decimal2(row['instability'])}{failed}")
        )
    row = loss.final or loss.search or {}
    if "learning_rate" in row:
        facts.append(("trained at", f"learning rate {row['learning_rate']:g}, β₁ {row['beta1']:g}"))
    return facts


def _shows(picture: Picture, loss: ShownLoss) -> bool:
    """Whether the title of a picture, as in ``#12 after 800 steps``, names a loss by its number."""
    return loss.search is not None and picture.title.split(" ")[0] == f"#{loss.search['individual']}"
