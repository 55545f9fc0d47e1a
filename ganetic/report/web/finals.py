"""The section of a search's finals: each seed, the ratios to a reference with their intervals, and the table."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from ganetic.evolution.results import Run
from ganetic.report.finals import final_ratios, finals_table, tuned_line
from ganetic.report.renderers.html import block_html, filled
from ganetic.report.web.chapter import Section
from ganetic.report.web.forest import SeedsRow, draw_forest, draw_seeds
from ganetic.report.web.found import linked
from ganetic.report.web.losses import ShownLoss
from ganetic.studies.ratios import Ratio, default_reference


def finals_section(run: Run, finals: pd.DataFrame, losses: Sequence[ShownLoss], said: str) -> Section:
    """Show how finalists and references did on the seeds of the finals.

    Args:
        run: the run.
        finals: its finals, with one contestant or more.
        losses: that can be selected.
        said: what the finals say of the pick.
    """
    values, genes = run.final_values(), run.config.space.genes
    labels = {str(row["contestant"]): row["name"] or f"#{row['individual']}" for row in finals.to_dict("records")}
    notes = (tuned_line(run.tuning(), genes),) if genes else ()
    reference, found = _ratios(finals, values)
    content = filled(
        "finals.html",
        said=said,
        seeds=draw_seeds(_rows(finals, values, labels), "fd of each contestant on each seed", run.config.metric),
        forest=_forest(found, labels, reference),
        reference=reference,
        table=block_html(linked(finals_table(finals, values, notes), losses)),
    )
    return Section("finals", "The finals, on fresh seeds", content)


def _ratios(finals: pd.DataFrame, values: pd.DataFrame) -> tuple[str, list[Ratio]]:
    names = finals[finals["reference"].astype(bool)]["contestant"].tolist()
    reference = default_reference(names) if names else ""
    return reference, final_ratios(values, reference) if reference else []


def _forest(found: Sequence[Ratio], labels: Mapping[str, str], reference: str) -> Markup | None:
    if not found:
        return None
    names = [labels.get(ratio.first, ratio.first) for ratio in found]
    return draw_forest(found, names, f"fd of each contestant over that of {reference}", f"fd over that of {reference}")


def _rows(finals: pd.DataFrame, values: pd.DataFrame, labels: Mapping[str, str]) -> list[SeedsRow]:
    return [_row(row, values, labels[str(row["contestant"])]) for row in finals.to_dict("records")]


def _row(row: Mapping[Any, Any], values: pd.DataFrame, label: str) -> SeedsRow:
    own = values[values["contestant"] == row["contestant"]]
    return SeedsRow(label, float(row["fd"]), tuple(own["fd"]), tuple(own["failed"]), bool(row["reference"]))
