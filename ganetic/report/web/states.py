"""The section on what came of the trials of a search, by state and reason."""

from collections.abc import Mapping

from markupsafe import Markup

from ganetic.evolution.results import Run
from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import Section
from ganetic.report.web.svg import tag

_WIDTH = 240


def states_section(run: Run) -> Section:
    """Count trials by state and reason, and the draws that were not trained by reason."""
    states, rejections = run.states(), run.rejections()
    content = filled(
        "states.html",
        states=_rows(states),
        trials=sum(states.values()),
        under_way=run.under_way,
        rejections=_rows(rejections),
        rejected=sum(rejections.values()),
        late=run.timing_affected,
    )
    return Section("states", "What came of the trials", content)


def _rows(counts: Mapping[str, int]) -> list[tuple[str, int, float, Markup]]:
    """Name, count, share in per cent, and a bar as long as it is often."""
    total, most = sum(counts.values()), max(counts.values(), default=1)
    return [
        (name.replace("_", " "), count, 100 * count / total, _bar(name, count / most)) for name, count in counts.items()
    ]


def _bar(name: str, share: float) -> Markup:
    kind = name.split(":", maxsplit=1)[0]
    known = kind if kind in ("completed", "pruned", "failed", "timed_out", "crashed") else "other"
    bar = tag("rect", x=0, y=3, width=max(share * _WIDTH, 1.0), height=10, class_=f"bar {known}")
    return tag("svg", bar, viewBox=f"0 0 {_WIDTH} 16", class_="bars", aria_hidden="true")
