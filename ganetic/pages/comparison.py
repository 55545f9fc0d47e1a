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
from ganetic.studies.wording import interval, number, p_value, ratio_number

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

_RATIOS: tuple[_Column, ...] = (
    _Column("ratio", lambda row: ratio_number(row["ratio"])),
    _Column("95 %\ninterval", lambda row: interval(row["low"], row["high"])),
    _Column("t test\np", lambda row: p_value(row["t_p"])),
    _Column("Wilcoxon\np", lambda row: p_value(row["wilcoxon_p"])),
    _Column("Holm\np", lambda row: p_value(row["holm_p"])),
    _Column("detects", lambda row: ratio_number(row["detectable"])),
    _Column("verdict", lambda row: str(row["verdict"])),
)

_NOT_ON_TERMINALS = "t test p"
"""Of a row that would not fit into 80 columns; Holm's is the same p, adjusted."""


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
    for sheet in _sheets(comparison):
        shown = tuple(column for column in sheet.columns if column.title != _NOT_ON_TERMINALS)
        parts += [Text(), Text(sheet.title, style="bold"), _rich_table(_Sheet(sheet.title, shown, sheet.rows))]
    parts += [Text(), Text("\n".join(_notes(comparison)))]
    return Group(*parts)


def comparison_record(comparison: Comparison) -> dict[str, Any]:
    """Say all that is known of a comparison, but for its traces, as plain data."""
    return {
        "directory": str(comparison.directory),
        "ended": comparison.ended,
        "total": comparison.total,
        "settings": comparison.settings.meta(),
        "made_with": comparison.made_with,
        "summary": _plain(comparison.summary()),
        "differences": _plain(comparison.differences()),
        "runs": _plain(comparison.runs()),
    }


def markdown(comparison: Comparison) -> str:
    """Write a comparison as a Markdown page."""
    parts = ["  \n".join(_markdown_escaped(line) for line in _head(comparison))]
    for sheet in _sheets(comparison):
        rule = ["---", *["---:"] * (len(sheet.columns) - 1)]
        cells = [[_markdown_escaped(text) for text in row] for row in sheet.texts()]
        rows = [f"| {' | '.join(row)} |" for row in (sheet.titles, rule, *cells)]
        parts.append("\n".join([f"**{_markdown_escaped(sheet.title)}**", "", *rows]))
    parts.append("\n".join(f"- {_markdown_escaped(note)}" for note in _notes(comparison)))
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

    Raises:
        UserError: the directory cannot be written.
    """
    stem = comparison.directory / comparison.settings.kind
    data = json.dumps(comparison_record(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    texts = {".json": data, ".csv": csv(comparison), ".md": markdown(comparison), ".tex": latex(comparison)}
    for suffix, text in texts.items():
        write_whole(stem.with_suffix(suffix), text)
    return [stem.with_suffix(suffix) for suffix in texts]


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
        sheets.append(_Sheet(f"fd over seeds{where}, a failed training counting as untrained", _SUMMARY, rows))
        if own := [ratio for ratio in said if ratio.proxy in ("", proxy.name)]:
            sheets.append(_ratio_sheet(own, where))
    return sheets


def _ratio_sheet(said: Sequence[Ratio], where: str) -> _Sheet:
    rows = [asdict(ratio) for ratio in said]
    if len({ratio.second for ratio in said}) == 1:
        title, column = f"fd over that of {said[0].second}, seed by seed{where}", "first"
    else:
        title, column = f"fd of {said[0].first} over that of each, seed by seed{where}", "second"
    return _Sheet(title, (_Column("loss", lambda row: str(row[column])), *_RATIOS), rows)


def _notes(comparison: Comparison) -> list[str]:
    """How to read the tables, and what they do not say."""
    notes = []
    for one in comparison.summaries():
        if one.ills:
            where = f" on {one.proxy}" if comparison.settings.several_proxies else ""
            notes.append(f"failed{where}: {one.loss} {one.ills.replace('_', ' ')}")
    if said := comparison.ratios():
        notes += _reading(said)
    formulas = comparison.formulas()
    notes += [f"{name}: {formula}" for name, formula in formulas.items() if name not in LIBRARY]
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


def _markdown_escaped(text: str) -> str:
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]<>#|~" else mark for mark in text)
