"""The self-tests of features on a set of images: as a page for people, as plain data for programs."""

from itertools import zip_longest

from ganetic.evolution.self_tests import SetTests
from ganetic.metrics.self_test import FaultSeen, SelfTest
from ganetic.report.cells import decimal2
from ganetic.report.renderers.json import Record
from ganetic.report.table import Column, Notes, Page, Paragraph, Row, Table

_LEGEND = """\
order: rank correlation of fd with the strength of a planted fault; least: the
least strength that is seen; step: from no fault to the weakest, in ln fd;
noise: sd of ln fd between halves, as a share of the range to the strongest"""


_COLUMNS = (
    Column("features", ("word",), align="left"),
    Column("fault", ("fault",), align="left"),
    Column("order", ("order",), decimal2),
    Column("least", ("least_seen",), lambda least: "-" if least is None else f"{least:g}"),
    Column("step", ("step",), decimal2),
    Column("noise", ("noise", "range"), lambda noise, whole: f"{noise / whole:.0%}" if whole > noise else "-"),
    Column("", ("passed",), lambda passed: "" if passed else "fails", align="left"),
)


def self_test_page(found: SetTests) -> Page:
    """Say what the features make of planted faults in one set."""
    rows = tuple(row for name, test in found.tests.items() for row in (*_rows(name, test), {}))
    said = (*found.notes, f"auto: {found.choice.removeprefix('features: ')}")
    return Page((Paragraph((f"planted faults in {found.data}",)), Table(_COLUMNS, rows, legend=_LEGEND), Notes(said)))


def _rows(name: str, test: SelfTest) -> list[Row]:
    """A row a fault, and beside them, word by word, which features these are and how they did."""
    beside = (name[:24], test.verdict, f"score {test.score:.2f}", f"{test.images} images a side")
    return [
        {"word": word, **(_seen(one) if isinstance(one, FaultSeen) else {})}
        for one, word in zip_longest(test.seen, beside, fillvalue="")
    ]


def _seen(one: FaultSeen) -> Row:
    return {
        "fault": one.fault,
        "order": one.order,
        "least_seen": one.least_seen,
        "step": one.steps[0],
        "noise": one.noise,
        "range": one.range,
        "passed": one.passed,
    }


def self_test_record(found: SetTests | None) -> Record:
    """Say all that the self-tests on one set found; an empty record where there are none."""
    if found is None:
        return {}
    tests = {name: _test_record(test) for name, test in found.tests.items()}
    return {"self_test": {"features": tests, "notes": list(found.notes), "auto": found.choice}}


def _test_record(test: SelfTest) -> Record:
    seen = [{**one.model_dump(), "least_seen": one.least_seen, "passed": one.passed} for one in test.seen]
    return {**test.model_dump(mode="json"), "seen": seen, "verdict": test.verdict, "score": test.score}
