"""What losses on the same seeds say: ratios as a forest plot, seeds, curves, claims and tables."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.plots.style import shorten
from ganetic.report.comparison import reading_notes, result_tables, tuning_tables
from ganetic.report.renderers.html import filled
from ganetic.report.table import Notes
from ganetic.report.web.chapter import Section
from ganetic.report.web.forest import SeedsRow, draw_forest, draw_seeds
from ganetic.report.web.lines import MOST, Line, draw_lines, legend
from ganetic.report.web.mathml import formula_mathml
from ganetic.studies.claims import claims
from ganetic.studies.comparison import Comparison, LossSummary, arm_label
from ganetic.studies.formatting import claim
from ganetic.studies.ratios import Ratio
from ganetic.training.result import TrialState

_NAME = 40
"""Characters of a name in what a drawing is said to show."""


def ratios_section(comparison: Comparison) -> Section:
    """Show each ratio with its interval, and say what it means."""
    said = comparison.ratios()
    content = filled(
        "ratios.html",
        forests=[_forest(comparison, proxy, said) for proxy in dict.fromkeys(ratio.proxy for ratio in said)],
        claims=[f"{ratio.first}: {claim(ratio)}" for ratio in said],
        count=len(said),
    )
    return Section("ratios", "Ratios, seed by seed", content)


def confirmation_section(confirmations: Sequence[Comparison], command: str) -> Section:
    """Say what the seeds say that chose nothing; without any, how they are asked.

    Args:
        confirmations: of losses of a run.
        command: confirms its pick.
    """
    shown = [
        {
            "claims": claims(one) if one.finished else [],
            "ended": one.ended,
            "total": one.total,
            "forests": [_forest(one, proxy, one.ratios()) for proxy in dict.fromkeys(r.proxy for r in one.ratios())],
            "tables": [*result_tables(one), Notes(tuple(reading_notes(one)))],
        }
        for one in confirmations
    ]
    content = filled("confirmation.html", confirmations=shown, command=command)
    return Section("confirmation", "Confirmation, on seeds that chose nothing", content)


def seeds_section(comparison: Comparison) -> Section:
    """Show each loss on each of its seeds, and all tables."""
    runs, settings = comparison.runs(), comparison.settings
    drawings = [
        (
            f"{measure.metric} of {measure.model}" + (f" on {measure.proxy}" if settings.several_proxies else ""),
            draw_seeds(_seeds_rows(comparison, runs, measure.proxy), "fd of each loss on each seed", measure.metric),
        )
        for measure in settings.measures
    ]
    if settings.has_arms:  # they are measured alike, so that one drawing has room for all
        metric = settings.measures[0].metric
        rows = [row for setup in settings.proxies for row in _seeds_rows(comparison, runs, setup.name)]
        rows.sort(key=lambda row: row.mean)
        drawings = [(metric, draw_seeds(rows, "fd of each configuration on each seed", metric))]
    content = filled(
        "seeds.html",
        drawings=drawings,
        tables=[*result_tables(comparison), *tuning_tables(comparison), Notes(tuple(reading_notes(comparison)))],
    )
    return Section("seeds", "Every training", content)


def curves_section(comparison: Comparison) -> Section | None:
    """Show how fd fell while the best losses trained; None where nothing was measured."""
    traces, drawings = comparison.traces(), []
    for measure in comparison.settings.measures:
        losses = [one.loss for one in comparison.summaries() if one.proxy == measure.proxy]
        lines = [line for loss in losses[:MOST] if (line := _line(traces, measure.proxy, loss)) is not None]
        if lines:
            up = f"{measure.metric}, geometric mean of the trainings that did not fail"
            drawing = draw_lines(lines, "steps", up, "how fd fell while the losses trained", log=True)
            drawings.append((drawing, legend([shorten(line.label, _NAME) for line in lines])))
    if not drawings:
        return None
    more = len(comparison.settings.names) - MOST
    return Section("curves", "While they trained", filled("curves.html", drawings=drawings, more=max(more, 0)))


def tables_section(comparison: Comparison) -> Section:
    """Show the tables of results alone."""
    content = filled("seeds.html", drawings=[], tables=result_tables(comparison))
    return Section("seeds", "In numbers", content)


def formulas_section(comparison: Comparison, published: bool = True) -> Section | None:
    """Show the formula of each loss; None where there is none to show.

    Args:
        comparison: of them.
        published: whether to show those of published losses, too.
    """
    losses = [
        {
            "name": loss.name,
            "short": shorten(loss.name, _NAME),
            "published": loss.name in LIBRARY,
            "formula": formula_mathml(Formula.from_text(loss.text)),
            "readable": Formula.from_text(loss.text).readable,
        }
        for loss in comparison.settings.losses
        if published or loss.name not in LIBRARY
    ]
    if not losses:
        return None
    return Section("formulas", "The losses", filled("formulas.html", losses=losses))


def _forest(comparison: Comparison, proxy: str, said: Sequence[Ratio]) -> Markup:
    """The ratios on a proxy: of each loss over one, or of one loss over each."""
    own = [ratio for ratio in said if ratio.proxy == proxy]
    where = f" on {proxy}" if proxy else ""
    if len({ratio.second for ratio in own}) == 1 and comparison.settings.kind != "confirmation":
        names, across = [ratio.first for ratio in own], f"fd over that of {shorten(own[0].second, _NAME)}{where}"
    else:
        names, across = (
            [ratio.second for ratio in own],
            f"fd of {shorten(own[0].first, _NAME)} over that of each{where}",
        )
    return draw_forest(own, names, f"{across}, with 95 % intervals", across)


def _seeds_rows(comparison: Comparison, runs: pd.DataFrame, proxy: str) -> list[SeedsRow]:
    rows = []
    for one in comparison.summaries():
        if one.proxy != proxy:
            continue
        own = runs[(runs["proxy"] == proxy) & (runs["loss"] == one.loss) & runs["counted_fd"].notna()]
        failed = own["state"] != TrialState.COMPLETED
        rows.append(
            SeedsRow(
                _named(comparison, one),
                one.geometric_mean,
                tuple(own["counted_fd"]),
                tuple(failed),
                one.loss in LIBRARY,
            )
        )
    return rows


def _named(comparison: Comparison, one: LossSummary) -> str:
    return arm_label(one.proxy, one.loss, comparison.settings) if comparison.settings.has_arms else one.loss


def _line(traces: pd.DataFrame, proxy: str, loss: str) -> Line | None:
    own = traces[(traces["proxy"] == proxy) & (traces["loss"] == loss) & ~traces["failed"].astype(bool)]
    own = own[own["fd"] > 0]
    logs = pd.DataFrame({"step": own["step"].astype(float), "log": np.log(own["fd"].to_numpy(dtype=np.float64))})
    means = logs.groupby("step", as_index=False).mean()
    points = [(step, math.exp(mean)) for step, mean in zip(means["step"], means["log"], strict=True)]
    return Line(loss, points) if points else None
