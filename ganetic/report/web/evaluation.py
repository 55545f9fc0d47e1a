"""The chapter of an evaluation that was kept."""

from pathlib import Path

from ganetic.evaluation.kept import KeptEvaluation
from ganetic.report.evaluation import evaluation_record
from ganetic.report.web.chapter import Chapter
from ganetic.report.web.evaluated import (
    evaluation_callout,
    fd_of,
    metrics_section,
    pairs_section,
    said_of_copies,
    said_of_faults,
)
from ganetic.report.web.training_settings import evaluation_settings


def evaluation_chapter(directory: Path, kept: KeptEvaluation, anchor: str) -> Chapter:
    """Say what an evaluation found."""
    sections = (
        metrics_section(kept, "metrics", "How good and how varied"),
        pairs_section(kept, "pairs", "The likeliest copies"),
        evaluation_settings(kept),
    )
    return Chapter(
        anchor=anchor,
        kind="evaluation",
        title=directory.resolve().name,
        lead=evaluation_callout(_claims(kept)),
        sections=tuple(section for section in sections if section is not None),
        facts=_facts(directory, kept),
        record={
            **kept.model_dump(mode="json", exclude={"evaluation"}),
            "evaluation": evaluation_record(kept.evaluation),
        },
    )


def _claims(kept: KeptEvaluation) -> list[str]:
    of = kept.generated if kept.step is None else f"{kept.generated} at step {kept.step:,}"
    head = f"{kept.evaluation.generated:,} images of {of} against {kept.evaluation.data}."
    fd = fd_of(kept.evaluation)
    return [head, *([f"{fd}."] if fd else []), said_of_copies(kept.evaluation), said_of_faults(kept.evaluation)]


def _facts(directory: Path, kept: KeptEvaluation) -> dict[str, str]:
    """What stands in a row where runs are compared."""
    fd = next((one for one in kept.evaluation.measures if one.name == "fd"), None)
    return {
        "run": directory.resolve().name,
        "what": "evaluation",
        "on": f"{kept.generated} against {kept.evaluation.data}",
        "measured by": "" if fd is None else f"{fd.protocol} (floor {fd.floor:.1f})",
        "trained": "" if kept.step is None else f"{kept.step:,} steps with {kept.loss}",
        "evaluated": fd_of(kept.evaluation).partition(" (")[0],
    }
