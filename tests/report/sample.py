"""A page with a block of each kind, and with texts that every form has to escape."""

import math

from ganetic.report.table import Column, Entries, Entry, Notes, Page, Paragraph, Table


def number(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "-"


def interval(low: float, high: float) -> str:
    return f"{number(low)}-{number(high)}"


TABLE = Table(
    title="fd of a_b & c",
    columns=(
        Column("loss", ("name",), align="left"),
        Column("geom.\nmean", ("fd",), number),
        Column("95 %\ninterval", ("low", "high"), interval),
        Column("insta-\nbility", ("instability",), number, spare=True),
        Column("formula", ("formula",), align="left", fit="cut", quiet="reference"),
    ),
    rows=(
        {
            "name": "bce",
            "fd": 52.25,
            "low": 48.0,
            "high": 57.0,
            "instability": 0.3,
            "formula": "softplus(-d)",
            "reference": True,
        },
        {},
        {
            "name": "[red]<b>#7|_",
            "fd": 47.5,
            "low": math.nan,
            "high": math.inf,
            "instability": math.nan,
            "formula": "p³ + " * 20 + "y",
            "reference": False,
        },
    ),
    legend="fd: lower is better",
    notes=("100 % of the seeds",),
)

PAGE = Page(
    (
        Paragraph(("2 losses, 3 seeds", "on digits_5")),
        TABLE,
        Entries(
            (Entry("mode_collapse", "saw 2 < 5 classes", "rule: of someone", alarming=True), Entry("bce", "-log(p)"))
        ),
        Notes(("verdict: by the t test", "detects: 80 % of such studies")),
    )
)
