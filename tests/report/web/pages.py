"""Pages as a reader's browser takes them in: parsed by the rules of HTML, which a strict parser does not forgive."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib

from ganetic.report.web.page import page_html, report_of

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "runs" / "reference"
_ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_LOADING = ("src", "href", "srcset", "action", "data", "poster", "formaction", "background", "xlink:href")


def page_of(*directories: Path) -> str:
    return page_html(report_of(directories))


def parsed(page: str) -> Element:
    """Parse a page; anything that the rules of HTML forbid is an error."""
    tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return tree


def name_of(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def elements(tree: Element, name: str, class_: str = "") -> Iterator[Element]:
    return (
        one
        for one in tree.iter()
        if isinstance(one.tag, str) and name_of(one) == name and class_ in [*(one.get("class") or "").split(" "), ""]
    )


def text_of(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def check(page: str) -> Element:
    """Check what holds of every page; returns it parsed."""
    tree = parsed(page)
    ids = Counter(one.get("id") for one in tree.iter() if one.get("id"))
    assert [name for name, count in ids.items() if count > 1] == [], "ids are unique"
    for one in tree.iter():
        if not isinstance(one.tag, str):
            continue
        check_element(one, set(ids))
    return tree


def check_element(one: Element, ids: set[str | None]) -> None:
    for key, value in one.attrib.items():
        assert not key.lower().startswith("on"), f"{key} would be run"
        assert key != "style", "the policy forbids inline styles"
        if key in _LOADING:
            assert value.startswith("data:image/") or not _ADDRESS.match(value), f"{key}={value[:80]} leads elsewhere"
        if key == "href" and value.startswith("#"):
            assert value[1:] in ids, f"{value} leads nowhere"
        if key in ("aria-labelledby", "aria-describedby"):
            assert value in ids
    role, name = one.get("role"), name_of(one)
    if role in ("img", "region", "group") or name in ("section", "nav", "article"):
        assert one.get("aria-label") or one.get("aria-labelledby"), f"<{name}> has no name"
    if name == "img":
        assert one.get("alt")
    if name == "svg":
        assert role or one.get("aria-hidden") or one.get("x"), "a drawing is a picture, or hidden, or part of one"
    if name == "th":
        assert one.get("scope")
