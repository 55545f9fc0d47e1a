"""What a study of losses is a function of: which losses, on which proxies and seeds, for how long."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ganetic.config import Config
from ganetic.errors import UserError
from ganetic.evolution.run_config import Measure
from ganetic.evolution.space import SpaceProxy
from ganetic.formats import Format
from ganetic.jobs.grid import Cell
from ganetic.proxy.rates import RateList, Rates
from ganetic.proxy.spec import ProxySpec, TrialSpec, with_rates
from ganetic.studies.ratios import Pair

if TYPE_CHECKING:  # not for a cycle: settings are read without torch, which prepared data needs
    from ganetic.proxy.materials import Materials

STUDY = Format("study")
"""What a study's journal says of the study as a whole."""

MADE_WITH = "made_with"
"""Beside the settings in a journal: versions and hardware."""

Kind = Literal["comparison", "confirmation", "tuning"]


class Entry(Config):
    """A loss of a study.

    Attributes:
        name: told apart by it.
        text: the formula's one line.
        rates: what it is trained with; None for those of each proxy.
    """

    name: str
    text: str
    # Left out where there are none: studies that were recorded without rates stay what they were.
    rates: Annotated[Rates | None, Field(exclude_if=lambda rates: rates is None)] = None

    def on(self, proxy: ProxySpec) -> ProxySpec:
        """The settings of a proxy with which this loss is trained."""
        return with_rates(proxy, self.rates)


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


class Settings(Config):
    """All that decides a study; it goes on only with the same.

    Attributes:
        kind: who made it; a tuning has each loss once at each of its rates.
        losses: what is trained.
        pairs: what is compared with what, as one family of comparisons.
        space: name of the search space that gave proxies and checkpoints.
        data: name of the data set.
        proxies: on what the losses are trained.
        measures: how they are measured there, one for each proxy.
        seeds: of the trainings of each loss on each proxy.
        steps: updates of each player in a training.
        checkpoints: steps at which fd is measured.
        tuned: how the rates of the losses were chosen; None where they were not.
    """

    kind: Kind
    losses: Annotated[tuple[Entry, ...], Field(min_length=1)]
    pairs: tuple[Pair, ...]
    space: str
    data: str
    proxies: Annotated[tuple[SpaceProxy, ...], Field(min_length=1)]
    measures: tuple[Measure, ...]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    steps: int
    checkpoints: tuple[int, ...]
    # Left out where there is none, as `Entry.rates`.
    tuned: Annotated[Tuned | None, Field(exclude_if=lambda tuned: tuned is None)] = None

    @property
    def names(self) -> list[str]:
        """Of the losses."""
        return [loss.name for loss in self.losses]

    @property
    def several_proxies(self) -> bool:
        """Whether the proxies need names where they are shown."""
        return len(self.proxies) > 1

    @property
    def has_rates(self) -> bool:
        """Whether losses are trained with rates of their own."""
        return any(loss.rates is not None for loss in self.losses)

    def measure(self, proxy: str) -> Measure:
        """How losses are measured on the proxy of this name."""
        return next(measure for measure in self.measures if measure.proxy == proxy)

    def trainings(self) -> Iterator[tuple[Entry, SpaceProxy, int]]:
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
                payload=TrialSpec(
                    formula=loss.text,
                    seed=seed,
                    steps=self.steps,
                    checkpoints=self.checkpoints,
                    proxy=loss.on(proxy.spec),
                    materials=proxy.name,
                ).model_dump(mode="json"),
            )
            for loss, proxy, seed in self.trainings()
        ]

    def meta(self) -> dict[str, Any]:
        """As plain data, for a journal."""
        return self.model_dump(mode="json")


def settings_in(meta: Mapping[str, Any], kind: Kind, path: Path) -> Settings:
    """Read the settings in a journal.

    Raises:
        UserError: the journal is of something else, or a newer version wrote what is not understood.
    """
    if meta.get("kind") != kind:
        raise UserError(f"{path}: holds no {kind}; name a directory of one")
    settings = {key: value for key, value in meta.items() if key != MADE_WITH}
    return STUDY.read(settings, Settings, where=str(path))


def measures_of(proxies: Sequence[SpaceProxy], materials: Mapping[str, "Materials"]) -> tuple[Measure, ...]:
    """How losses are measured on proxies whose data is prepared."""
    return tuple(Measure.of(proxy, materials[proxy.name], ()) for proxy in proxies)
