"""A comparison on a page: for terminals of 80 columns, as Markdown, LaTeX, CSV and JSON."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ganetic.files import write_whole
from ganetic.jobs.statistics import LEVEL, least_wilcoxon_p
from ganetic.loss.library import LIBRARY
from ganetic.studies.comparison import Comparison
from ganetic.studies.ratios import Ratio
from ganetic.studies.settings import Settings
from ganetic.studies.wording import interval, listed, number, p_value, rates_listed, ratio_number

Row = dict[str, Any]

_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "×": r"$\times$",
    "\n": " ",
}


@dataclass(frozen=True)
class _Column:
    """A column of a table: its heading (a line break where a terminal wants one) and what it shows of a row."""

    heading: str
    text: Callable[[Row], str]

    @property
    def title(self) -> str:
        """The heading in one line."""
        return self.heading.replace("-\n", "").replace("/\n", "/").replace("\n", " ")


_SUMMARY: tuple[_Column, ...] = (
    _Column("loss", lambda row: str(row["loss"])),
    _Column("geom.\nmean", lambda row: number(row["geometric_mean"])),
    _Column("best", lambda row: number(row["best"])),
    _Column("worst", lambda row: number(row["worst"])),
    _Column("mean", lambda row: number(row["mean"])),
    _Column("sd", lambda row: number(row["sd"])),
    _Column("worst/\nbest", lambda row: number(row["worst_over_best"])),
    _Column("failed", lambda row: f"{row['failed']}/{row['trainings']}"),
    _Column("insta-\nbility", lambda row: f"{row['instability']:.2f}" if math.isfinite(row["instability"]) else "-"),
    _Column("secs", lambda row: number(row["seconds"])),
)

_RATES: tuple[_Column, ...] = (
    _Column("learning\nrate", lambda row: f"{row['learning_rate']:g}"),
    _Column("β₁", lambda row: f"{row['beta1']:g}"),
)

_TUNING: tuple[_Column, ...] = (
    _SUMMARY[0],
    *_RATES,
    _Column("geom.\nmean", lambda row: number(row["geometric_mean"])),
    _Column("seeds", lambda row: str(row["seeds"])),
    _Column("failed", lambda row: str(row["failed"])),
    _Column("chosen", lambda row: "chosen" if row["chosen"] else ""),
)

_RATIOS: tuple[_Column, ...] = (
    _Column("ratio", lambda row: ratio_number(row["ratio"])),
    _Column("95 %\ninterval", lambda row: interval(row["low"], row["high"])),
    _Column("t test\np", lambda row: p_value(row["t_p"])),
    _Column("Wilcoxon\np", lambda row: p_value(row["wilcoxon_p"])),
    _Column("Holm\np", lambda row: p_value(row["holm_p"])),
    _Column("detects", lambda row: ratio_number(row["detectable"])),
    _Column("verdict", lambda row: str(row["verdict"])),
)

_NOT_ON_TERMINALS = ("t test p",)
"""Of a row that would not fit into 80 columns; Holm's is the same p, adjusted."""
_NOT_BESIDE_RATES = ("mean", "sd")
"""Of a row that would not fit into 80 columns with rates."""


@dataclass(frozen=True)
class _Sheet:
    """A table before it is laid out."""

    title: str
    columns: tuple[_Column, ...]
    rows: list[Row]

    @property
    def titles(self) -> list[str]:
        return [column.title for column in self.columns]

    def texts(self) -> list[list[str]]:
        """The cells, row by row."""
        return [[column.text(row) for column in self.columns] for row in self.rows]


def comparison_page(comparison: Comparison) -> RenderableType:
    """Lay a comparison out for a terminal of 80 columns or more."""
    parts: list[RenderableType] = [Text("\n".join(_head(comparison)))]
    left_out = (*_NOT_ON_TERMINALS, *(_NOT_BESIDE_RATES if comparison.settings.has_rates else ()))
    for sheet in (*_sheets(comparison), *_tuning_sheets(comparison)):
        shown = tuple(column for column in sheet.columns if column.title not in left_out)
        parts += [Text(), Text(sheet.title, style="bold"), _rich_table(_Sheet(sheet.title, shown, sheet.rows))]
    parts += [Text(), Text("\n".join(_notes(comparison)))]
    return Group(*parts)


def comparison_record(comparison: Comparison) -> dict[str, Any]:
    """Say all that is known of a comparison, but for its traces, as plain data."""
    tuning = comparison.tuning()
    return {
        "directory": str(comparison.directory),
        "ended": comparison.ended,
        "total": comparison.total,
        "settings": comparison.settings.meta(),
        "made_with": comparison.made_with,
        "summary": _plain(comparison.summary()),
        "differences": _plain(comparison.differences()),
        "runs": _plain(comparison.runs()),
        **({} if tuning.empty else {"tuning": _plain(tuning)}),
    }


def markdown(comparison: Comparison) -> str:
    """Write a comparison as a Markdown page."""
    parts = ["  \n".join(markdown_escaped(line) for line in _head(comparison))]
    parts += [_markdown_table(sheet) for sheet in _sheets(comparison)]
    parts.append("\n".join(f"- {markdown_escaped(note)}" for note in _notes(comparison)))
    return "\n\n".join(parts) + "\n"


def latex(comparison: Comparison) -> str:
    """Write the tables of a comparison in LaTeX, to be included in a document that loads the package booktabs."""
    parts = ["\n".join(f"% {line}" for line in (*_head(comparison), *_notes(comparison)))]
    for sheet in _sheets(comparison):
        rows = [" & ".join(latex_escaped(text) for text in row) + r" \\" for row in (sheet.titles, *sheet.texts())]
        parts.append(
            "\n".join(
                [
                    rf"\begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}",
                    rf"\multicolumn{{{len(sheet.columns)}}}{{l}}{{{latex_escaped(sheet.title)}}} \\",
                    r"\toprule",
                    rows[0],
                    r"\midrule",
                    *rows[1:],
                    r"\bottomrule",
                    r"\end{tabular}",
                ]
            )
        )
    return "\n\n".join(parts) + "\n"


