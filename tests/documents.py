"""The documentation's pages as data: their links, anchors and code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_FRONT = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md", ROOT / "runs" / "README.md"]
USER_PAGES = sorted([*_FRONT, *DOCS.rglob("*.md")])
"""Pages whose code is checked."""
LINKED_PAGES = sorted(
    [*USER_PAGES, ROOT / "CHANGELOG.md", *(ROOT / "runs" / "reference").glob("*.md"), *(ROOT / "analysis").glob("*.md")]
)
"""Pages whose links are checked."""
RUN = "<!-- run -->"
"""Stands before a block of Python that runs as it stands, in seconds, in an empty folder."""


@dataclass(frozen=True)
class Block:
    """A block of code; the language of an indented one is empty."""

    language: str
    text: str
    runs: bool


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> Iterator[Block]:
    marked = False
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            yield Block(token.info.split(" ")[0], token.content, marked)
        marked = token.type == "html_block" and token.content.strip() == RUN


def _inline(page: Path) -> Iterator[Token]:
    for token in tokens(page):
        yield from token.children or []


def code_spans(page: Path) -> Iterator[str]:
    return (token.content for token in _inline(page) if token.type == "code_inline")


def links(page: Path) -> Iterator[str]:
    """Targets of links and pictures that are not addresses."""
    for token in _inline(page):
        target = token.attrGet("href") if token.type == "link_open" else token.attrGet("src")
        if target is not None and "://" not in str(target):
            yield str(target)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    found: list[str] = []
    for before, token in zip(tokens(page), tokens(page)[1:], strict=False):
        if before.type == "heading_open":
            text = "".join(child.content for child in token.children or [])
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def commands(page: Path) -> Iterator[str]:
    """Lines that a shell would run: those of shell blocks and of indented blocks, and code within a line."""
    for block in blocks(page):
        if block.language in ("sh", "bash", ""):
            yield from block.text.replace("\\\n", " ").splitlines()
    yield from code_spans(page)


def ganetic_commands(page: Path) -> Iterator[str]:
    """What is typed behind ``ganetic``, without a comment."""
    for line in commands(page):
        match = re.match(r"(?:[A-Z_]+=\S+ |time |\.venv/bin/|python -m )*ganetic ([a-z].*)", line.strip())
        if match is not None:
            yield match[1].split("  #")[0]
