"""The chapter of a search."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ganetic.errors import UserError, typed
from ganetic.evolution.results import JOURNAL, Run, open_run
from ganetic.evolution.selection import pick_number
from ganetic.jobs.journal import Journal
from ganetic.plots.courses import measured_alike
from ganetic.report.cells import decimal
from ganetic.report.finals import verdict_of
from ganetic.report.progress.search import counts_line
from ganetic.report.renderers.html import filled
from ganetic.report.run import run_record
from ganetic.report.table import Row
from ganetic.report.web.chapter import KINDS, Chapter, ReportKind, Section
from ganetic.report.web.compared import confirmation_section
from ganetic.report.web.course import course_section, random_beside
from ganetic.report.web.finals import finals_section
from ganetic.report.web.found import front_section, front_summary
from ganetic.report.web.losses import ShownLoss, shown_losses
from ganetic.report.web.settings import search_settings
from ganetic.report.web.states import states_section
from ganetic.studies.claims import claims
from ganetic.studies.comparison import Comparison

_OF_STUDIES = ("kind", "study")
"""What the journals of studies say of themselves."""
_CONFIRMATIONS = "confirmation"
"""The folder of a run for its confirmations; see `ganetic.studies.confirm`."""


@KINDS.register("search")
class SearchKind(ReportKind[Run]):
    """A search: its front, its finals, and what may be claimed of them."""

    def is_here(self, directory: Path) -> bool:
        """Return whether there is a journal that no study wrote."""
        path = directory / JOURNAL
        if not path.is_file():
            return False
        try:
            with Journal.open_readonly(path) as journal:
                return journal.meta.keys().isdisjoint(_OF_STUDIES)
        except UserError:
            return True  # `open` says what is wrong with it

    def open(self, directory: Path) -> Run:
        """Open a run."""
        return open_run(directory)

    def chapter(self, opened: Run, anchor: str) -> Chapter:
        """Say what a search found."""
        seen = _seen(opened, anchor)
        command, beside = typed("ganetic", "confirm", opened.directory), random_beside(opened)
        sections = (
            front_section(opened, seen.scores, seen.losses, seen.pick) if seen.losses else None,
            finals_section(opened, seen.finals, seen.losses, seen.said) if len(seen.finals) else None,
            confirmation_section(seen.confirmations, command) if len(seen.finals) or seen.confirmations else None,
            course_section([opened, *([beside] if beside else [])]),
            states_section(opened),
            search_settings(opened),
        )
        return _chapter(opened, anchor, seen, sections, run_record(opened))

    def summary(self, opened: Run, anchor: str) -> Chapter:
        """Say what a search found; of its losses the pick alone is shown by itself."""
        seen = _seen(opened, anchor)
        pick = [seen.pick] if seen.pick else []
        sections = (
            front_summary(opened, seen.scores, seen.losses, seen.pick) if seen.losses else None,
            finals_section(opened, seen.finals, pick, seen.said) if len(seen.finals) else None,
        )
        record = {name: value for name, value in run_record(opened).items() if name != "tuning"}
        return _chapter(opened, anchor, seen, sections, record)

    def together(self, opened: Sequence[Run]) -> tuple[Section, ...]:
        """Draw searches beside one another that measure losses alike."""
        groups: list[list[Run]] = []
        for run in opened:
            group = next((one for one in groups if measured_alike(run, one[0])), None)
            if group is None:
                groups.append([run])
            else:
                group.append(run)
        sections = [course_section(group) for group in groups if len(group) > 1]
        return tuple(
            replace(section, name=f"{section.name}-{place}")
            for place, section in enumerate(filter(None, sections), start=1)
        )


@dataclass(frozen=True)
class _Seen:
    """What a chapter is made of: the search's losses, those that are shown, the pick, and what the finals say of it."""

    scores: pd.DataFrame
    finals: pd.DataFrame
    confirmations: list[Comparison]
    losses: list[ShownLoss]
    pick: ShownLoss | None
    said: str


def _seen(run: Run, anchor: str) -> _Seen:
    scores, finals = run.scores(), run.finals()
    losses = shown_losses(run, scores, finals, anchor)
    pick = _pick(run, losses)
    number = int(pick.search["individual"]) if pick and pick.search else None
    said = verdict_of(run, number, pick.formula) if pick and len(finals) else ""
    return _Seen(scores, finals, _confirmations(run), losses, pick, said)


def _chapter(run: Run, anchor: str, seen: _Seen, sections: Sequence[Section | None], record: Row) -> Chapter:
    claimed = _claims(seen.confirmations, seen.said, run)
    return Chapter(
        anchor=anchor,
        kind="search",
        title=run.directory.resolve().name,
        lead=filled("search.html", run=run, counts=_counts(run), claims=claimed),
        sections=tuple(section for section in sections if section is not None),
        facts=_facts(run, seen.scores, seen.finals, seen.confirmations),
        record=record,
    )


def _pick(run: Run, losses: Sequence[ShownLoss]) -> ShownLoss | None:
    """The loss that the run picks; None where nobody can be picked."""
    try:
        number = pick_number(run)
    except UserError:
        return None
    return next((loss for loss in losses if loss.search and loss.search["individual"] == number), None)


def _confirmations(run: Run) -> list[Comparison]:
    journals = sorted((run.directory / _CONFIRMATIONS).glob(f"*/{JOURNAL}"))
    return [Comparison(path, "confirmation") for path in journals]


def _claims(confirmations: Sequence[Comparison], said: str, run: Run) -> list[str]:
    """What may be claimed, in the fewest words: of confirmations the sum of each, else what the finals say."""
    confirmed = [claims(one) for one in confirmations if one.finished]
    if confirmed:
        return [f"{one.settings.names[0]}: {lines[-1]}" for one, lines in zip(confirmations, confirmed, strict=False)]
    if said:
        return [f"{said} Not confirmed yet: nothing is claimed of seeds that chose it."]
    if not run.results:
        return ["No trial has ended yet: there is nothing to see so far. The same command shows more later."]
    return ["The finals are not over: nothing may be claimed yet."]


def _counts(run: Run) -> str:
    return f"{counts_line(run.states()) or 'none ended yet'}, {run.under_way} under way"


def _facts(run: Run, scores: pd.DataFrame, finals: pd.DataFrame, confirmations: Sequence[Comparison]) -> dict[str, str]:
    """What stands in a row where runs are compared."""
    config = run.config
    found, references = (finals[finals["reference"].astype(bool) == is_one] for is_one in (False, True))
    return {
        "run": run.directory.resolve().name,
        "what": f"{'random search' if config.space.evolution.random else 'search'}, {run.status}",
        "on": f"{config.space.name} on {config.data}, seed {config.seed}",
        "measured by": f"{config.metric} (floor {decimal(config.floor_fd)})",
        "trained": f"{run.asked:,} trials, {int(scores['viable'].sum()):,} losses that train",
        "best found": _best(found),
        "best published": _best(references),
        "confirmed, or compared": "; ".join(claims(one)[-1] for one in confirmations if one.finished),
    }


def _best(finals: pd.DataFrame) -> str:
    if not len(finals):
        return ""
    best = finals.sort_values("fd").iloc[0]
    ends = f"{decimal(best['fd_low'])} to {decimal(best['fd_high'])}"
    return f"{best['name'] or '#' + str(best['individual'])}: {decimal(best['fd'])} ({ends})"
