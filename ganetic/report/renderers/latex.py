"""The tables of a page in LaTeX, to be included in a document that loads the package booktabs."""

from ganetic.report.table import Block, Entries, Notes, Page, Paragraph, Table

_MARKS = {
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


def latex(page: Page) -> str:
    """Write the tables of a page, below what else the page says, which stands in comments."""
    comments = [line for block in page.blocks for text in _said(block) for line in text.splitlines()]
    tables = [latex_table(block) for block in page.blocks if isinstance(block, Table)]
    return "\n\n".join(["\n".join(f"% {line}" for line in comments), *tables]) + "\n"


def latex_table(table: Table) -> str:
    """Write a table, without the line break at its end."""
    titles, *rows = [" & ".join(map(escaped, row)) + r" \\" for row in (table.titles, *table.texts())]
    sides = "".join(column.align[0] for column in table.columns)
    title = rf"\multicolumn{{{len(table.columns)}}}{{l}}{{{escaped(table.title)}}} \\"
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{sides}}}",
            *([title] if table.title else []),
            r"\toprule",
            titles,
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def escaped(text: str) -> str:
    """Write text so that LaTeX prints it as it stands."""
    return "".join(_MARKS.get(mark, mark) for mark in text)


def _said(block: Block) -> tuple[str, ...]:
    """Give what a block says, but for the cells of tables."""
    match block:
        case Paragraph() | Notes():
            return block.lines
        case Entries():
            return tuple(f"{entry.name}: {entry.text}\n{entry.detail}" for entry in block.entries)
        case Table():
            return (block.legend, *block.notes)
