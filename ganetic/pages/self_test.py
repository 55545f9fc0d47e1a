"""The self-tests of features on a set of images: as a table of 80 columns for people, as plain data for programs."""

from itertools import zip_longest
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ganetic.evolution.self_tests import SetTests
from ganetic.metrics.self_test import FaultSeen, SelfTest
from ganetic.report import number

_LEGEND = """\
order: rank correlation of fd with the strength of a planted fault; least: the
least strength that is seen; step: from no fault to the weakest, in ln fd;
noise: sd of ln fd between halves, as a share of the range to the strongest"""


def self_test_page(found: SetTests) -> RenderableType:
    """Lay the self-tests on one set out for a terminal of 80 columns or more."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("features", no_wrap=True)
    table.add_column("fault", no_wrap=True)
    for head in ("order", "least", "step", "noise"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, test in found.tests.items():
        beside = [name[:24], test.verdict, f"score {test.score:.2f}", f"{test.images} images a side"]
        for one, word in zip_longest(test.seen, beside, fillvalue=""):
            table.add_row(word, *(_cells(one) if isinstance(one, FaultSeen) else ()))
        table.add_row()
    return Group(
        Text(f"planted faults in {found.data}"),
        Text(),
        table,
        Text(_LEGEND, style="dim"),
        Text(),
        *(Text(note) for note in (*found.notes, f"auto: {found.choice.removeprefix('features: ')}")),
        Text(),
    )


def self_test_record(found: SetTests | None) -> dict[str, Any]:
    """Say all that the self-tests on one set found; an empty record where there are none."""
    if found is None:
        return {}
    tests = {name: _test_record(test) for name, test in found.tests.items()}
    return {"self_test": {"features": tests, "notes": list(found.notes), "auto": found.choice}}


def _cells(one: FaultSeen) -> tuple[str, ...]:
    least = "-" if one.least_seen is None else f"{one.least_seen:g}"
    noise = f"{one.noise / one.range:.0%}" if one.range > one.noise else "-"
    return one.fault, f"{one.order:.2f}", least, number(one.steps[0], 2), noise, "" if one.passed else "fails"


def _test_record(test: SelfTest) -> dict[str, Any]:
    seen = [{**one.model_dump(), "least_seen": one.least_seen, "passed": one.passed} for one in test.seen]
    return {**test.model_dump(mode="json"), "seen": seen, "verdict": test.verdict, "score": test.score}
