"""Choose each loss's rates for a study, by trainings on seeds of their own before it begins."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import geometric_mean

import pandas as pd

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.errors import UserError
from ganetic.evolution.seeds import training_seed
from ganetic.jobs.executor import Executor
from ganetic.studies.comparison import RAISED, Comparison, tuning_journal
from ganetic.studies.config import Entry, StudyConfig, Tuned
from ganetic.studies.formatting import listed, rates_listed
from ganetic.studies.training import is_complete, train
from ganetic.training.rates import RateList, Rates, chosen_rates

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuning:
    """A list of rates that all losses of a study are trained at, as many times each; what ended is kept in journals.

    Attributes:
        directory: of the study; the journals are those of `ganetic.studies.comparison.tuning_journal`.
        study: without rates. All else of the trainings is as it says, but for their seeds.
        given: the list to begin with.
        seeds: trainings of each loss at each of the rates, on each proxy.
        run_seed: see `ganetic.evolution.seeds.training_seed`.
    """

    directory: Path
    study: StudyConfig
    given: RateList
    seeds: int
    run_seed: int

    def tuned(self) -> StudyConfig | None:
        """The study with each loss's own rates; None while trainings are missing.

        Raises:
            UserError: a journal is of another tuning, or a training raised an error.
        """
        return self._state().study

    def run(self, executor: Executor, callback: ProgressCallback[Progress]) -> StudyConfig:
        """Run the trainings that have not ended yet, and return the study with each loss's own rates.

        Hold `ganetic.jobs.lock.run_lock`.

        Args:
            executor: for trials on the proxies of the study.
            callback: is told where the trainings stand.

        Raises:
            UserError: a journal is of another tuning, or a training raised an error.
        """
        while (state := self._state()).study is None:
            rates, asked = state.rates, state.missing
            learning_rates = [f"{rate:g}" for rate in dict.fromkeys(pair.learning_rate for pair in asked)]
            several = "s" if len(learning_rates) > 1 else ""
            beyond = "" if rates == self.given else ", beyond an end of the list at which one was best"
            _logger.info(f"tuning: all losses at learning rate{several} {listed(learning_rates)}{beyond}")
            train(state.journal, self._round(rates, asked), executor, callback, "tuning")
        return state.study

    def _state(self) -> "_TuningState":
        """Go through the rounds that have ended."""
        fds: dict[str, dict[Rates, list[float]]] = {loss.name: {} for loss in self.study.losses}
        for number in count():
            rates, best = chosen_rates(self.given, fds)
            journal = tuning_journal(self.directory, number)
            if best is not None:
                return _TuningState(rates, journal, (), self._with(rates, best))
            asked = tuple(pair for pair in rates.pairs if any(pair not in own for own in fds.values()))
            if not is_complete(journal, self._round(rates, asked)):
                return _TuningState(rates, journal, asked, None)
            for name, found in _fds(Comparison(journal, "tuning").runs(), journal).items():
                fds[name].update(found)
        raise AssertionError("chosen_rates extends a list a few times only")

    def _round(self, rates: RateList, asked: Iterable[Rates]) -> StudyConfig:
        """The trainings of one journal as a study of its own."""
        seeds = tuple(training_seed(self.run_seed, "tuning", number) for number in range(self.seeds))
        losses = tuple(
            Entry(name=loss.name, text=loss.text, rates=pair) for pair in asked for loss in self.study.losses
        )
        changes = {"kind": "tuning", "losses": losses, "pairs": (), "seeds": seeds, "tuned": self._said(rates)}
        return self.study.model_copy(update=changes)

    def _with(self, rates: RateList, best: Mapping[str, Rates]) -> StudyConfig:
        losses = tuple(loss.model_copy(update={"rates": best[loss.name]}) for loss in self.study.losses)
        return self.study.model_copy(update={"losses": losses, "tuned": self._said(rates)})

    def _said(self, rates: RateList) -> Tuned:
        return Tuned(given=self.given, rates=rates, seeds=self.seeds)


@dataclass(frozen=True)
class _TuningState:
    """Where a tuning stands: its list by now, and what that still needs in which journal, or what came of it."""

    rates: RateList
    journal: Path
    missing: tuple[Rates, ...]
    study: StudyConfig | None


def with_own_beta1s(rates: RateList, beta1s: Collection[float]) -> RateList:
    """The list with the β₁ of a study's setups where it says none itself."""
    if "beta1s" in rates.model_fields_set:
        return rates
    return rates.model_copy(update={"beta1s": tuple(sorted(beta1s))})


def refuse_other_rates(directory: Path, begun: Tuned | None, given: RateList | None, seeds: int) -> None:
    """Refuse to go on with a study whose rates were chosen in another way.

    Args:
        directory: of the study.
        begun: how they were chosen when it was begun.
        given: the list that is asked for now, if any.
        seeds: with how many trainings of each loss at each of the rates.

    Raises:
        UserError: they were chosen in another way.
    """
    then = None if begun is None else (begun.given, begun.seeds)
    now = None if given is None else (given, seeds)
    if then != now:
        raise UserError(
            f"{directory}: was begun {_described(then)}, not {_described(now)}; undo the change, or name a new "
            "directory"
        )


def _described(tuned: tuple[RateList, int] | None) -> str:
    return "without rates" if tuned is None else f"with {rates_listed(tuned[0])} on {tuned[1]} tuning seeds"


def _fds(runs: pd.DataFrame, journal: Path) -> dict[str, dict[Rates, list[float]]]:
    """The distances of each loss at each of the rates, a number a seed: the geometric mean over the proxies.

    Raises:
        UserError: a training raised an error.
    """
    for row in runs[runs["state"] == RAISED].to_dict("records"):
        where = f"{row['loss']} at learning rate {row['learning_rate']:g}, β₁ {row['beta1']:g}, seed {row['seed']},"
        raise UserError(
            f"{journal}: no rates can be chosen: the training of {where} raised an error of ganetic's own, "
            f"{row['error']}; report it, and name a new directory"
        )
    of_seeds: dict[tuple[str, Rates, int], list[float]] = {}
    for row in runs.to_dict("records"):
        rates = Rates(learning_rate=row["learning_rate"], beta1=row["beta1"])
        of_seeds.setdefault((row["loss"], rates, row["seed"]), []).append(row["counted_fd"])
    fds: dict[str, dict[Rates, list[float]]] = {}
    for (loss, rates, _), over_proxies in of_seeds.items():
        fds.setdefault(loss, {}).setdefault(rates, []).append(geometric_mean(over_proxies))
    return fds
