from html.parser import HTMLParser

from ganetic.report.renderers.html import block_html, html
from ganetic.report.table import Column, Table
from tests.report.sample import PAGE, TABLE


class Read(HTMLParser):
    """Collects the texts of each tag, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "bdi"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "bdi":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.append((self.open[-1], data.strip()))


def texts_of(page: str) -> dict[str, list[str]]:
    read = Read()
    read.feed(page)
    assert not read.open
    tags = ("p", "li", "caption", "th", "td", "dt", "a")
    return {tag: [text for own, text in read.texts if own == tag] for tag in tags}


def test_a_page_in_html() -> None:
    assert texts_of(html(PAGE)) == {
        "p": ["2 losses, 3 seeds", "on digits_5", "fd: lower is better"],
        "li": ["100 % of the seeds", "verdict: by the t test", "detects: 80 % of such studies"],
        "caption": ["fd of a_b & c"],
        "th": ["loss", "geom. mean", "95 % interval", "instability", "formula"],
        "td": [text.strip() for row in TABLE.texts() for text in row],
        "dt": ["mode_collapse", "bce"],
        "a": [],
    }


def test_a_column_leads_to_a_place_where_its_row_names_one() -> None:
    table = Table((Column("loss", ("name",), link="to"),), ({"name": "bce", "to": "r1"}, {"name": "hinge", "to": None}))
    found = texts_of(block_html(table))
    assert (found["a"], found["td"]) == (["bce"], ["hinge"])
    assert 'href="#r1"' in block_html(table)
