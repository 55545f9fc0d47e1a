"""Chapters as one HTML file: no request to anywhere, and no script but its own."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import ganetic
from ganetic.errors import UserError, typed
from ganetic.files import write_whole
from ganetic.report.renderers.html import filled
from ganetic.report.table import Column, Table
from ganetic.report.web.chapter import KINDS, Chapter, Section, kind_of

MOST_IN_FULL = 8
"""Runs of a page that says all of each; of more it says less of each, so that it opens quickly."""

_BEGINNING = b"<!DOCTYPE html>"
NAME = "report.html"
"""What a report is called where nobody names it."""

_STYLES, _SCRIPTS = ("page.css", "pictures.css"), ("page.js", "samples.js")
_LIVE = "watch.js"
"""The script of a page that is served, beside the others."""

_NO_TEXT = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(55296, 57344)), "�")
"""Control characters and halves of characters, which no HTML file may hold."""


@dataclass(frozen=True)
class Report:
    """What a page says of all runs.

    Attributes:
        title: of the page.
        chapters: one a run.
        together: what compares them, on top.
    """

    title: str
    chapters: tuple[Chapter, ...]
    together: tuple[Section, ...] = ()


def write_report(runs: Sequence[Path | str], path: Path | str | None = None) -> Path:
    """Write a page about runs of any kind: one HTML file, which needs no other and no network.

    Args:
        runs: their directories, one or more.
        path: the file; by default ``report.html``, in the directory of the run if there is one alone.

    Returns:
        Where it was written.

    Raises:
        UserError: a directory holds no run or a damaged one, or the place cannot be written.
    """
    directories = [Path(run) for run in runs]
    if not directories:
        raise UserError("no run is named; expected the directory of one or more")
    if path is not None:
        refuse_bad_place(Path(path))
    report = report_of(directories)
    place = Path(path) if path is not None else (directories[0] if len(directories) == 1 else Path()) / NAME
    write_whole(place, page_html(report))
    return place


def refuse_bad_place(path: Path) -> None:
    """Refuse a place where no page can be written, before anything is read for it.

    Raises:
        UserError: its folder does not exist, it is a folder itself, or a file that is no page.
    """
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file in it, such as {path / NAME}")
    if path.exists() and not _is_page(path):
        raise UserError(f"{path}: is there already, and is no page; it stays as it is, name another file")


def _is_page(path: Path) -> bool:
    """Whether a file begins as those do that are written here; anything else may be a part of a run."""
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


def report_of(directories: Sequence[Path]) -> Report:
    """Read runs, and make the chapters of a page of them.

    Raises:
        UserError: a directory holds no run or a damaged one.
    """
    kinds = [kind_of(directory) for directory in directories]
    opened = [KINDS[kind]().open(directory) for kind, directory in zip(kinds, directories, strict=True)]
    many = len(directories) > MOST_IN_FULL
    chapters = tuple(
        _summed_up(kind, one, f"r{number}", directory) if many else KINDS[kind]().chapter(one, f"r{number}")
        for number, (kind, one, directory) in enumerate(zip(kinds, opened, directories, strict=True), start=1)
    )
    title = chapters[0].title if len(chapters) == 1 else f"{len(chapters)} runs"
    return Report(title, chapters, tuple(_together(kinds, opened)) if len(chapters) > 1 else ())


def _summed_up(kind: str, opened: object, anchor: str, directory: Path) -> Chapter:
    """The shorter chapter of a run, which says where the whole one is."""
    chapter = KINDS[kind]().summary(opened, anchor)
    more = filled("summary.html", command=typed("ganetic", "report", directory))
    return replace(chapter, lead=chapter.lead + more)


def page_html(report: Report, live: str | None = None) -> str:
    """Write the whole file.

    Args:
        report: what it says.
        live: the version of a page that is served, and follows its run; None for a file.
    """
    style, script = _asset(*_STYLES), _asset(*_SCRIPTS, *([_LIVE] if live else []))
    page = filled(
        "page.html",
        report=report,
        comparing=_comparing(report.chapters) if len(report.chapters) > 1 else None,
        record={chapter.anchor: chapter.record for chapter in report.chapters},
        style=style,
        script=script,
        policy=_policy(style, script, live is not None),
        live=live,
        version=ganetic.__version__,
    )
    return page.translate(_NO_TEXT)


def _together(kinds: Sequence[str], opened: Sequence[object]) -> list[Section]:
    """What each kind has to say of several of it."""
    sections: list[Section] = []
    for kind in dict.fromkeys(kinds):
        own = [one for name, one in zip(kinds, opened, strict=True) if name == kind]
        sections += KINDS[kind]().together(own) if len(own) > 1 else ()
    return sections


def _comparing(chapters: Sequence[Chapter]) -> Table:
    """A row a chapter, a column a fact that any of them has."""
    names = dict.fromkeys(name for chapter in chapters for name in chapter.facts)
    first, *others = (Column(name, (name,), align="left", fit="wrap") for name in names)
    rows = ({**{name: one.facts.get(name, "") for name in names}, "anchor": one.anchor} for one in chapters)
    return Table((replace(first, link="anchor"), *others), tuple(rows), "The runs beside one another")


def _asset(*names: str) -> str:
    folder = files("ganetic.report").joinpath("templates")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def policy_of_served() -> str:
    """Say what a page that is served may do, see `page_html`."""
    return _policy(_asset(*_STYLES), _asset(*_SCRIPTS, _LIVE), live=True)


def _policy(style: str, script: str, live: bool) -> str:
    """What the page may do: use this style and this script, show pictures that it holds, and nothing else.

    One that is served may ask its server, too.
    """
    connect = "connect-src 'self'; " if live else ""
    return connect + (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
