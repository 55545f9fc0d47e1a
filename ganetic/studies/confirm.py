"""Confirm what a search found: train it and the references on seeds that chose nothing, and say what may be claimed."""

import logging
from dataclasses import dataclass
from pathlib import Path

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback
from ganetic.config import Config
from ganetic.errors import UserError, typed
from ganetic.evolution.config import Measure, differences
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.seeds import SEEDS_A_ROLE, training_seed
from ganetic.evolution.selection import pick_card
from ganetic.files import make_directory, refuse_impossible_directory
from ganetic.jobs.disk import refuse_network_disk
from ganetic.jobs.lock import run_lock
from ganetic.loss.card import LossCard, Reference, Result, read_card
from ganetic.loss.library import LIBRARY
from ganetic.studies.claims import claims
from ganetic.studies.compare import comparison_tables
from ganetic.studies.comparison import JOURNAL, Comparison
from ganetic.studies.config import Entry, StudyConfig, measures_of
from ganetic.studies.formatting import listed
from ganetic.studies.ratios import Pair
from ganetic.studies.study import STUDIES, Study, StudyPage, Surroundings
from ganetic.studies.training import is_complete, train
from ganetic.training.rates import Rates

_logger = logging.getLogger(__name__)

FOLDER = "confirmation"
"""The folder of a run for its confirmations."""


@dataclass(frozen=True, eq=False)
class Confirmation:
    """A loss of a run and the references of its space on seeds that chose nothing.

    Attributes:
        comparison: of the loss with each reference.
        card: of the loss, with these results beside those of the finals.
    """

    comparison: Comparison
    card: LossCard

    def claims(self) -> list[str]:
        """What may be claimed, see `ganetic.studies.claims.claims`."""
        return claims(self.comparison)

    def supersedes(self, path: Path) -> bool:
        """Whether the card may replace the one at a place: there is none, or one of the same loss on no more seeds.

        Raises:
            UserError: what lies there is no card.
        """
        if not path.exists():
            return True
        there = read_card(path)
        return there.formula.text == self.card.formula.text and _confirmed(there) <= _confirmed(self.card)


