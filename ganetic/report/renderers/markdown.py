"""Pages in Markdown, as GitHub reads it."""

from ganetic.report.table import Block, Entries, Entry, Notes, Page, Paragraph, Table

_MARKS = "\\`*_{}[]<>#|~"
_RULES = {"left": "---", "right": "---:"}


def markdown(page: Page) -> str:
    """Write a page."""
    return "\n\n".join(block_markdown(block) for block in page.blocks) + "\n"


def block_markdown(block: Block) -> str:
    """Write a block of a page, without the line break at its end."""
    match block:
        case Paragraph():
            return "  \n".join(map(escaped, block.lines))
        case Notes():
            return _listed(block.lines)
        case Entries():
            return "\n".join(map(_entry, block.entries))
        case Table():
            return _table(block)


def escaped(text: str) -> str:
    """Write text so that Markdown shows it as it stands, in one line."""
    return "".join(f"\\{mark}" if mark in _MARKS else mark for mark in text.replace("\n", " "))


def _table(table: Table) -> str:
    parts = [f"**{escaped(table.title)}**"] if table.title else []
    rule = [_RULES[column.align] for column in table.columns]
    titles, *rows = [[escaped(text) for text in row] for row in (table.titles, *table.texts())]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in (titles, rule, *rows)))
    parts += [escaped(table.legend)] if table.legend else []
    parts += [_listed(table.notes)] if table.notes else []
    return "\n\n".join(parts)


def _listed(lines: tuple[str, ...]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _entry(entry: Entry) -> str:
    said = "  \n  ".join(escaped(part) for part in (entry.text, entry.detail) if part)
    return f"- **{escaped(entry.name)}**: {said}"
