"""A study of augmentation: as a page, as files, and as plain data."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ganetic.augmenting.scores import PRIMARY, SCORES
from ganetic.files import write_whole
from ganetic.report.cells import decimal3
from ganetic.report.frames import rows_of, table_of
from ganetic.report.renderers.csv import to_csv
from ganetic.report.renderers.json import Record, records, to_json
from ganetic.report.renderers.latex import latex
from ganetic.report.renderers.markdown import markdown
from ganetic.report.table import Column, Notes, Page, Paragraph, Table
from ganetic.studies.augmentation import Augmentation
from ganetic.studies.augmentation_words import head_lines, primary_lines, reading_notes, signed, signed_interval
from ganetic.studies.formatting import number, p_value

_SIZE = Column("images\na class", ("size",))
_ARM = Column("arm", ("arm",), align="left")
_SHORT = {"macro_f1": "macro\nF1", "balanced_accuracy": "balanced\naccuracy"}


def augmentation_page(study: Augmentation) -> Page:
    """Say what a study of augmentation found."""
    return Page(
        (
            Paragraph(tuple(head_lines(study))),
            Paragraph(tuple(primary_lines(study))),
            *result_tables(study),
            Notes(tuple(reading_notes(study))),
        )
    )


def augmentation_record(study: Augmentation) -> Record:
    """Say all that is known of a study of augmentation as plain data."""
    frames: dict[str, Callable[[], pd.DataFrame]] = {
        "primary": study.primary,
        "scores": study.scores,
        "curves": study.curves,
        "differences": study.differences,
        "filter_differences": study.filter_differences,
        "shares": study.shares,
        "gans": study.gans,
    }
    return {
        "directory": str(study.directory),
        "ended": study.ended,
        "total": study.total,
        "settings": study.meta,
        **{name: records(table_of(frame())) for name, frame in frames.items()},
    }


def result_tables(study: Augmentation) -> list[Table]:
    """The scores of every arm, how arms differ, and what came of shares, copies and GANs."""
    if not study.sizes:
        return []
    differences = study.differences()
    return [
        scores_table(study),
        differences_table(differences[differences["score"] == PRIMARY], f"{SCORES[PRIMARY]}: how arms differ"),
        secondary_table(differences),
        filter_table(study),
        shares_table(study),
        gans_table(study),
    ]


def scores_table(study: Augmentation) -> Table:
    """Lay out the mean of each score over draws, a row a size and arm."""
    curves = study.curves()
    wide = curves.pivot(index=["size", "arm"], columns="score", values="mean")
    primary = curves[curves["score"] == PRIMARY][["size", "arm", "draws", "low", "high"]]
    rows = primary.merge(wide.reset_index(), on=["size", "arm"])
    columns = (
        _SIZE,
        _ARM,
        Column(_SHORT[PRIMARY], (PRIMARY,), decimal3),
        Column("95 %\ninterval", ("low", "high"), _interval),
        *(Column(_SHORT.get(name, said), (name,), decimal3) for name, said in SCORES.items() if name != PRIMARY),
        Column("draws", ("draws",)),
    )
    return Table(columns, rows_of(rows), "Scores on test images, means over draws", compact=True)


def differences_table(differences: pd.DataFrame, title: str) -> Table:
    """Lay out differences of one score, a row a size and pair."""
    columns = (
        _SIZE,
        Column("first", ("first",), align="left"),
        Column("less", ("second",), align="left"),
        Column("mean", ("mean",), signed),
        Column("95 %\ninterval", ("low", "high"), signed_interval),
        Column("t test\np", ("t_p",), p_value, spare=True),
        Column("Holm\np", ("holm_p",), p_value),
        Column("detects", ("detectable",), decimal3),
        Column("verdict", ("verdict",), fit="wrap"),
    )
    return Table(columns, rows_of(differences), title, compact=True)


def secondary_table(differences: pd.DataFrame) -> Table:
    """Lay out the secondary scores of the arms that the study compares first of all."""
    first, second = differences.iloc[0][["first", "second"]]
    pair = (differences["first"] == first) & (differences["second"] == second)
    others = differences[pair & (differences["score"] != PRIMARY)]
    named = others.assign(score=others["score"].map(SCORES))
    table = differences_table(named, f"Secondary scores: {first} less {second}")
    score = Column("score", ("score",), align="left")
    columns = (table.columns[0], score, *table.columns[3:])
    return Table(columns, table.rows, table.title, compact=True)


def filter_table(study: Augmentation) -> Table:
    """Lay out what leaving copies of training images out of the generated ones did."""
    found = study.filter_differences()
    return differences_table(
        found[found["score"] == PRIMARY], f"{SCORES[PRIMARY]}: without copies of training images, less with them"
    )


def shares_table(study: Augmentation) -> Table:
    """Lay out how shares of generated images did on validation images, and how often each was chosen."""
    columns = (
        _SIZE,
        _ARM,
        Column("share", ("share",), "{:g}".format),
        Column(f"validation\n{SCORES[PRIMARY]}", ("validation",), decimal3),
        Column("chosen\nin draws", ("chosen",)),
    )
    return Table(columns, rows_of(study.shares()), "Shares of generated images, on validation images", compact=True)


def gans_table(study: Augmentation) -> Table:
    """Lay out what came of the GANs, a row a size and class."""
    columns = (
        _SIZE,
        Column("class", ("of",), align="left", fit="cut", widest=24),
        Column("GANs", ("trainings",)),
        Column("failed", ("failed",)),
        Column("fd", ("fd",), number),
        Column("fd of\nreal half", ("floor_fd",), number),
        Column("copies", ("copies",), "{:.1%}".format),
    )
    return Table(columns, rows_of(study.gans()), "GANs: fd to the images that train them", compact=True)


def write_tables(study: Augmentation) -> list[Path]:
    """Write the files ``augment.json``, ``.csv``, ``.md`` and ``.tex`` into the directory of a study.

    Raises:
        UserError: the directory cannot be written.
    """
    page = augmentation_page(study)
    texts = {
        "augment.json": to_json(augmentation_record(study)) + "\n",
        "augment.csv": to_csv(table_of(study.scores())),
        "augment.md": markdown(page),
        "augment.tex": latex(page),
    }
    for name, text in texts.items():
        write_whole(study.directory / name, text)
    return [study.directory / name for name in texts]


def _interval(low: float, high: float) -> str:
    return "-" if low != low else f"{low:.3f}-{high:.3f}"  # noqa: PLR0124 - NaN differs from itself
