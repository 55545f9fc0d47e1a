"""Scores of images: as a page for people, as a table and plain data for programs."""

from ganetic.detection.scores import PARTS, SUM
from ganetic.detection.scoring import Scored
from ganetic.report.renderers.json import Record
from ganetic.report.table import Column, Notes, Page, Table

_SHOWN = 20
"""Images on a terminal."""


def _number(value: float) -> str:
    return f"{value:.2f}"


_COLUMNS = (
    Column("image", ("image",), align="left", fit="wrap"),
    *(Column(name, (name,), _number) for name in (SUM, *PARTS)),
)


def scores_table(scored: Scored) -> Table:
    """A row an image, in the order in which they were named."""
    rows = [
        {"image": name, **{score: float(scored.scores[score][place]) for score in (SUM, *PARTS)}}
        for place, name in enumerate(scored.names)
    ]
    return Table(_COLUMNS, tuple(rows), shown=_SHOWN)


def scores_page(scored: Scored) -> Page:
    """The images from the most to the least anomalous, and how to read their scores."""
    table = scores_table(scored)
    rows = tuple(table.rows[place] for place in scored.order)
    return Page((Table(table.columns, rows, shown=_SHOWN), Notes(_NOTES)))


def scores_record(scored: Scored) -> Record:
    """All that is known of the images, as plain data."""
    detector = scored.detector
    return {
        "model": detector.gan.model.name,
        "loss": detector.gan.formula.text,
        "layer": detector.settings.layer,
        "primary": SUM,
        "images": [dict(row) for row in scores_table(scored).rows],
    }


_NOTES = (
    "sum is the primary score, the sum of the others; the higher, the more anomalous",
    "the others are in standard deviations from the mean of normal validation images",
    "residual: what the generator cannot make again; features: the same in the discriminator's features",
    "discriminator: how little the discriminator takes the image for a real one",
)
