"""What a study of losses is a function of: which losses, in which setups and on which seeds, for how long."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.evolution.config import Measure
from ganetic.evolution.space import SpaceProxy
from ganetic.formats import Format
from ganetic.jobs.grid import Cell
from ganetic.studies.ratios import Pair
from ganetic.training.rates import RateList, Rates
from ganetic.training.spec import TrialSpec, with_rates

if TYPE_CHECKING:  # not for a cycle: settings are read without torch, which prepared data needs
    from ganetic.training.proxy_data import ProxyData

STUDY = Format("study")
"""What a study's journal says of the study as a whole."""

MADE_WITH = "made_with"
"""Beside the settings in a journal: versions and hardware."""

Kind = Literal["comparison", "confirmation", "tuning"]


class Entry(Config):
    """A loss of a study.

    Attributes:
        name: what it is told apart by.
        text: the formula's one line.
        rates: what it is trained with; None for those of each setup.
    """

    name: str
    text: str
    # Left out where there are none: studies that were recorded without rates stay what they were.
    rates: Annotated[Rates | None, Field(exclude_if=lambda rates: rates is None)] = None


class FullSetup(Config):
    """A configuration of full training that stands in a study where a proxy does.

    It is kept as plain data: a study is read without torch, and also when such configurations have got other keys.
    """

    name: str
    """The name of its model, or of its file where several configurations are compared; setups are told apart by it."""
    config: dict[str, Any]
    """A `ganetic.training.config.TrainConfig`. Every training has its own seed."""

    def with_rates(self, rates: Rates | None) -> dict[str, Any]:
        """The configuration with other rates of both players; None for its own."""
        if rates is None:
            return self.config
        both = {"generator_lr": rates.learning_rate, "discriminator_lr": rates.learning_rate}
        return {**self.config, "optimizer": {**self.config["optimizer"], **both, "beta1": rates.beta1}}


Setup = SpaceProxy | FullSetup
"""What losses are trained in."""


def trained_at(loss: Entry, setup: Setup) -> tuple[Rates, ...]:
    """The rates of a loss in a setup; two where the generator's and the discriminator's differ."""
    if isinstance(setup, SpaceProxy):
        spec = with_rates(setup.spec, loss.rates)
        return (Rates(learning_rate=spec.learning_rate, beta1=spec.beta1),)
    optimizer = setup.with_rates(loss.rates)["optimizer"]
    rates = dict.fromkeys((optimizer["generator_lr"], optimizer["discriminator_lr"]))
    return tuple(Rates(learning_rate=rate, beta1=optimizer["beta1"]) for rate in rates)


class Tuned(Config):
    """How the rates of each loss of a study were chosen.

    Attributes:
        given: the list that was begun with.
        rates: the same list after all extensions.
        seeds: trainings of each loss at each of the rates, on each proxy.
    """

    given: RateList
    rates: RateList
    seeds: int


