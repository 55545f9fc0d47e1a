"""The chapter of a search."""

from pathlib import Path

from ganetic.errors import UserError
from ganetic.evolution.results import JOURNAL, Run, open_run
from ganetic.jobs.journal import Journal
from ganetic.report.renderers.html import html
from ganetic.report.run import run_page, run_record
from ganetic.report.web.chapter import KINDS, Chapter, ReportKind

_OF_STUDIES = ("kind", "study")
"""What the journals of studies say of themselves."""


@KINDS.register("search")
class SearchKind(ReportKind[Run]):
    """A search: its front, its finals, and what may be claimed of them."""

    def is_here(self, directory: Path) -> bool:
        """Return whether there is a journal that no study wrote."""
        path = directory / JOURNAL
        if not path.is_file():
            return False
        try:
            with Journal.open_readonly(path) as journal:
                return journal.meta.keys().isdisjoint(_OF_STUDIES)
        except UserError:
            return True  # `open` says what is wrong with it

    def open(self, directory: Path) -> Run:
        """Open a run."""
        return open_run(directory)

    def chapter(self, opened: Run, anchor: str) -> Chapter:
        """Say what a search found."""
        return Chapter(anchor, "search", opened.directory.resolve().name, html(run_page(opened)), (), {}, run_record(opened))
