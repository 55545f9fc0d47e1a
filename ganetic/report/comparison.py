"""A comparison: as a page, as files, and as plain data."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ganetic.files import write_whole
from ganetic.loss.library import LIBRARY
from ganetic.report.arms import arm_head, arm_notes, arm_records, arm_tables, ratio_rows
from ganetic.report.cells import decimal2, share
from ganetic.report.frames import rows_of, table_of
from ganetic.report.ratio_table import LOSS, ratio_table
from ganetic.report.renderers.csv import to_csv
from ganetic.report.renderers.json import Record, records, to_json
from ganetic.report.renderers.latex import latex
from ganetic.report.renderers.markdown import markdown
from ganetic.report.table import Column, Notes, Page, Paragraph, Table
from ganetic.stats import LEVEL, least_wilcoxon_p
from ganetic.studies.comparison import Comparison
from ganetic.studies.config import StudyConfig
from ganetic.studies.formatting import listed, number, rates_listed, ratio_number
from ganetic.studies.ratios import Ratio

_GEOMETRIC_MEAN = Column("geom.\nmean", ("geometric_mean",), number)

_RATES = (
    Column("learning\nrate", ("learning_rate",), "{:g}".format),
    Column("β₁", ("beta1",), "{:g}".format),
)

_TUNING = (
    LOSS,
    *_RATES,
    _GEOMETRIC_MEAN,
    Column("seeds", ("seeds",)),
    Column("failed", ("failed",)),
    Column("chosen", ("chosen",), lambda chosen: "chosen" if chosen else ""),
)


def comparison_page(comparison: Comparison) -> Page:
    """Say what a comparison found, and what came of the rates that were tried for its losses."""
    return _page(comparison, (*result_tables(comparison), *tuning_tables(comparison)))


def files_page(comparison: Comparison) -> Page:
    """Say what a comparison found; the rates that were tried have files of their own."""
    return _page(comparison, result_tables(comparison))


def comparison_record(comparison: Comparison) -> Record:
    """Say all that is known of a comparison, but for its traces, as plain data."""
    tuning = comparison.tuning()
    return {
        "directory": str(comparison.directory),
        "ended": comparison.ended,
        "total": comparison.total,
        "settings": comparison.settings.meta(),
        "made_with": comparison.made_with,
        "summary": records(table_of(comparison.summary())),
        "differences": records(table_of(comparison.differences())),
        "runs": records(table_of(comparison.runs())),
        **({} if tuning.empty else {"tuning": records(table_of(tuning))}),
        **arm_records(comparison),
    }


def rows_table(comparison: Comparison) -> Table:
    """Give a row a loss and proxy: the fields of its summary, and of the ratio of the pair in which it stands.

    That is first's fd over second's, which are fields too: in a confirmation the row's loss is the second. Where
    configurations are compared, a row stands in several pairs, and there are none of their fields.
    """
    if comparison.settings.has_arms:
        return table_of(comparison.summary())
    differences = comparison.differences()
    differences["loss"] = differences["second" if comparison.settings.kind == "confirmation" else "first"]
    keys = ["proxy", "loss"]
    if not comparison.settings.several_proxies:
        keys, differences = ["loss"], differences.drop(columns="proxy")
    return table_of(comparison.summary().merge(differences, on=keys, how="left").astype({"pairs": "Int64"}))


def write_tables(comparison: Comparison) -> list[Path]:
    """Write the files ``<kind>.json``, ``.csv``, ``.md`` and ``.tex`` into the directory of a comparison.

    Where rates were tried for its losses, ``tuning.csv`` and ``tuning.md`` say what came of each. Where configurations
    are compared, ``ratios.csv`` has their ratios, and ``measures.csv`` what each training ended with.

    Raises:
        UserError: the directory cannot be written.
    """
    kind, page = comparison.settings.kind, files_page(comparison)
    texts = {
        f"{kind}.json": to_json(comparison_record(comparison)) + "\n",
        f"{kind}.csv": to_csv(rows_table(comparison)),
        f"{kind}.md": markdown(page),
        f"{kind}.tex": latex(page),
    }
    if comparison.settings.has_arms:
        texts["ratios.csv"] = to_csv(ratio_rows(comparison))
        texts["measures.csv"] = to_csv(table_of(comparison.measures()))
    for table in tuning_tables(comparison):
        texts["tuning.csv"] = to_csv(table)
        texts["tuning.md"] = markdown(Page((table,)))
    for name, text in texts.items():
        write_whole(comparison.directory / name, text)
    return [comparison.directory / name for name in texts]


def _page(comparison: Comparison, tables: Sequence[Table]) -> Page:
    return Page((Paragraph(tuple(head_lines(comparison))), *tables, Notes(tuple(reading_notes(comparison)))))


def head_lines(comparison: Comparison) -> list[str]:
    """Say what was trained, how it was measured, and how far the comparison has come."""
    settings = comparison.settings
    if settings.has_arms:
        return arm_head(comparison)
    seeds = f"{len(settings.seeds)} seed{'' if len(settings.seeds) == 1 else 's'}"
    lines = [f"{len(settings.losses)} losses, {seeds}, {settings.steps} steps a training, on {settings.data}"]
    for measure in settings.measures:
        name = f"{measure.proxy}: " if settings.several_proxies else ""
        lines.append(
            f"{name}{measure.metric} of {measure.model}: untrained {number(measure.start_fd)}, "
            f"real against real {number(measure.floor_fd)}"
        )
    if not comparison.finished:
        lines.append(f"{comparison.ended} of {comparison.total} trainings have ended")
    return lines


def result_tables(comparison: Comparison) -> list[Table]:
    """The summary on each proxy, and below it the differences, if any."""
    summaries, said, settings = comparison.summaries(), comparison.ratios(), comparison.settings
    if settings.has_arms:
        return arm_tables(comparison)
    tables = []
    for proxy in settings.proxies:
        where = f" on {proxy.name}" if settings.several_proxies else ""
        rows = tuple(asdict(one) for one in summaries if one.proxy == proxy.name)
        title = f"fd over seeds{where}, a failed training counting as untrained"
        tables.append(Table(_summary_columns(settings.has_rates), rows, title, compact=True))
        if own := [ratio for ratio in said if ratio.proxy in ("", proxy.name)]:
            tables.append(ratio_table(own, where))
    return tables


def _summary_columns(has_rates: bool) -> tuple[Column, ...]:
    return (
        LOSS,
        *(_RATES if has_rates else ()),
        _GEOMETRIC_MEAN,
        Column("best", ("best",), number),
        Column("worst", ("worst",), number),
        Column("mean", ("mean",), number, spare=has_rates),  # beside rates, these two would not fit into 80 columns
        Column("sd", ("sd",), number, spare=has_rates),
        Column("worst/\nbest", ("worst_over_best",), number),
        Column("failed", ("failed", "trainings"), share),
        Column("insta-\nbility", ("instability",), decimal2),
        Column("secs", ("seconds",), number),
    )


def tuning_tables(comparison: Comparison) -> list[Table]:
    """What came of each of the rates that were tried for each loss, if any were."""
    title = "tuning: fd at each of the rates, a failed training counting as untrained"
    rows = rows_of(comparison.tuning())
    return [Table(_TUNING, rows, title, compact=True)] if rows else []


def reading_notes(comparison: Comparison) -> list[str]:
    """How to read the tables, and what they do not say."""
    notes = _about_rates(comparison.settings, comparison.tuning())
    for one in comparison.summaries():
        if one.ills:
            where = f" on {one.proxy}" if comparison.settings.several_proxies else ""
            notes.append(f"failed{where}: {one.loss} {one.ills.replace('_', ' ')}")
    if said := comparison.ratios():
        notes += _reading(said)
    if comparison.settings.has_arms:
        notes += arm_notes(comparison)
    formulas = comparison.formulas()
    notes += [f"{name}: {formula}" for name, formula in formulas.items() if name not in LIBRARY]
    return notes


def _about_rates(settings: StudyConfig, tuning: pd.DataFrame) -> list[str]:
    """How each loss came by its rates, and what the search for them left open."""
    if (tuned := settings.tuned) is None:
        return []
    given, rates = tuned.given, tuned.rates
    seeds = f"{tuned.seeds} seed{'' if tuned.seeds == 1 else 's'} of their own"
    notes = [f"rates: each loss at its own best of {len(rates.pairs)} ({rates_listed(rates)}), chosen on {seeds}"]
    if rates != given:
        notes.append(
            f"rates: the list began as {rates_listed(given)}; it was extended for all losses where one was best at an "
            "end of it"
        )
    ends = (rates.learning_rates[0], rates.learning_rates[-1]) if len(rates.learning_rates) > 1 else ()
    trainings = tuned.seeds * len(settings.proxies)
    ended = set(tuning["loss"])
    trained = set(tuning.loc[tuning["failed"] < trainings, "loss"])
    alike = [name for name in settings.names if name in ended - trained]
    if alike:
        notes.append(f"rates: at each of them all trainings of {listed(alike)} failed: the first stands for all")
    at_end = [
        f"{loss.name} ({loss.rates.learning_rate:g})"
        for loss in settings.losses
        if loss.rates is not None and loss.rates.learning_rate in ends and loss.name not in alike
    ]
    if at_end:
        notes.append(
            f"rates: still best at an end of the list: {listed(at_end)}; a learning rate beyond it may be better"
        )
    return notes


def _reading(said: Sequence[Ratio]) -> list[str]:
    pairs = max(ratio.pairs for ratio in said)
    failures = any(ratio.failed_pairs for ratio in said)
    test = "by the paired t test on ln fd at 5 %" + ", by Wilcoxon's where a training failed" * failures
    sides = ", and none where mean and ranks point to different sides" * failures
    notes = [
        f"verdict: {test}, adjusted for {len(said)} comparisons (Holm){sides}; intervals are not adjusted",
        "detects: a true ratio this far from 1 is found by one t test at 5 % in 80 % of such studies"
        + "; nothing is said of it where trainings failed" * failures,
        f"Wilcoxon: signed ranks, not adjusted; {pairs} pairs cannot go below p = {least_wilcoxon_p(pairs):.2g}",
    ]
    if split := [f"{ratio.first} and {ratio.second}" for ratio in said if _tests_disagree(ratio)]:
        notes.append(f"the t test and Wilcoxon's disagree, a few seeds decide, about {', '.join(split)}")
    for ratio in said:
        if ratio.failed_pairs:
            where = f" on {ratio.proxy}" if ratio.proxy else ""
            left = ratio.pairs - ratio.failed_pairs
            said_of = f"{ratio.first} over {ratio.second} is {ratio_number(ratio.trained)}"
            notes.append(f"without failures{where}: {said_of} in the other {left} of {ratio.pairs} pairs")
    return notes


def _tests_disagree(ratio: Ratio) -> bool:
    able = least_wilcoxon_p(ratio.pairs) < LEVEL
    return able and (ratio.t_p < LEVEL) != (ratio.wilcoxon_p < LEVEL)
