"""Tables as comma-separated values, for programs: the fields of the rows, whatever the columns show."""

import csv
import io
import math

from ganetic.report.table import Table


def to_csv(table: Table) -> str:
    """Write a table: a line of names, then a line a row; what is not known is left empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.fields)
    writer.writerows([_known(row.get(name)) for name in table.fields] for row in table.records)
    return file.getvalue()


def _known(value: object) -> object:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value
