"""An evaluation on a page: for terminals of 80 columns, and as plain data."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ganetic.evaluation.results import Evaluation, Measure, MeasureName
from ganetic.metrics.memorisation import COPY_RATIO

_READING = {
    MeasureName.FD: "lower is better",
    MeasureName.FID: "lower is better",
    MeasureName.KID: "lower is better",
    MeasureName.INCEPTION_FD: "lower is better",
    MeasureName.INCEPTION_KD: "lower is better",
    MeasureName.PRECISION: "share that looks real",
    MeasureName.RECALL: "share of real reached",
    MeasureName.CLASS_COVERAGE: "share of classes",
    MeasureName.CLASS_DIVERGENCE: "nats; 0 is equal",
    MeasureName.MS_SSIM_DIFFERENCE: "above 0: too alike",
    MeasureName.NEARER_IN_FEATURES: "0.5; more: copying",
    MeasureName.NEARER_IN_PIXELS: "0.5; more: copying",
    MeasureName.COPIES: "share of copies",
}
_SHOWN = 3
"""Likely copies on a terminal."""


def evaluation_page(evaluation: Evaluation) -> RenderableType:
    """Lay an evaluation out for a terminal of 80 columns or more: what was found, the numbers, how to read them."""
    head = Text(f"{evaluation.generated} generated images against {evaluation.data}")
    notes = Text("\n".join(_notes(evaluation)))
    return Group(head, Text(), _findings(evaluation), Text(), _table(evaluation), Text(), notes)


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """Say all that is known of an evaluation as plain data."""
    return evaluation.model_dump(mode="json")


def _findings(evaluation: Evaluation) -> Text:
    if not evaluation.flags:
        return Text("No rule found a fault.")
    found = Text()
    for flag in evaluation.flags:
        found.append(f"{flag.fault.replace('_', ' ')}: ", style="bold red")
        found.append(f"{flag.said}\n")
        found.append(f"  rule: {flag.rule}\n", style="dim")
    found.rstrip()
    return found


def _table(evaluation: Evaluation) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("measure", no_wrap=True)
    for heading in ("value", "95 % interval", "floor", "N"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for measure in evaluation.measures:
        interval = f"{_number(measure, measure.low)}…{_number(measure, measure.high)}"
        value, floor = (_number(measure, number) for number in (measure.value, measure.floor))
        name = measure.name.replace("_", " ")
        table.add_row(*map(Text, (name, value, interval, floor, str(measure.n), _READING[measure.name])))
    return table


def _number(measure: Measure, value: float) -> str:
    """Write a number with the digits that its measure deserves."""
    if measure.name in (MeasureName.KID, MeasureName.INCEPTION_KD):
        return f"{value:.5f}"
    if measure.name in (MeasureName.FD, MeasureName.FID, MeasureName.INCEPTION_FD):
        return f"{value:.0f}" if value >= 999.5 else f"{value:.1f}"
    return f"{value:.3f}"


def _notes(evaluation: Evaluation) -> list[str]:
    """How to read the numbers, and what they do not say."""
    notes = [
        "floor: the same measure of as many real images, which a perfect generator would score",
        evaluation.intervals,
        f"protocols: {', '.join(measure.protocol for measure in evaluation.measures)}",
    ]
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