class StudyConfig(Config):
    """All that decides a study; it goes on only with the same.

    Attributes:
        kind: who made it; a tuning has each loss once at each of its rates.
        losses: what is trained.
        pairs: what is compared with what, as one family of comparisons.
        space: name of the search space that gave proxies and checkpoints, or of the configuration of full training.
        data: name of the data set.
        proxies: what the losses are trained in: proxies, or setups of full training.
        measures: how they are measured there, one for each proxy.
        seeds: of the trainings of each loss on each proxy.
        steps: updates of each player in a training; of several configurations, in the longest.
        checkpoints: steps at which fd is measured; of several configurations, in the longest.
        tuned: how the rates of the losses were chosen; None where they were not.
        arms: which setups are compared with which, with each loss, in the same family as the pairs; none where losses
            are compared alone.
    """

    kind: Kind
    losses: Annotated[tuple[Entry, ...], Field(min_length=1)]
    pairs: tuple[Pair, ...]
    space: str
    data: str
    proxies: Annotated[tuple[Setup, ...], Field(min_length=1)]
    measures: tuple[Measure, ...]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    steps: int
    checkpoints: tuple[int, ...]
    # Left out where there is none, as `Entry.rates`.
    tuned: Annotated[Tuned | None, Field(exclude_if=lambda tuned: tuned is None)] = None
    arms: Annotated[tuple[Pair, ...], Field(exclude_if=lambda arms: arms == ())] = ()

    @property
    def names(self) -> list[str]:
        """The names of the losses."""
        return [loss.name for loss in self.losses]

    @property
    def several_proxies(self) -> bool:
        """Whether the proxies need names where they are shown."""
        return len(self.proxies) > 1

    @property
    def has_arms(self) -> bool:
        """Whether setups are compared with one another; their distances are in the same features then."""
        return bool(self.arms)

    @property
    def has_rates(self) -> bool:
        """Whether losses are trained with rates of their own."""
        return any(loss.rates is not None for loss in self.losses)

    def measure(self, proxy: str) -> Measure:
        """How losses are measured on the proxy of this name."""
        return next(measure for measure in self.measures if measure.proxy == proxy)

    def trainings(self) -> Iterator[tuple[Entry, Setup, int]]:
        """Loss, proxy and seed of every training, in order: all losses on one seed before the next seed."""
        for seed, proxy, loss in product(self.seeds, self.proxies, self.losses):
            yield loss, proxy, seed

    def cells(self) -> list[Cell]:
        """The trainings as jobs; no kill rules, so that every loss gets the same steps."""
        places = {loss: place for place, loss in enumerate(self.losses)}
        return [
            Cell(
                subject=places[loss],
                text=loss.text,
                payload=self._trial(loss, setup, seed)
                if isinstance(setup, SpaceProxy)
                else self._full_training(loss, setup, seed),
            )
            for loss, setup, seed in self.trainings()
        ]

    def meta(self) -> dict[str, Any]:
        """The study as plain data, for a journal."""
        return self.model_dump(mode="json")

    def _trial(self, loss: Entry, proxy: SpaceProxy, seed: int) -> dict[str, Any]:
        """What `ganetic.training.trial.trial_job` takes."""
        return TrialSpec(
            formula=loss.text,
            seed=seed,
            steps=self.steps,
            checkpoints=self.checkpoints,
            proxy=with_rates(proxy.spec, loss.rates),
            materials=proxy.name,
        ).model_dump(mode="json")

    def _full_training(self, loss: Entry, setup: FullSetup, seed: int) -> dict[str, Any]:
        """What `ganetic.training.job.train_job` takes. A training that only chooses rates leaves nothing behind."""
        tuning = self.kind == "tuning"
        rates = f"-lr{loss.rates.learning_rate:g}-beta{loss.rates.beta1:g}" if tuning and loss.rates else ""
        return {
            "name": f"{'tuning-' * tuning}{setup.name}-{loss.name}{rates}-s{self.seeds.index(seed)}",
            "setup": setup.name,
            "loss": loss.name,
            "formula": loss.text,
            "config": {**setup.with_rates(loss.rates), "seed": seed},
            "is_kept": not tuning,
        }


def settings_in(meta: Mapping[str, Any], kind: Kind, path: Path) -> StudyConfig:
    """Read the settings in a journal.

    Raises:
        UserError: the journal is of something else, or a newer version wrote what is not understood.
    """
    if meta.get("kind") != kind:
        raise UserError(f"{path}: holds no {kind}; name a directory of one")
    settings = {key: value for key, value in meta.items() if key != MADE_WITH}
    return STUDY.read(settings, StudyConfig, where=str(path))


def measures_of(proxies: Sequence[SpaceProxy], proxy_data: Mapping[str, "ProxyData"]) -> tuple[Measure, ...]:
    """How losses are measured on proxies whose data is prepared."""
    return tuple(Measure.of(proxy, proxy_data[proxy.name], ()) for proxy in proxies)
