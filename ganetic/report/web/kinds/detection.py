"""The chapter of a study of detection."""

from pathlib import Path

from markupsafe import Markup

from ganetic.errors import typed
from ganetic.jobs.grid import study_in
from ganetic.report.detection_study import detection_record
from ganetic.report.renderers.html import block_html, filled
from ganetic.report.study import study_page
from ganetic.report.table import Notes
from ganetic.report.web.chapter import KINDS, Chapter, ReportKind, Section
from ganetic.report.web.intervals import Interval, draw_intervals
from ganetic.report.web.settings import Facts, settings_section
from ganetic.report.web.svg import tag
from ganetic.studies.detection import JOURNAL, STUDY_NAME, Detection, Method, open_detection
from ganetic.studies.detection_page import head, notes, tables, verdicts

_ACROSS = "area under the ROC curve"


@KINDS.register("detection")
class DetectionKind(ReportKind[Detection]):
    """Losses and baselines at finding anomalies."""

    def is_here(self, directory: Path) -> bool:
        """Return whether there is the journal of a study of detection."""
        return study_in(directory / JOURNAL) == STUDY_NAME

    def open(self, directory: Path) -> Detection:
        """Open a study of detection."""
        return open_detection(directory)

    def chapter(self, opened: Detection, anchor: str) -> Chapter:
        """Say what a study of detection found."""
        methods, said = opened.methods(), verdicts(opened)
        tabled = Markup("\n").join(map(block_html, study_page(tables(opened)).blocks))
        sections = (
            *([_figure(methods)] if methods else []),
            Section("tables", "All numbers", tabled),
            Section("reading", "How to read this", block_html(Notes((*head(opened), *notes(opened))))),
            _settings(opened),
        )
        return Chapter(
            anchor=anchor,
            kind="detection",
            title=opened.directory.resolve().name,
            lead=filled("callout.html", title="What may be claimed", claims=said),
            sections=sections,
            facts=_facts(opened, said),
            record=detection_record(opened),
        )


def _figure(methods: list[Method]) -> Section:
    rows = [Interval(one.name, one.auroc, one.auroc_low, one.auroc_high, one.role != "secondary") for one in methods]
    drawing = draw_intervals(rows, 0.5, f"{_ACROSS} of each method, with 95 % intervals", _ACROSS)
    said = (
        "Lines are 95 % intervals over groups of test images and GAN seeds, not adjusted. Filled marks were fixed "
        "before any result: the sum of each loss, and the baseline to beat. The upright line is chance."
    )
    return Section("methods", "How well each method finds anomalies", tag("figure", drawing, tag("figcaption", said)))


def _settings(opened: Detection) -> Section:
    settings = opened.settings
    config = settings.setup.config
    facts: Facts = [
        ("data", f"{settings.data}, sha256 {settings.fingerprint[:16]}"),
        ("split", f"sha256 {settings.split[:16]}"),
        ("losses", ", ".join(f"{loss.name} ({loss.text})" for loss in settings.losses)),
        ("model", f"{settings.setup.name} at {config['data']['size']} px, {config['steps']} steps"),
        ("seeds of trainings", ", ".join(map(str, settings.seeds))),
    ]
    command = typed(
        *("ganetic", "detect", "study", "--losses", ",".join(settings.names), "--data", settings.data),
        *("--normal", ",".join(settings.normal), "--anomalous", ",".join(settings.anomalous)),
        *("--model", settings.setup.name, "--size", config["data"]["size"], "--steps", config["steps"]),
        *("--encoder-steps", settings.encoder["steps"], "--seeds", len(settings.seeds)),
        *("--reference", settings.reference),
    )
    return settings_section(facts, opened.made_with, command, settings.model_dump(mode="json"))


def _facts(opened: Detection, said: list[str]) -> dict[str, str]:
    """What stands in a row where runs are compared."""
    settings = opened.settings
    return {
        "run": opened.directory.resolve().name,
        "what": f"detection, {'finished' if opened.finished else 'unfinished'}",
        "on": f"{settings.data}: {', '.join(settings.normal)} against {', '.join(settings.anomalous)}",
        "trained": f"{opened.ended:,} of {opened.total:,} trainings",
        "confirmed, or compared": " ".join(said),
    }
