"""Tables and pages as data: what is to be read, and in which order, before a renderer lays it out.

A row holds values under names, all that is known of it. Columns say what people read of a row. So one table is laid out
for a terminal, in Markdown or in LaTeX by its columns, and written as CSV or JSON by the fields of its rows:

    Table(
        title="Losses",
        columns=(Column("loss", ("name",), align="left"), Column("95 %", ("low", "high"), interval)),
        rows=({"name": "bce", "low": 0.8, "high": 1.1},),
    )

`ganetic.report.renderers` has a file for each form. Another form is another file there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Row = Mapping[str, Any]
"""Values under the names of their fields: texts, numbers, booleans, or None. NaN is a number that is not known."""

Align = Literal["left", "right"]

Fit = Literal["whole", "cut", "wrap"]
"""What becomes of a text that is too wide: it is shown whole all the same, it ends in an ellipsis, or it is wrapped."""


def plain(value: object) -> str:
    """Write a value as Python does, and None as nothing."""
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, as people read it.

    Attributes:
        heading: what stands above it; with a line break where a narrow page wants one.
        keys: the fields of a row that it shows.
        show: writes the values of these fields, which it is given in this order.
        align: the side at which its texts stand.
        fit: what becomes of texts that are too wide.
        widest: characters of a text that is cut; None for all that the page has left.
        spare: whether a terminal leaves it out; files have it.
        quiet: a field; where it is true, the text is printed less loudly. Empty for none.
        link: a field that names a place in the same file, to which the text leads where files have such places. Empty
            for none.
    """

    heading: str
    keys: tuple[str, ...]
    show: Callable[..., str] = plain
    align: Align = "right"
    fit: Fit = "whole"
    widest: int | None = None
    spare: bool = False
    quiet: str = ""
    link: str = ""

    @property
    def title(self) -> str:
        """The heading in one line."""
        return self.heading.replace("-\n", "").replace("/\n", "/").replace("\n", " ")

    def text(self, row: Row) -> str:
        """Write what it shows of a row: nothing where the row has none of its fields."""
        if not any(key in row for key in self.keys):
            return ""
        return self.show(*(row[key] for key in self.keys))


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: what people read of a row.
        rows: all that programs read. A row without fields sets those above it apart from those below it.
        title: what stands above it; empty for nothing.
        legend: what the columns mean; empty where that is plain.
        notes: what is to be said right below it, a line each.
        shown: rows of a long table that a terminal shows; None for all.
        compact: whether it needs narrow gaps to fit into 80 columns.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str = ""
    legend: str = ""
    notes: tuple[str, ...] = ()
    shown: int | None = None
    compact: bool = False

    @property
    def records(self) -> tuple[Row, ...]:
        """The rows that have fields."""
        return tuple(row for row in self.rows if row)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields of its rows; those that its columns show where it has no rows."""
        named = [key for row in self.records for key in row] or [key for column in self.columns for key in column.keys]
        return tuple(dict.fromkeys(named))

    @property
    def titles(self) -> list[str]:
        """The headings, each in one line."""
        return [column.title for column in self.columns]

    def texts(self) -> list[list[str]]:
        """Write the cells of its records, row by row."""
        return [[column.text(row) for column in self.columns] for row in self.records]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of text that are kept apart."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notes:
    """A list of remarks, a line each: how to read what stands above them."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something by its name, and what is said of it.

    Attributes:
        name: what it is called.
        text: what is said of it; may have several lines.
        detail: more for those who want it, such as its source; may have several lines.
        alarming: whether it wants attention.
    """

    name: str
    text: str
    detail: str = ""
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Entries:
    """A list of things by their names."""

    entries: tuple[Entry, ...]


Block = Paragraph | Notes | Entries | Table


@dataclass(frozen=True, slots=True)
class Page:
    """Blocks in the order in which they are read."""

    blocks: tuple[Block, ...]