def csv(comparison: Comparison) -> str:
    """Write a row a loss and proxy: the fields of its summary, and of the ratio of the pair in which it stands.

    That is first's fd over second's, which are columns too: in a confirmation the row's loss is the second.
    """
    differences = comparison.differences()
    differences["loss"] = differences["second" if comparison.settings.kind == "confirmation" else "first"]
    keys = ["proxy", "loss"]
    if not comparison.settings.several_proxies:
        keys, differences = ["loss"], differences.drop(columns="proxy")
    table = comparison.summary().merge(differences, on=keys, how="left").astype({"pairs": "Int64"})
    return table.to_csv(index=False, lineterminator="\n")


def write_tables(comparison: Comparison) -> list[Path]:
    """Write the files ``<kind>.json``, ``.csv``, ``.md`` and ``.tex`` into the directory of a comparison.

    Where rates were tried for its losses, ``tuning.csv`` and ``tuning.md`` say what came of each.

    Raises:
        UserError: the directory cannot be written.
    """
    kind = comparison.settings.kind
    data = json.dumps(comparison_record(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    texts = {
        f"{kind}.json": data,
        f"{kind}.csv": csv(comparison),
        f"{kind}.md": markdown(comparison),
        f"{kind}.tex": latex(comparison),
    }
    for sheet in _tuning_sheets(comparison):
        texts["tuning.csv"] = comparison.tuning().to_csv(index=False, lineterminator="\n")
        texts["tuning.md"] = _markdown_table(sheet) + "\n"
    for name, text in texts.items():
        write_whole(comparison.directory / name, text)
    return [comparison.directory / name for name in texts]


def latex_escaped(text: str) -> str:
    """Write text so that LaTeX prints it as it stands."""
    return "".join(_LATEX.get(mark, mark) for mark in text)


def _head(comparison: Comparison) -> list[str]:
    settings = comparison.settings
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


def _sheets(comparison: Comparison) -> list[_Sheet]:
    """Of each proxy the summary, and below it the differences, if any."""
    summaries, said = comparison.summaries(), comparison.ratios()
    sheets = []
    for proxy in comparison.settings.proxies:
        where = f" on {proxy.name}" if comparison.settings.several_proxies else ""
        rows = [asdict(one) for one in summaries if one.proxy == proxy.name]
        columns = (*_SUMMARY[:1], *(_RATES if comparison.settings.has_rates else ()), *_SUMMARY[1:])
        sheets.append(_Sheet(f"fd over seeds{where}, a failed training counting as untrained", columns, rows))
        if own := [ratio for ratio in said if ratio.proxy in ("", proxy.name)]:
            sheets.append(_ratio_sheet(own, where))
    return sheets


def _tuning_sheets(comparison: Comparison) -> list[_Sheet]:
    """What came of each of the rates that were tried for each loss, if any were."""
    rows = comparison.tuning().to_dict("records")
    title = "tuning: fd at each of the rates, a failed training counting as untrained"
    return [_Sheet(title, _TUNING, [{str(key): value for key, value in row.items()} for row in rows])] if rows else []


def _ratio_sheet(said: Sequence[Ratio], where: str) -> _Sheet:
    rows = [asdict(ratio) for ratio in said]
    if len({ratio.second for ratio in said}) == 1:
        title, column = f"fd over that of {said[0].second}, seed by seed{where}", "first"
    else:
        title, column = f"fd of {said[0].first} over that of each, seed by seed{where}", "second"
    return _Sheet(title, (_Column("loss", lambda row: str(row[column])), *_RATIOS), rows)


def _notes(comparison: Comparison) -> list[str]:
    """How to read the tables, and what they do not say."""
    notes = _about_rates(comparison.settings, comparison.tuning())
    for one in comparison.summaries():
        if one.ills:
            where = f" on {one.proxy}" if comparison.settings.several_proxies else ""
            notes.append(f"failed{where}: {one.loss} {one.ills.replace('_', ' ')}")
    if said := comparison.ratios():
        notes += _reading(said)
    formulas = comparison.formulas()
    notes += [f"{name}: {formula}" for name, formula in formulas.items() if name not in LIBRARY]
    return notes


def _about_rates(settings: Settings, tuning: pd.DataFrame) -> list[str]:
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


def _markdown_table(sheet: _Sheet) -> str:
    rule = ["---", *["---:"] * (len(sheet.columns) - 1)]
    cells = [[markdown_escaped(text) for text in row] for row in sheet.texts()]
    rows = [f"| {' | '.join(row)} |" for row in (sheet.titles, rule, *cells)]
    return "\n".join([f"**{markdown_escaped(sheet.title)}**", "", *rows])


def _rich_table(sheet: _Sheet) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for place, column in enumerate(sheet.columns):
        if place == 0:
            table.add_column(column.heading, no_wrap=True, overflow="ellipsis", max_width=18)
        else:
            left = column.title == "verdict"
            table.add_column(column.heading, justify="left" if left else "right", no_wrap=not left)
    for row in sheet.texts():
        table.add_row(*map(Text, row))
    return table


def _plain(table: pd.DataFrame) -> list[Row]:
    """Plain rows; what is missing or not finite becomes None."""
    rows: list[Row] = json.loads(table.to_json(orient="records", double_precision=15))
    return rows


def markdown_escaped(text: str) -> str:
    """Return Markdown that shows a text as it is."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]<>#|~" else mark for mark in text)
