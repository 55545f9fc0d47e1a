"""A ``labels.csv`` beside images: what is known of each file, in a table."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ganetic.errors import UserError, did_you_mean

LABELS_CSV = "labels.csv"
COLUMNS = ("file", "label", "patient", "split")
SPLITS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
"""Names of the sides of a split, besides numbers."""
_MEANT = {
    "file": ("filename", "file_name", "files", "image", "images", "path", "name", "id"),
    "label": ("labels", "class", "classes", "target", "diagnosis", "y"),
    "patient": ("patients", "patient_id", "patientid", "subject", "subject_id", "group"),
    "split": ("splits", "set", "fold", "subset", "partition"),
}
"""Names that others give to these columns."""


@dataclass(frozen=True)
class Labels:
    """A table, read.

    Attributes:
        where: its file.
        columns: by name, a text for each row; only `COLUMNS`.
        others: columns that mean nothing here.
    """

    where: Path
    columns: dict[str, list[str]]
    others: tuple[str, ...]

    def column(self, name: str) -> list[str] | None:
        """A column, or None where there is none.

        Raises:
            UserError: a row has nothing in it.
        """
        values = self.columns.get(name)
        for number, value in enumerate(values or ()):
            if not value:
                raise UserError(f"{self.where}: row {number + 2} has no {name}; expected one in every row")
        return values

    def sides(self) -> list[int] | None:
        """The column ``split`` as numbers, 0 for training.

        Raises:
            UserError: it holds something that is no side.
        """
        values = self.column("split")
        return None if values is None else [self._side(value, number) for number, value in enumerate(values)]

    def _side(self, value: str, number: int) -> int:
        if value.lower() in SPLITS:
            return SPLITS[value.lower()]
        if value.isdecimal() and len(value) < 10:
            return int(value)
        raise UserError(
            f'{self.where}: row {number + 2} has the split "{value[:40]}"; expected a number, 0 for training, or one '
            f"of {', '.join(SPLITS)}{did_you_mean(value, SPLITS)}"
        )


def read_labels(path: Path) -> Labels:
    """Read a table with a head line and columns ``file``, ``label``, ``patient`` and ``split``, of which some may miss.

    Raises:
        UserError: it cannot be read, or a column is nearly called as one of these.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a byte order mark
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a readable CSV file in UTF-8 ({str(error)[:100]})") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise UserError(f"{path}: is empty; expected a head line with some of {', '.join(COLUMNS)}")
    head = [cell.strip() for cell in rows[0]]
    _refuse_odd_columns(path, head)
    for number, row in enumerate(rows[1:]):
        if len(row) != len(head):
            raise UserError(f"{path}: row {number + 2} has {len(row)} cells; expected {len(head)}, as in the head line")
    columns = {name: [row[number].strip() for row in rows[1:]] for number, name in enumerate(head) if name in COLUMNS}
    return Labels(path, columns, tuple(name for name in head if name not in COLUMNS))


def _refuse_odd_columns(path: Path, head: list[str]) -> None:
    for name in head:
        if head.count(name) > 1:
            raise UserError(f'{path}: two columns are named "{name[:40]}"; expected a name of its own for each')
        meant = next((known for known, others in _MEANT.items() if name.lower() in (known, *others)), None)
        if name not in COLUMNS and meant is not None and meant not in head:
            raise UserError(f'{path}: has a column "{name[:40]}", which is not read; rename it "{meant}"')
    if not any(name in COLUMNS for name in head):
        raise UserError(
            f"{path}: has the columns {', '.join(head)[:80]}; expected some of {', '.join(COLUMNS)}, separated by "
            "commas"
        )
