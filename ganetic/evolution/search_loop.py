"""The loop of a search: ask, submit, collect, tell; then drain, and the finals."""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product

from ganetic.callbacks import Phase, Progress, ProgressCallback, TopIndividual
from ganetic.evolution.config import RunConfig
from ganetic.evolution.events import EXHAUSTED, FINISHED, STOP, TIMING_AFFECTED
from ganetic.evolution.finals import AFTER_SEARCH, FINAL, TUNING, Contestant, FinalTrial, Kind, assess, contestants
from ganetic.evolution.individual import seed_trace
from ganetic.evolution.sampler import NSGA2Sampler
from ganetic.evolution.trial_maker import TrialMaker
from ganetic.evolution.trial_queue import ABOUT, TrialQueue
from ganetic.evolution.trial_request import TrialRequest
from ganetic.evolution.tuning import distances, planned, said_of
from ganetic.evolution.variation import SearchSpaceExhausted
from ganetic.interrupt import Interrupt
from ganetic.jobs.executor import Executor
from ganetic.jobs.journal import Journal, collector_off
from ganetic.loss.formula import Formula
from ganetic.training.rates import chosen_rates
from ganetic.training.result import TrialState

_logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
TOP = 5


class SearchLoop:
    """Drives one run to its end, or until it is asked to stop.

    Trial n is bred from the results of the trials before n - window, told in order of submission, however they arrive.
    With `goes_on`, a stop of a former driver that had not come through its finals is passed over.

    What evolution asks for is counted on its own: finals have numbers in the journal, but no place in that count.
    """

    def __init__(
        self,
        config: RunConfig,
        journal: Journal,
        executor: Executor,
        callback: ProgressCallback[Progress],
        max_trials: int,
        time_budget_seconds: float | None,
        goes_on: bool = False,
    ) -> None:
        self._config, self._space, self._trials = config, config.space, TrialMaker(config)
        self._journal, self._callback = journal, callback
        self._ledger = TrialQueue(journal, executor)
        self.evolution = NSGA2Sampler(config.space, config.seed, config.scales)
        self._asked: list[int] = []  # numbers in the journal
        self._untold: deque[tuple[int, TrialRequest]] = deque()
        self._rejections: Counter[str] = Counter()
        self._max_trials = max_trials
        self._time_budget_seconds = time_budget_seconds
        self._goes_on = goes_on
        self._began = time.monotonic()
        self._phase: Phase = "searching"
        self._target: int | None = None
        self._of_phase: set[int] = set()
        self._finished = 0
        self._began_phase = self._began

    def drive(self, interrupt: Interrupt) -> bool:
        """Search until something ends it, drain, and run the finals; returns whether the run is finished."""
        self.replay()
        self._enter("searching", self._max_trials, self._asked)
        reason = self._former_stop() or self._search(interrupt)
        self._phase = "draining"
        self._drain(interrupt)
        if interrupt.requested:
            return False
        self._write_stop(reason)
        _logger.info(f"search stopped after {len(self._asked)} trials ({reason})")
        if not self._finals(interrupt):
            return False
        self._journal.event(len(self._asked), FINISHED, {})
        self._show("finished")
        return True

    @collector_off()
    def replay(self) -> None:
        """Bring evolution to where the journal ends: texts are read back, nothing is bred again."""
        for submission in list(self._ledger.submissions):
            if submission.kind in AFTER_SEARCH:
                continue
            proposal = TrialRequest.model_validate(submission.payload[ABOUT])
            self._tell(len(self._asked) - self._space.evolution.window)
            self.evolution.register(proposal)
            self._note(submission.number, proposal)
        if lost := self._ledger.resubmit(self._trials.of):
            _logger.info(f"{lost} trials that were running when the run was left are started again")

    def _former_stop(self) -> str | None:
        """Why a former driver stopped here and went into the finals, unless the search is to go on from there."""
        stops = [event for event in self._journal.events() if event.name == STOP]
        if self._goes_on or not stops or stops[-1].at != len(self._asked):
            return None
        return str(stops[-1].detail["reason"])

    def _search(self, interrupt: Interrupt) -> str:
        while True:
            if interrupt.requested:
                return "interrupt"
            if len(self._asked) >= self._max_trials:
                return "max_trials"
            if self._time_budget_seconds and time.monotonic() - self._began > self._time_budget_seconds:
                return "time_budget"
            if not self._tell(len(self._asked) - self._space.evolution.window):
                self._collect()
                continue
            try:
                proposal = self.evolution.ask(len(self._asked))
            except SearchSpaceExhausted as end:
                why = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in end.rejections.most_common(3))
                _logger.warning(
                    f"of {end.rejections.total()} draws none is new and passes the screen ({why}): "
                    "more operators, variables or nodes make a larger space"
                )
                return EXHAUSTED
            self._submit(proposal)

    def _drain(self, interrupt: Interrupt) -> bool:
        """Wait for all trials, but once interrupted for those alone that run; returns whether all came back."""
        complete = True
        while self._ledger.outstanding:
            if interrupt.requested and self._ledger.withhold():
                complete = False
            self._collect()
        return complete

    def _write_stop(self, reason: str) -> None:
        """Note the stop, unless a former driver did and was killed in the finals."""
        stops = [event for event in self._journal.events() if event.name in (STOP, FINISHED)]
        stop = (len(self._asked), STOP, {"reason": reason})
        if not stops or stops[-1][:3] != stop:
            self._journal.event(*stop)

    def _finals(self, interrupt: Interrupt) -> bool:
        """Train the contestants on the final seeds; returns whether it came to the end."""
        stop = len(self._asked)
        individuals = assess(self._space, self._config.scales, self._ledger.submissions, self._ledger.results)
        entries = contestants(self._space, individuals)
        if all(entry.individual < 0 for entry in entries):
            _logger.warning("no loss of this search trained; the finals show the references alone")
        if self._space.genes is not None:
            tuned = self._tune(entries, stop, interrupt)
            if tuned is None:
                return False
            entries = tuned
        seeds, proxies = range(self._space.finals.seeds), range(len(self._space.proxies))
        trials = [
            FinalTrial(stop=stop, contestant=entry.name, seed=seed, proxy=proxy, rates=entry.rates)
            for seed, entry, proxy in product(seeds, entries, proxies)
        ]
        return self._run("finals", FINAL, stop, trials, entries, interrupt)

    def _tune(self, entries: Sequence[Contestant], stop: int, interrupt: Interrupt) -> list[Contestant] | None:
        """The contestants with the rates at which each is best; None where that was interrupted."""
        genes, proxies = self._space.genes, len(self._space.proxies)
        assert genes is not None
        names = [entry.name for entry in entries]
        while True:
            ended = [
                (about, seed_trace(self._ledger.results[number]))
                for about, number in self._submitted(TUNING, stop).items()
                if number in self._ledger.results
            ]
            known = distances(names, genes.tuning_seeds, self._config.scales, ended)
            rates, best = chosen_rates(genes, known)
            if best is not None:
                break
            trials = planned(stop, names, rates, genes, proxies)
            if not self._run("tuning", TUNING, stop, trials, entries, interrupt):
                return None
        for line in said_of(genes, rates, best):
            _logger.info(line)
        return [replace(entry, rates=best[entry.name]) for entry in entries]

    def _run(
        self,
        phase: Phase,
        kind: Kind,
        stop: int,
        trials: Sequence[FinalTrial],
        entries: Sequence[Contestant],
        interrupt: Interrupt,
    ) -> bool:
        """Run trials that come after the search, but for those that were run; returns whether all came to the end."""
        submitted = self._submitted(kind, stop)
        by_name = {entry.name: entry for entry in entries}
        self._enter(phase, len(trials), (submitted[about] for about in trials if about in submitted))
        for about in trials:
            if about not in submitted:
                self._submit_after(kind, by_name[about.contestant], about)
        return self._drain(interrupt)

    def _submitted(self, kind: Kind, stop: int) -> dict[FinalTrial, int]:
        """The trials of this kind after the search stopped there, with their numbers in the journal."""
        abouts = (
            (FinalTrial.model_validate(submission.payload[ABOUT]), submission.number)
            for submission in self._ledger.submissions
            if submission.kind == kind
        )
        return {about: number for about, number in abouts if about.stop == stop}

    def _tell(self, count: int) -> bool:
        """Tell evolution of results, in order of submission, up to a count; returns whether they are all there."""
        while len(self._asked) - len(self._untold) < count:
            number, proposal = self._untold[0]
            if number not in self._ledger.results:
                return False
            self.evolution.tell(proposal, self._ledger.results[number])
            self._untold.popleft()
        return True

    def _submit(self, proposal: TrialRequest) -> None:
        trial = self._trials.of_search(proposal)
        number = self._ledger.submit(proposal.kind, proposal.individual, trial, proposal.model_dump(mode="json"))
        self._note(number, proposal)
        self._of_phase.add(number)

    def _submit_after(self, kind: Kind, entry: Contestant, about: FinalTrial) -> None:
        trial = self._trials.after_search(kind, entry.text, about)
        number = self._ledger.submit(kind, entry.individual, trial, about.model_dump(mode="json"))
        self._of_phase.add(number)

    def _note(self, number: int, proposal: TrialRequest) -> None:
        self._asked.append(number)
        self._untold.append((number, proposal))
        self._rejections.update(proposal.rejections)

    def _collect(self) -> None:
        for number in self._ledger.collect(TICK_SECONDS):
            self._finished += number in self._of_phase
            if self._ledger.results[number].state is TrialState.TIMED_OUT:
                self._journal.event(len(self._asked), TIMING_AFFECTED, {"number": number})
                _logger.warning(
                    f"trial {number} ran over its wall time twice: from here on the run depends on the clock"
                )
        self._show(self._phase)

    def _enter(self, phase: Phase, target: int | None, numbers: Iterable[int]) -> None:
        """Begin a phase of which these trials were submitted by a former driver."""
        self._phase, self._target, self._began_phase = phase, target, time.monotonic()
        self._of_phase = set(numbers)
        self._finished = sum(number in self._ledger.results for number in self._of_phase)

    def _show(self, phase: Phase) -> None:
        self._phase = phase
        running = min(self._ledger.outstanding, self._ledger.slots)
        self._callback.update(
            Progress(
                phase=phase,
                submitted=len(self._of_phase),
                finished=self._finished,
                running=running,
                target=self._target,
                elapsed_seconds=time.monotonic() - self._began_phase,
                states=dict(self._ledger.states),
                rejections=dict(self._rejections),
                top=self._best(),
                slots=self._ledger.slots,
            )
        )

    def _best(self) -> tuple[TopIndividual, ...]:
        members = sorted(self.evolution.population, key=lambda one: (-one.rung, one.fitness.fd))[:TOP]
        return tuple(
            TopIndividual(
                individual=one.number,
                formula=_readable(one.text),
                fd=one.fitness.fd,
                instability=one.fitness.instability,
                seeds=self._space.rungs[one.rung].seeds,
            )
            for one in members
        )


@lru_cache(maxsize=64)
def _readable(text: str) -> str:
    """A formula for people: the best ones are shown after every trial, and change seldom."""
    return Formula.from_text(text).readable
