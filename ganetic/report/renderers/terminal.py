"""Pages on terminals, by Rich."""

from itertools import chain

from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from ganetic.report.table import Block, Column, Entries, Entry, Notes, Page, Paragraph, Row, Table

_HEAD, _QUIET, _ALARM = "bold", "dim", "bold red"


def print_page(console: Console, page: Page) -> None:
    """Print a page."""
    print_text(console, laid_out(page))


def print_text(console: Console, part: RenderableType) -> None:
    """Print without markup, so that no formula or path is taken for style."""
    console.print(part, markup=False, highlight=False)


def laid_out(page: Page) -> Group:
    """Lay a page out for a terminal of 80 columns or more, with an empty line between its blocks."""
    parts = chain.from_iterable((Text(), block_laid_out(block)) for block in page.blocks)
    return Group(*list(parts)[1:])


def block_laid_out(block: Block) -> RenderableType:
    """Lay a block of a page out."""
    match block:
        case Paragraph() | Notes():
            return Text("\n".join(block.lines))
        case Entries():
            return _entries(block)
        case Table():
            return _table(block)


def _entries(block: Entries) -> Grid:
    grid = Grid(box=None, show_header=False, pad_edge=False, expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for place, entry in enumerate(block.entries):
        if place:
            grid.add_row()
        grid.add_row(Text(entry.name, style=_ALARM if entry.alarming else _HEAD), _said(entry))
    return grid


def _table(table: Table) -> Group:
    parts: list[RenderableType] = [Text(table.title, style=_HEAD)] if table.title else []
    parts.append(_grid(table))
    if table.shown is not None and len(table.rows) > table.shown:
        parts.append(Text(f"… and {len(table.rows) - table.shown} more; --json lists all"))
    if table.legend:
        parts.append(Text(table.legend, style=_QUIET))
    parts += [Text(note) for note in table.notes]
    return Group(*parts)


def _said(entry: Entry) -> Text:
    text = Text(entry.text)
    return text.append(f"\n{entry.detail}", style=_QUIET) if entry.detail else text


def _grid(table: Table) -> Grid:
    columns = [column for column in table.columns if not column.spare]
    grid = Grid(
        box=None,
        padding=(0, 1 if table.compact else 2, 0, 0),
        pad_edge=False,
        expand=any(_takes_the_rest(column) for column in columns),
        header_style=_QUIET,
    )
    for column in columns:
        _add_column(grid, column)
    for row in table.rows[: table.shown]:
        grid.add_row(*(_cell(column, row) for column in columns))
    return grid


def _add_column(grid: Grid, column: Column) -> None:
    grid.add_column(
        Text(column.heading),
        justify="left" if column.fit == "wrap" else column.align,  # wrapped lines are read from the left
        no_wrap=column.fit != "wrap",
        overflow="ellipsis",
        max_width=column.widest,
        ratio=1 if _takes_the_rest(column) else None,
    )


def _takes_the_rest(column: Column) -> bool:
    return column.fit == "cut" and column.widest is None


def _cell(column: Column, row: Row) -> Text:
    return Text(column.text(row), style=_QUIET if column.quiet and row.get(column.quiet) else "")
