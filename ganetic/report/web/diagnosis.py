"""What was wrong with a training, in words: the three ills, and whatever else was found."""

from collections.abc import Sequence
from itertools import pairwise

from ganetic.report.renderers.html import filled
from ganetic.report.table import Entries, Entry, Notes
from ganetic.report.web.chapter import Section
from ganetic.report.web.trained import TrainingRun
from ganetic.training.diagnosis import GRACE
from ganetic.training.failure_modes import FEEBLE, LEARNT_LEAST, STILL, STILL_SHARE, WORSE_THAN_BEST, FailureMode

_ILLS = (FailureMode.MODE_COLLAPSE, FailureMode.NON_CONVERGENCE, FailureMode.VANISHING_GRADIENT)
"""The three of Saad, Rehmani & O'Reilly, which are spoken of even where none was found."""

_MEANING = {
    FailureMode.MODE_COLLAPSE: "the images are nearly all alike, or leave out kinds of images that the real ones have",
    FailureMode.NON_CONVERGENCE: "the generator was better before, and lost again what it had learnt",
    FailureMode.VANISHING_GRADIENT: "the generator gets no gradient from which it could learn",
    FailureMode.LEARNT_NOTHING: "the generator moves, but its images come no nearer to the real ones",
    FailureMode.NON_FINITE: "a number was infinite, or none at all",
}
_RULES = {
    FailureMode.MODE_COLLAPSE: "classes and features of the images, see ganetic.metrics.diversity",
    FailureMode.NON_CONVERGENCE: f"fd above {WORSE_THAN_BEST:g} times its lowest, or less than {LEARNT_LEAST:.0%} of "
    "the way from the untrained generator to real images is left, in ln fd",
    FailureMode.VANISHING_GRADIENT: f"updates below {STILL:g} of a full step in {STILL_SHARE:.0%} of the logged steps, "
    f"or below {FEEBLE:g} in the median where nothing was learnt",
    FailureMode.LEARNT_NOTHING: f"less than {LEARNT_LEAST:.0%} of the way from the untrained generator to real images, "
    "in ln fd",
}
_SPANS = 6


def diagnosis_section(training: TrainingRun) -> Section:
    """Say of each ill at which measurements it was found."""
    failures = training.failures
    found = {failure for _, failure in failures if failure}
    modes = [*_ILLS, *(mode for mode in FailureMode if mode in found and mode not in _ILLS)]
    entries = [_entry(mode, failures) for mode in modes]
    entries += [
        Entry(other.replace("_", " "), _where([step for step, one in failures if one == other], failures), "", True)
        for other in sorted(found - set(FailureMode))
    ]
    if training.reason:
        entries.insert(0, Entry("Stopped", f"The training was ended at {training.reason}.", "", True))
    content = filled("diagnosis.html", blocks=(Entries(tuple(entries)), Notes(tuple(_notes(failures)))))
    return Section("diagnosis", "Diagnosis", content)


def said_of_failures(training: TrainingRun) -> str:
    """Say in a sentence what the last measurement found."""
    failures = training.failures
    if not failures:
        return "Nothing of it was measured yet, so that nothing can be said of failures."
    step, last = failures[-1]
    if last is not None:
        return f"The last measurement, at step {step:,}, found {last.replace('_', ' ')}."
    earlier = sorted({found.replace("_", " ") for _, found in failures if found})
    if earlier:
        return f"The last measurement found no failure; earlier ones found {' and '.join(earlier)}."
    return f"No rule found a failure in {_count(len(failures), 'measurement')}, which proves nothing."


def _entry(mode: FailureMode, failures: Sequence[tuple[int, str | None]]) -> Entry:
    steps = [step for step, found in failures if found == mode]
    rule = f"rule: {_RULES[mode]}" if mode in _RULES else ""
    name = mode.replace("_", " ").replace("non convergence", "non-convergence").capitalize()
    return Entry(name, f"{_where(steps, failures)} It means that {_MEANING[mode]}.", rule, bool(steps))


def _where(steps: Sequence[int], failures: Sequence[tuple[int, str | None]]) -> str:
    """Say at which measurements something was found, one span after the other."""
    if not failures:
        return "Not measured yet."
    if not steps:
        return f"Not found in {_count(len(failures), 'measurement')}."
    spans = _spans(steps, [step for step, _ in failures])
    said = ", ".join(f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in spans[:_SPANS])
    more = f" and {len(spans) - _SPANS} more times" if len(spans) > _SPANS else ""
    return f"Found at {len(steps)} of {_count(len(failures), 'measurement')}: at step {said}{more}."


def _spans(steps: Sequence[int], measured: Sequence[int]) -> list[tuple[int, int]]:
    """Join steps that were measured one after the other."""
    following = dict(pairwise(measured))
    spans: list[tuple[int, int]] = []
    for step in steps:
        if spans and following.get(spans[-1][1]) == step:
            spans[-1] = (spans[-1][0], step)
        else:
            spans.append((step, step))
    return spans


def _notes(failures: Sequence[tuple[int, str | None]]) -> list[str]:
    notes = [
        "Saad, Rehmani & O'Reilly name these three (https://arxiv.org/abs/2201.07646).",
        "A measurement names one at most.",
        f"In the first {GRACE:.0%} of the steps only a vanishing gradient counts: a young generator's images are all "
        "alike.",
    ]
    return notes if failures else notes[:2]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
