"""The chapter of a comparison of losses, or of a confirmation."""

from dataclasses import replace
from pathlib import Path

from ganetic.errors import UserError
from ganetic.jobs.journal import Journal
from ganetic.loss.library import LIBRARY
from ganetic.report.comparison import comparison_record, head_lines
from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import KINDS, Chapter, ReportKind
from ganetic.report.web.compared import (
    curves_section,
    formulas_section,
    ratios_section,
    seeds_section,
    tables_section,
)
from ganetic.report.web.settings import comparison_settings
from ganetic.studies.claims import claims
from ganetic.studies.comparison import JOURNAL, Comparison, open_comparison, tuning_journal
from ganetic.studies.config import Kind
from ganetic.studies.formatting import number

_SHOWN: tuple[Kind, ...] = ("comparison", "confirmation")


@KINDS.register("comparison")
class ComparisonKind(ReportKind[Comparison]):
    """Losses on the same seeds: their ratios, and what may be said of them."""

    def is_here(self, directory: Path) -> bool:
        """Return whether there is the journal of a comparison or a confirmation, or of a choice of rates for one."""
        path = directory / JOURNAL
        return _kind_in(path) in _SHOWN if path.is_file() else tuning_journal(directory, 0).is_file()

    def open(self, directory: Path) -> Comparison:
        """Open a comparison, or a confirmation."""
        path = directory / JOURNAL
        return Comparison(path, "confirmation") if _kind_in(path) == "confirmation" else open_comparison(directory)

    def chapter(self, opened: Comparison, anchor: str) -> Chapter:
        """Say what a comparison found."""
        sections = (
            *((ratios_section(opened), seeds_section(opened)) if opened.ended else ()),
            curves_section(opened),
            formulas_section(opened),
            comparison_settings(opened),
        )
        return Chapter(
            anchor=anchor,
            kind=opened.settings.kind,
            title=opened.directory.resolve().name,
            lead=filled("comparison.html", comparison=opened, head=head_lines(opened), claims=_claims(opened)),
            sections=tuple(section for section in sections if section is not None),
            facts=_facts(opened),
            record=comparison_record(opened),
        )

    def summary(self, opened: Comparison, anchor: str) -> Chapter:
        """Say what a comparison found, without its single trainings."""
        chapter = self.chapter(opened, anchor)
        ended = (ratios_section(opened), tables_section(opened)) if opened.ended else ()
        found = formulas_section(opened, published=False)
        single = ("runs", "tuning", "measures")
        return replace(
            chapter,
            sections=tuple(section for section in (*ended, found) if section is not None),
            record={name: value for name, value in chapter.record.items() if name not in single},
        )


def _kind_in(path: Path) -> str | None:
    """What a journal says that it is of; None where it says nothing, or cannot be read."""
    try:
        with Journal.open_readonly(path) as journal:
            kind = journal.meta.get("kind")
    except UserError:
        return None
    return kind if isinstance(kind, str) else None


def _claims(comparison: Comparison) -> list[str]:
    """What may be claimed, in the fewest words."""
    if not comparison.ended:
        return ["No training has ended yet: there is nothing to see so far. The same command shows more later."]
    if not comparison.finished:
        return [f"{comparison.ended} of {comparison.total} trainings have ended: nothing may be claimed yet."]
    if comparison.settings.kind == "confirmation":
        return claims(comparison)[-1:]
    said = comparison.ratios()
    shown = [f"{one.first}: {one.verdict} than {one.second}" + f" on {one.proxy}" * bool(one.proxy) for one in said]
    differ = [line for line, one in zip(shown, said, strict=True) if one.verdict in ("better", "worse")]
    rest = len(said) - len(differ)
    return [*differ, *([f"{rest} of {len(said)} comparisons show no difference"] if rest else [])]


def _facts(comparison: Comparison) -> dict[str, str]:
    settings = comparison.settings
    return {
        "run": comparison.directory.resolve().name,
        "what": f"{settings.kind}, {'finished' if comparison.finished else 'unfinished'}",
        "on": f"{settings.space} on {settings.data}, {len(settings.seeds)} seeds",
        "measured by": "; ".join(f"{one.metric} (floor {number(one.floor_fd)})" for one in settings.measures),
        "trained": f"{comparison.ended:,} of {comparison.total:,} trainings",
        "best found": _best(comparison, published=False),
        "best published": _best(comparison, published=True),
        "confirmed, or compared": "; ".join(_claims(comparison)),
    }


def _best(comparison: Comparison, published: bool) -> str:
    """The loss with the lowest mean of those that are published, or of the others; on each proxy."""
    own = [one for one in comparison.summaries() if (one.loss in LIBRARY) is published]
    best = {one.proxy: one for one in reversed(own)}
    ends = (
        f"{one.loss}: {number(one.geometric_mean)} ({number(one.best)} to {number(one.worst)})" for one in best.values()
    )
    return "; ".join(ends)
