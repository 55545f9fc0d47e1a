"""The finals of a run: fresh seeds, references beside the finalists."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from ganetic.evolution.results import Run
from ganetic.evolution.space import Genes
from ganetic.loss.card import LossCard
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.report.cells import decimal, decimal2, share
from ganetic.report.frames import rows_of
from ganetic.report.table import Column, Row, Table
from ganetic.studies.formatting import measured
from ganetic.studies.ratios import Pair, Ratio, default_reference, ratios

FORMULA = Column("formula", ("readable",), align="left", fit="cut", quiet="reference")


def finals_table(finals: pd.DataFrame, values: pd.DataFrame, notes: tuple[str, ...] = ()) -> Table:
    """Lay out the finals, the lowest fd first.

    Args:
        finals: as `ganetic.evolution.results.Run.finals` gives them.
        values: as its `final_values` does.
        notes: what is to be said below it.
    """
    names = finals[finals["reference"].astype(bool)]["contestant"].tolist()
    reference = default_reference(names) if names else None
    found = {ratio.first: ratio for ratio in final_ratios(values, reference)} if reference else {}
    against = (
        (Column(f"/ {reference} (95 %)", ("contestant", "ratio", "low", "high"), partial(_ratio, reference)),)
        if reference
        else ()
    )
    rows = with_labels(finals.sort_values("fd", na_position="last"))
    return Table(
        title="Finals on fresh seeds",
        columns=(
            Column("loss", ("label",)),
            *rates_columns(finals),
            Column("fd", ("fd",), decimal),
            *against,
            Column("instability", ("instability",), decimal2),
            Column("failed", ("failed", "trainings"), share),
            FORMULA,
        ),
        rows=tuple({**row, **_against(row, reference, found)} for row in rows) if reference else rows,
        notes=notes,
    )


def with_labels(frame: pd.DataFrame) -> tuple[Row, ...]:
    """Give the rows of a table of losses, each with the label by which people know it: its name or its number."""
    return tuple({**row, "label": row["name"] or f"#{row['individual']}"} for row in rows_of(frame))


def rates_columns(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Give the column of the rates with which losses are trained, where they have some of their own."""
    show = Column("rate, β₁", ("learning_rate", "beta1"), lambda rate, beta1: f"{rate:g}, {beta1:g}")
    return (show,) if "learning_rate" in frame else ()


def tuned_line(tuning: pd.DataFrame, genes: Genes) -> str:
    """Say how the rates of the contestants of the finals were chosen."""
    rates, beta1s = (sorted(tuning[name].unique()) for name in ("learning_rate", "beta1"))
    named = (
        f"learning rate {', '.join(f'{rate:g}' for rate in rates)}; β₁ {', '.join(f'{beta1:g}' for beta1 in beta1s)}"
    )
    seeds = f"{genes.tuning_seeds} seed{'' if genes.tuning_seeds == 1 else 's'}"
    return f"Each at its best rates of {named}, chosen on {seeds} of their own."


def final_ratios(values: pd.DataFrame, reference: str) -> list[Ratio]:
    """Every contestant of the finals against one of them, seed by seed; over several proxies by the mean of ln fd.

    A seed on which a training failed on any proxy is one that failed.

    Args:
        values: columns ``contestant``, ``seed``, ``failed``, ``fd``; a row for each proxy.
        reference: a contestant.
    """
    trainings = values.assign(log=np.log(values["fd"])).groupby(["seed", "contestant"])
    seeds = trainings.agg(log=("log", "mean"), failed=("failed", "any"), proxies=("log", "size"))
    whole = seeds[seeds["proxies"] == seeds["proxies"].max()]  # a seed counts once it has ended on every proxy
    table, failed = np.exp(whole["log"]).unstack("contestant"), whole["failed"].unstack("contestant")
    pairs = [Pair(name, reference) for name in table.columns if name != reference]
    return ratios({"": table}, pairs, {"": failed})


def verdict(run: Run, card: LossCard) -> str:
    """Say in a sentence or two how a loss did in the finals, beside the best reference where there are any."""
    return verdict_of(run, card.provenance.individual, card.formula)


def verdict_of(run: Run, individual: int | None, formula: Formula) -> str:
    """Say the same of a loss that has no card.

    Args:
        run: the run.
        individual: its number.
        formula: the loss.
    """
    finals = run.finals()
    mine = finals[finals["individual"] == individual].to_dict("records")
    references = finals[finals["reference"].astype(bool)].sort_values("fd").to_dict("records")
    if not mine:
        return f"The pick is #{individual}; it was in no finals."
    ours = mine[0]
    at = f" at learning rate {ours['learning_rate']:g}, β₁ {ours['beta1']:g}" if "learning_rate" in ours else ""
    pick = (
        f"The pick is #{ours['individual']}{at}: fd {decimal(ours['fd'])}, instability {decimal2(ours['instability'])}"
    )
    if not references:
        return f"{pick}.{_resemblance(formula)}"
    best = references[0]
    found = {ratio.first: ratio for ratio in final_ratios(run.final_values(), best["contestant"])}
    paired = found.get(ours["contestant"])
    return (
        f"{pick}; the best published loss, {best['name']}: fd {decimal(best['fd'])}, "
        f"instability {decimal2(best['instability'])}.{_paired(paired)}{_resemblance(formula)}"
    )


def _paired(ratio: Ratio | None) -> str:
    # What was chosen for its numbers looks better in them than it is.
    return f" Seed by seed: {measured(ratio)}; the seeds that chose it flatter it." if ratio else ""


def _resemblance(formula: Formula) -> str:
    name = published_name(formula)
    return f" Its gradients are those of {name}: the search found it again." if name else ""


def _against(row: Row, reference: str, found: Mapping[str, Ratio]) -> Row:
    """Give the ratio to the reference with its interval, as fields; NaN where there is none."""
    if row["contestant"] == reference:
        return {"ratio": 1.0, "low": math.nan, "high": math.nan}
    ratio = found.get(row["contestant"])
    ends = (ratio.ratio, ratio.low, ratio.high) if ratio else (math.nan,) * 3
    return dict(zip(("ratio", "low", "high"), ends, strict=True))


def _ratio(reference: str, contestant: str, ratio: float, low: float, high: float) -> str:
    if contestant == reference:
        return "1"
    return decimal2(ratio) + (f" ({decimal2(low)}-{decimal2(high)})" if math.isfinite(low) else "")
