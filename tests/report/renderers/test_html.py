"""Another form is one file more: HTML, written here, needs nothing of a page but what the page itself says."""

from html import escape
from html.parser import HTMLParser

from ganetic.report.table import Block, Column, Entries, Notes, Page, Paragraph, Table
from tests.report.sample import PAGE, TABLE


def html(page: Page) -> str:
    return "\n".join(map(block_html, page.blocks))


def block_html(block: Block) -> str:
    match block:
        case Paragraph(lines):
            return f"<p>{'<br>'.join(map(escape, lines))}</p>"
        case Notes(lines):
            return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
        case Entries(entries):
            said = [(escape(one.name), escape(one.text), escape(one.detail)) for one in entries]
            return f"<dl>{''.join(f'<dt>{n}</dt><dd>{t}<br><small>{d}</small></dd>' for n, t, d in said)}</dl>"
        case Table():
            rows = [[cell("th", column, column.title) for column in block.columns]]
            rows += [[cell("td", column, column.text(row)) for column in block.columns] for row in block.records]
            body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
            below = "".join(f"<p>{escape(text)}</p>" for text in (block.legend, *block.notes) if text)
            return f"<table><caption>{escape(block.title)}</caption>{body}</table>{below}"


def cell(tag: str, column: Column, text: str) -> str:
    return f'<{tag} style="text-align: {column.align}">{escape(text)}</{tag}>'


class Read(HTMLParser):
    """Collects the texts of each tag, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))


def test_a_page_becomes_html_by_twenty_lines_that_know_no_page() -> None:
    read = Read()
    read.feed(html(PAGE))
    assert not read.open
    found = {tag: [text for own, text in read.texts if own == tag] for tag in ("p", "li", "caption", "th", "td", "dt")}
    assert found == {
        "p": ["2 losses, 3 seeds", "on digits_5", "fd: lower is better", "100 % of the seeds"],
        "li": ["verdict: by the t test", "detects: 80 % of such studies"],
        "caption": ["fd of a_b & c"],
        "th": ["loss", "geom. mean", "95 % interval", "instability", "formula"],
        "td": [text for row in TABLE.texts() for text in row],
        "dt": ["mode_collapse", "bce"],
    }
