"""A run as notebooks show it: a few lines of HTML, in which every text is escaped."""

from html import escape

import pandas as pd

from ganetic.evolution.config import RunConfig

_SHOWN = 10
"""Rows of the table."""
_WIDEST = 80
"""Characters of a formula."""


def run_html(name: str, status: str, config: RunConfig, front: pd.DataFrame, finals: pd.DataFrame) -> str:
    """Say where a run stands, and show the best of its finals, or of its front before there are any.

    Args:
        name: of its directory.
        status: of the run.
        config: of the run.
        front: as `Run.front` gives it.
        finals: as `Run.finals` does.
    """
    kind = "random search" if config.space.evolution.random else "search"
    head = f"{kind} in {config.space.name} on {config.data}, seed {config.seed}: {status}; {config.metric}"
    table = finals if len(finals) else front
    title = "Finals on fresh seeds" if len(finals) else f"Front: {len(front)} losses"
    more = f"<p>… and {len(table) - _SHOWN} more</p>" if len(table) > _SHOWN else ""
    said = f"<p><b><bdi>{escape(name)}</bdi></b>: <bdi>{escape(head)}</bdi></p><p>{title}</p>"
    return f"<div>{said}{_table(table)}{more}</div>" if len(table) else f"<div>{said}</div>"


def _table(frame: pd.DataFrame) -> str:
    """The first rows: label, fd, instability and formula; pandas escapes them."""
    first = frame.head(_SHOWN)
    names = [name or f"#{number}" for name, number in zip(first["name"], first["individual"], strict=True)]
    shown = pd.DataFrame(
        {
            "loss": names,
            "fd": first["fd"].map("{:.1f}".format),
            "instability": first["instability"].map("{:.2f}".format),
            "formula": [text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…" for text in first["readable"]],
        }
    )
    with pd.option_context("display.max_colwidth", None):
        html: str = shown.to_html(index=False, escape=True, border=0)
    return html
