"""The chapter of a training."""
# ruff: noqa: PLC0415 - torch is imported for a training, and not for each look at a search

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ganetic.report.web.chapter import KINDS, Chapter, ReportKind, Section

if TYPE_CHECKING:
    from ganetic.report.web.trained import TrainingRun

_METADATA = "training.json"
"""As `ganetic.training.metadata` calls it."""
_SUMMED_UP = ("course", "diagnosis")
"""Sections of a summary, besides the metrics of evaluations."""


@KINDS.register("training")
class TrainingKind(ReportKind["TrainingRun"]):
    """A full training: its course, its samples, and what was wrong with it."""

    def is_here(self, directory: Path) -> bool:
        """Return whether there is the metadata of a training."""
        return (directory / _METADATA).is_file()

    def open(self, directory: Path) -> "TrainingRun":
        """Read how a training stands."""
        from ganetic.report.web.trained import read_training

        return read_training(directory)

    def chapter(self, opened: "TrainingRun", anchor: str) -> Chapter:
        """Say how a training went, or how far it is."""
        from ganetic.report.web.training import training_chapter

        return training_chapter(opened, anchor)

    def summary(self, opened: "TrainingRun", anchor: str) -> Chapter:
        """Say how a training went, without its pictures, its loss and its settings."""
        chapter = self.chapter(opened, anchor)
        kept = (one for one in chapter.sections if one.name in _SUMMED_UP or one.name.endswith("-metrics"))
        return replace(chapter, sections=tuple(kept))

    def together(self, opened: "Sequence[TrainingRun]") -> tuple[Section, ...]:
        """Draw the fd of trainings that are measured alike."""
        from ganetic.report.web.training_course import together_section

        section = together_section(opened)
        return () if section is None else (section,)