def confirm(
    run: Run | Path | str,
    seeds: int = 20,
    pick: str = "knee",
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
) -> Confirmation:
    """Train a loss of a finished run and the references of its space again, for as long as the finals did.

    Where rates were chosen for the finals, each is trained with its own.

    The trainings are kept in ``RUN/confirmation/``, a folder for each loss and number of seeds; a confirmation that was
    stopped or killed goes on where it was.

    Args:
        run: the run.
        seeds: trainings of each loss on each proxy of the space, at most 100.
        pick: which loss, see `ganetic.evolution.selection.pick_card`.
        runtime: where.
        callback: its ``update`` is told where the trainings stand; sentences go to `logging`, see `ganetic.callbacks`.

    Raises:
        UserError: the run is not finished, nobody can be picked, or the run's data or features are no longer the same.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    run = run if isinstance(run, Run) else open_run(run)
    if run.status != "finished":
        raise UserError(
            f"{run.directory}: the run is {run.status}, and only its finals choose what is confirmed; "
            f"`{typed('ganetic', 'resume', run.directory)}` goes on with it"
        )
    if not 1 <= seeds <= SEEDS_A_ROLE:
        raise UserError(f"seeds is {seeds}; expected 1 to {SEEDS_A_ROLE}")
    card, space = pick_card(run, pick), run.config.space
    folder = run.directory / FOLDER / f"{card.name}-{seeds}-seeds"
    refuse_impossible_directory(folder)
    refuse_network_disk(folder)
    proxy_data = runtime.proxy_data_of(space, run.config.data)
    measures = measures_of(space.proxies, proxy_data)
    _refuse_other_measures(run, measures)
    settings = _settings(run, card, measures, seeds)
    if not is_complete(folder / JOURNAL, settings):
        with runtime.executor(proxy_data, settings.steps) as executor:
            make_directory(folder)
            with run_lock(folder):
                _logger.info(f"confirming {card.name} beside {listed(space.finals.references) or 'nothing'}")
                train(folder / JOURNAL, settings, executor, callback)
    comparison = Comparison(folder / JOURNAL, "confirmation")
    return Confirmation(comparison, with_results(card, comparison))


def _settings(run: Run, card: LossCard, measures: tuple[Measure, ...], seeds: int) -> StudyConfig:
    space = run.config.space
    chosen = {name: run.final_rates(name) for name in run.finals()["contestant"]}
    references = [
        Entry(name=name, text=LIBRARY[name].formula.text, rates=chosen[name]) for name in space.finals.references
    ]
    return StudyConfig(
        kind="confirmation",
        losses=(
            Entry(name=card.name, text=card.formula.text, rates=_rates_of(card) if space.genes else None),
            *references,
        ),
        pairs=tuple(Pair(card.name, reference.name) for reference in references),
        space=space.name,
        data=run.config.data,
        proxies=space.proxies,
        measures=measures,
        seeds=tuple(training_seed(run.config.seed, "confirmation", number) for number in range(seeds)),
        steps=space.finals.steps,
        checkpoints=space.checkpoints(space.finals.steps),
    )


def _rates_of(card: LossCard) -> Rates:
    assert card.training is not None
    return Rates(learning_rate=card.training.learning_rate, beta1=card.training.beta1)


def _refuse_other_measures(run: Run, measures: tuple[Measure, ...]) -> None:
    for then, now in zip(run.config.measures, measures, strict=True):
        if changes := differences(then.model_copy(update={"kill": ()}), now):
            raise UserError(
                f"{run.directory}: losses are not measured as the run measured them: {'; '.join(changes[:3])}; "
                "undo the change, or start a new run"
            )


def with_results(card: LossCard, comparison: Comparison) -> LossCard:
    """The card with the results of a comparison behind the others, for its loss and for each of the others."""
    before = {reference.name: reference.results for reference in card.references}
    references = [
        Reference(name=name, results=(*before.get(name, ()), *results_of(comparison, name)))
        for name in comparison.settings.names
        if name != card.name
    ]
    return LossCard.of(
        name=card.name,
        formula=card.formula,
        results=(*card.results, *results_of(comparison, card.name)),
        references=references,
        provenance=card.provenance,
        training=card.training,
        found_as=card.found_as,
    )


def results_of(comparison: Comparison, name: str) -> list[Result]:
    """What a comparison measured for one of its losses, for the loss's card: a result for each proxy."""
    settings, runs = comparison.settings, comparison.runs()
    known = {(one.proxy, one.loss): one for one in comparison.summaries()}
    (rates,) = {loss.rates for loss in settings.losses if loss.name == name}
    results = []
    for measure in settings.measures:
        own, summary = runs[(runs["loss"] == name) & (runs["proxy"] == measure.proxy)], known[measure.proxy, name]
        own = own[own["counted_fd"].notna()]  # what raised an error is left out
        fds, seeds = own["counted_fd"].tolist(), own["seed"].tolist()
        if seeds:
            spread = (summary.failed, summary.instability)
            results.append(measure.result("confirmation", settings.steps, seeds, fds, *spread, rates))
    return results


def _confirmed(card: LossCard) -> int:
    """On how many seeds a card's loss was confirmed."""
    return max((len(result.seeds) for result in card.results if result.role == "confirmation"), default=0)


class ConfirmConfig(Config):
    """What a confirmation is a function of; see `confirm`."""

    run: str
    """Directory of a finished run."""
    seeds: int = 20
    """Trainings of each loss."""
    pick: str = "knee"
    """Which loss of the run."""


@STUDIES.register("confirm")
class ConfirmStudy(Study[ConfirmConfig, Confirmation]):
    """What a search found, on seeds that chose nothing."""

    config = ConfirmConfig
    keeps = f"its trainings in RUN/{FOLDER}"

    def run(self, config: ConfirmConfig, folder: Path, surroundings: Surroundings) -> Confirmation:  # noqa: ARG002
        """Train the loss and the references in a folder of the run."""
        return confirm(config.run, config.seeds, config.pick, surroundings.runtime, surroundings.callback)

    def page(self, results: Confirmation) -> StudyPage:
        """Say what may be claimed, and how each loss did."""
        return "\n".join(results.claims()), *comparison_tables(results.comparison)
