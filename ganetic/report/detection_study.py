"""A study of detection: as files, and as plain data."""

from pathlib import Path
from typing import Any

from ganetic.files import write_whole
from ganetic.report.frames import table_of
from ganetic.report.renderers.csv import to_csv
from ganetic.report.renderers.json import Record, records, to_json
from ganetic.report.renderers.markdown import markdown
from ganetic.report.study import study_page
from ganetic.studies.detection import Detection, Gap, Method, frame_of
from ganetic.studies.detection_page import detection_page, verdicts


def detection_record(study: Detection) -> Record:
    """Say all that is known of a study, but for single scores, as plain data."""
    return {
        "directory": str(study.directory),
        "ended": study.ended,
        "total": study.total,
        "settings": study.settings.model_dump(mode="json"),
        "made_with": study.made_with,
        "verdicts": verdicts(study),
        "methods": _rows(frame_of(study.methods(), Method)),
        "against_reference": _rows(frame_of(study.against_reference(), Gap)),
        "against_baseline": _rows(frame_of(study.against_baseline(), Gap)),
        "overlaps": _rows(study.overlaps()),
        "jobs": _rows(study.runs()),
    }


def write_tables(study: Detection) -> list[Path]:
    """Write ``detection.json``, ``.csv`` (the methods) and ``.md`` into the directory of a study.

    Raises:
        UserError: the directory cannot be written.
    """
    texts = {
        "detection.json": to_json(detection_record(study)) + "\n",
        "detection.csv": to_csv(table_of(frame_of(study.methods(), Method))),
        "detection.md": markdown(study_page(detection_page(study))),
    }
    for name, text in texts.items():
        write_whole(study.directory / name, text)
    return [study.directory / name for name in texts]


def _rows(frame: Any) -> list[Record]:
    return records(table_of(frame))
