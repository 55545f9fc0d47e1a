"""The chapter of a study of augmentation."""

from pathlib import Path

from ganetic.report.augmentation import augmentation_record, result_tables
from ganetic.report.renderers.html import block_html, filled
from ganetic.report.table import Notes
from ganetic.report.web.augmentation import curves_section, samples_section
from ganetic.report.web.chapter import KINDS, Chapter, ReportKind, Section
from ganetic.studies.augmentation import Augmentation, is_augmentation, open_augmentation
from ganetic.studies.augmentation_words import head_lines, primary_lines, reading_notes

_TABLES = (
    ("scores", "Scores of each arm"),
    ("differences", "How arms differ"),
    ("secondary", "Secondary scores"),
    ("copies", "Without copies of training images"),
    ("shares", "Shares of generated images"),
    ("gans", "The GANs"),
)
"""Names and headings of `result_tables`, in their order."""


@KINDS.register("augmentation")
class AugmentationKind(ReportKind[Augmentation]):
    """Whether generated images help a classifier."""

    def is_here(self, directory: Path) -> bool:
        """Return whether there is the journal of a study of augmentation."""
        return is_augmentation(directory)

    def open(self, directory: Path) -> Augmentation:
        """Open a study of augmentation."""
        return open_augmentation(directory)

    def chapter(self, opened: Augmentation, anchor: str) -> Chapter:
        """Say what a study of augmentation found."""
        tables = zip(_TABLES, result_tables(opened), strict=bool(opened.sizes))
        sections = (
            curves_section(opened),
            *(Section(name, title, block_html(table)) for (name, title), table in tables),
            samples_section(opened),
            Section("reading", "How to read this", block_html(Notes(tuple(reading_notes(opened))))),
        )
        claims = [*primary_lines(opened), *head_lines(opened)]
        return Chapter(
            anchor=anchor,
            kind="augmentation",
            title=opened.directory.resolve().name,
            lead=filled("callout.html", title="Do generated images help a classifier?", claims=claims),
            sections=tuple(section for section in sections if section is not None),
            facts=_facts(opened),
            record=augmentation_record(opened),
        )


def _facts(study: Augmentation) -> dict[str, str]:
    """What stands in a row where runs are compared."""
    meta = study.meta
    return {
        "run": study.directory.resolve().name,
        "what": "augmentation study",
        "on": meta["images"].partition(":")[0],
        "trained": f"{study.ended} of {study.total} draws, {meta['gan']['steps']:,} steps with {meta['loss']}",
    }
