"""What a page consists of: a chapter for each run, of sections with a heading each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from markupsafe import Markup

from ganetic.errors import UserError
from ganetic.registry import Registry
from ganetic.report.table import Row

OpenedT = TypeVar("OpenedT")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a chapter under a heading.

    Attributes:
        name: a short word, by which it is linked to within its chapter.
        title: the heading.
        content: what stands below it.
    """

    name: str
    title: str
    content: Markup


@dataclass(frozen=True, slots=True)
class Chapter:
    """What a page says of one run.

    Attributes:
        anchor: of the chapter; ids in it begin with it.
        kind: what it is of, such as ``search``.
        title: the heading.
        lead: what is to be known first.
        sections: in the order in which they are read.
        facts: what stands in the row of the chapter where several are compared: a text under a heading.
        record: what the page keeps for programs, as plain JSON data.
    """

    anchor: str
    kind: str
    title: str
    lead: Markup
    sections: tuple[Section, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    record: Row = field(default_factory=dict)


class ReportKind(Generic[OpenedT]):
    """A kind of run that reports are made of. Each is a subclass that `KINDS` knows by its name."""

    def is_here(self, directory: Path) -> bool:
        """Return whether a directory holds one, by a look at its files; a damaged one counts, too."""
        raise NotImplementedError

    def open(self, directory: Path) -> OpenedT:
        """Read what a directory holds.

        Raises:
            UserError: it is damaged.
        """
        raise NotImplementedError

    def chapter(self, opened: OpenedT, anchor: str) -> Chapter:
        """Make the chapter of what was opened, even if nothing has come of it yet.

        Args:
            opened: by `open`.
            anchor: of the chapter, with which the ids in it begin, so that no two are equal on a page.
        """
        raise NotImplementedError

    def summary(self, opened: OpenedT, anchor: str) -> Chapter:
        """Make a shorter chapter, for a page of many runs; by default the same one.

        Args:
            opened: by `open`.
            anchor: as of `chapter`.
        """
        return self.chapter(opened, anchor)

    def together(self, opened: Sequence[OpenedT]) -> tuple[Section, ...]:  # noqa: ARG002
        """Compare several of the kind: sections that stand above their chapters; none by default."""
        return ()


KINDS: Registry[ReportKind[object]] = Registry(ReportKind, "kind of run", "ganetic.report.web.kinds")


def kind_of(directory: Path) -> str:
    """Name the kind of run that a directory holds.

    Raises:
        UserError: there is none of which reports are made.
    """
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "there is no run here"
        raise UserError(f"{directory}: {what}; name a directory that `ganetic search`, `compare` or `train` made")
    if found := _kind_in(directory):
        return found
    below = [path for path in sorted(directory.iterdir()) if path.is_dir() and _kind_in(path)]
    advice = f"name one of those in it, such as {below[0]}" if below else f"expected {' or '.join(KINDS.names())}"
    raise UserError(f"{directory}: not a run of which a report is made; {advice}")


def _kind_in(directory: Path) -> str | None:
    return next((name for name, kind in KINDS.items() if kind().is_here(directory)), None)
