"""The chapter of an evaluation that was kept."""
# ruff: noqa: PLC0415 - torch is imported for an evaluation, and not for each look at a search

from pathlib import Path
from typing import TYPE_CHECKING

from ganetic.report.web.chapter import KINDS, Chapter, ReportKind

if TYPE_CHECKING:
    from ganetic.evaluation.kept import KeptEvaluation

_KEPT = "evaluation.json"
"""As `ganetic.evaluation.kept` calls it."""

Opened = tuple[Path, "KeptEvaluation"]


@KINDS.register("evaluation")
class EvaluationKind(ReportKind[Opened]):
    """Generated images judged against real ones."""

    def is_here(self, directory: Path) -> bool:
        """Return whether there is an evaluation."""
        return (directory / _KEPT).is_file()

    def open(self, directory: Path) -> Opened:
        """Read an evaluation."""
        from ganetic.evaluation.kept import read_evaluation

        return directory, read_evaluation(directory)

    def chapter(self, opened: Opened, anchor: str) -> Chapter:
        """Say what an evaluation found."""
        from ganetic.report.web.evaluation import evaluation_chapter

        return evaluation_chapter(*opened, anchor)
