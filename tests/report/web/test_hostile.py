from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganetic.report.renderers.html import html
from ganetic.report.table import Column, Entries, Entry, Notes, Page, Paragraph, Table
from ganetic.report.web.chapter import Chapter, Section
from ganetic.report.web.forest import SeedsRow, draw_seeds
from ganetic.report.web.lines import Line, draw_lines, legend
from ganetic.report.web.page import Report, page_html
from tests.report.web.hostile import ALL_MARKUP, TEXTS, hostile_comparison, hostile_search
from tests.report.web.pages import check, elements, page_of, text_of

ANY = st.one_of(
    st.text(min_size=1, max_size=60), st.sampled_from(TEXTS), st.tuples(st.sampled_from(TEXTS), st.text()).map("".join)
)


def page_with(text: str) -> str:
    """A page with a text in each place that takes one."""
    table = Table((Column("a", ("text",), fit="cut"), Column(text, ("text",), link="text")), ({"text": text},), text)
    blocks = Page((Paragraph((text,)), Notes((text,)), Entries((Entry(text, text, text, True),)), table))
    drawings = draw_seeds([SeedsRow(text, 1.0, (1.0, 2.0), (False, True), False)], f"of {text}", text)
    lines = draw_lines([Line(text, [(0, 1), (1, 2)])], text, text, f"of {text}") + legend([text])
    sections = (Section("one", text, html(Page(blocks.blocks[:3])) + drawings + lines),)
    chapter = Chapter("r1", "search", text, html(Page((blocks.blocks[0],))), sections, {text: text}, {text: [text]})
    return page_html(Report(text, (chapter,)))


@settings(max_examples=40, deadline=None)
@given(ANY)
def test_no_text_breaks_a_page_or_adds_to_it(text: str) -> None:
    tree, plain = check(page_with(text)), check(page_with("plain"))
    # Several lines of a text are lines on the page, too.
    tags, expected = ([str(one.tag) for one in page.iter() if one.tag != "br"] for page in (tree, plain))
    assert tags == expected


@pytest.mark.parametrize("text", [ALL_MARKUP, TEXTS[5], TEXTS[7]], ids=["markup", "directions", "long"])
def test_a_hostile_comparison_is_shown_as_it_stands(text: str, tmp_path: Path) -> None:
    tree = check(page_of(hostile_comparison(tmp_path, text)))
    assert len([*elements(tree, "script")]) == 2
    assert len([*elements(tree, "img")]) == 0
    assert text in text_of(tree)


@pytest.mark.parametrize("text", [ALL_MARKUP, TEXTS[5], TEXTS[7]], ids=["markup", "directions", "long"])
def test_a_hostile_search_is_shown_as_it_stands(text: str, tmp_path: Path) -> None:
    tree = check(page_of(hostile_search(tmp_path, text)))
    assert len([*elements(tree, "script")]) == 2
    assert text in text_of(tree)
