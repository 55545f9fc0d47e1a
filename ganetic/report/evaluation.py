"""An evaluation: as a page for people, as plain data for programs."""

from ganetic.evaluation.metric import METRICS
from ganetic.evaluation.results import ClassResult, Evaluation
from ganetic.metrics.memorization import COPY_RATIO
from ganetic.report.renderers.json import Record
from ganetic.report.table import Column, Entries, Entry, Notes, Page, Paragraph, Row, Table

RECOGNISED = "recognised"
"""The row of a class that says how many images are taken for it."""

_SHOWN = 3
"""Likely copies on a terminal."""


def evaluation_page(evaluation: Evaluation) -> Page:
    """Say what was found, the numbers, and how to read them."""
    head = Paragraph((f"{evaluation.generated} generated images against {evaluation.data}",))
    notes = Notes(tuple(_notes(evaluation)))
    return Page((head, _findings(evaluation), _table(evaluation), *_by_class(evaluation), notes))


def evaluation_record(evaluation: Evaluation) -> Record:
    """Say all that is known of an evaluation as plain data."""
    return evaluation.model_dump(mode="json")


def _findings(evaluation: Evaluation) -> Entries | Paragraph:
    if not evaluation.flags:
        return Paragraph(("No rule found a fault.",))
    return Entries(
        tuple(
            Entry(flag.fault.replace("_", " "), flag.said, f"rule: {flag.rule}", alarming=True)
            for flag in evaluation.flags
        )
    )


def _number(name: str, value: float) -> str:
    return METRICS[name](name).text(value)


def _interval(name: str, low: float, high: float) -> str:
    return f"{_number(name, low)}…{_number(name, high)}"


_MEASURES = (
    Column("measure", ("name",), lambda name: name.replace("_", " "), align="left"),
    Column("value", ("name", "value"), _number),
    Column("95 % interval", ("name", "low", "high"), _interval),
    Column("floor", ("name", "floor"), _number),
    Column("N", ("n",)),
    Column("", ("name",), lambda name: METRICS[name].reading, align="left", fit="wrap"),
)


def _table(evaluation: Evaluation) -> Table:
    return Table(_MEASURES, tuple(measure.model_dump() for measure in evaluation.measures), compact=True)


def _share_or_number(name: str, value: float) -> str:
    return f"{value:.0%}" if name == RECOGNISED else _number(name, value)


def _interval_or_none(name: str, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else _interval(name, low, high)


_CLASS_MEASURES = (
    Column("class", ("class",), align="left"),
    Column("measure", ("name",), lambda name: name.replace("_", " "), align="left"),
    Column("value", ("name", "value"), _share_or_number),
    Column("95 % interval", ("name", "low", "high"), _interval_or_none),
    Column("floor", ("name", "floor"), _share_or_number),
    Column("N", ("n",)),
)


def _by_class(evaluation: Evaluation) -> list[Table]:
    """A table of what was measured of each class; none where nothing was."""
    rows = tuple(row for found in evaluation.classes if found.measures for row in _rows(found))
    return [Table(_CLASS_MEASURES, rows, title="Images of the class that was asked for", compact=True)] if rows else []


def _rows(found: ClassResult) -> list[Row]:
    measures = [{"class": found.name, **measure.model_dump()} for measure in found.measures]
    share = {"name": RECOGNISED, "value": found.recognised, "floor": found.recognised_floor, "low": None, "high": None}
    return [{"class": found.name, **share, "n": found.measures[0].n}, *measures]


def _notes(evaluation: Evaluation) -> list[str]:
    """How to read the numbers, and what they do not say."""
    taken = [*evaluation.measures, *(measure for found in evaluation.classes for measure in found.measures)]
    notes = [
        "floor: the same measure of as many real images, which a perfect generator would score",
        evaluation.intervals,
        f"protocols: {', '.join(measure.protocol for measure in taken)}",
    ]
    if any(found.measures for found in evaluation.classes):
        notes.append("recognised: the share that the feature net, trained on real images, takes for the class")
    if evaluation.data_copying_z:
        said = ", ".join(f"{z:.1f} in {space}" for space, z in evaluation.data_copying_z.items())
        notes.append(f"C_T, the test of copying: z = {said}; below -3 in both is copying")
    if evaluation.closest:
        said = ", ".join(
            f"{copy.generated} to {copy.training} ({copy.ratio:.2f})" for copy in evaluation.closest[:_SHOWN]
        )
        rule = f"distance to a training image over that to the next one, a copy below {COPY_RATIO:.2f}"
        notes.append(f"likeliest copies ({rule}): {said}")
    return [*notes, *evaluation.notes]
