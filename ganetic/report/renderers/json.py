"""Tables as plain records, and plain data as strict JSON, for programs."""

import json
import math
from typing import Any

from ganetic.report.table import Table

Record = dict[str, Any]


def to_json(data: object) -> str:
    """Write plain data as strict JSON: UTF-8, no NaN, no infinity."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)


def records(table: Table) -> list[Record]:
    """Turn a table into plain records, all fields of each row; what is missing or not finite becomes None."""
    import pandas as pd  # noqa: PLC0415 - plain data is written without it

    # pandas writes NaN and infinity as null, and numbers to 15 decimals, as the files written so far have them.
    frame = pd.DataFrame(list(table.records), columns=list(table.fields), dtype=object)
    rows: list[Record] = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows


def finite(value: float) -> float | None:
    """Return a number, or None where it is not finite."""
    return value if math.isfinite(value) else None
