"""What a choice of a proxy is: the trainings of a shortlist on one data set, and what follows from them."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ganetic.config import Config
from ganetic.evolution.halving import Merit, SettingTraining, commonest_reason, merit, ranked, staying
from ganetic.evolution.shortlist import Schedule, Setting


class ChoiceConditions(Config):
    """What a choice was made under."""

    version: int
    """Of the shortlist."""
    data: str
    """Name and fingerprint of the images, as the first setting has them."""
    side: int
    """Of these images, in pixels."""
    inception: bool
    """Whether distances were measured in InceptionV3's features, whatever the proxies say."""
    weights: Annotated[str, Field(exclude_if=lambda digest: digest == "")] = ""
    """First digits of the SHA-256 of the weights in whose features distances were measured; empty without a file."""
    schedule: Schedule
    """What the settings were tried with."""
    settings: Annotated[tuple[Setting, ...], Field(min_length=1)]
    """The shortlist; the first is the base."""

    @property
    def key(self) -> str:
        """Twelve hex digits that change with any of this, but for the name of the data."""
        plain = {**self.model_dump(mode="json"), "data": self.data.partition(":")[2]}
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def most_trainings(self) -> int:
        """As many as the choice trains where no setting is dropped early."""
        left, total = len(self.settings), 0
        for seeds in self.schedule.seeds:
            total += left * seeds * len(self.schedule.losses)
            left = min(left, self.schedule.kept_of(left))
        return total


class Sifting(Config):
    """What became of a shortlist in the rounds that have been trained.

    Attributes:
        conditions: what was tried.
        trainings: of whole rounds.
    """

    conditions: ChoiceConditions
    trainings: tuple[SettingTraining, ...]

    def of(self, number: int) -> list[SettingTraining]:
        """The trainings of a setting."""
        return [one for one in self.trainings if one.setting == number]

    @cached_property
    def merits(self) -> dict[int, Merit]:
        """Of every setting that was trained, by its place in the shortlist."""
        numbers = sorted({one.setting for one in self.trainings})
        return {number: merit(self.of(number), self.conditions.schedule) for number in numbers}

    def rounds(self, number: int) -> int:
        """In how many rounds a setting was trained."""
        schedule = self.conditions.schedule
        seeds = self.merits[number].trained // len(schedule.losses)
        return next(past for past in range(1, len(schedule.seeds) + 1) if sum(schedule.seeds[:past]) >= seeds)

    @property
    def last_round(self) -> dict[int, Merit]:
        """Of the settings that were trained in the last round there is."""
        last = max(map(self.rounds, self.merits))
        return {number: one for number, one in self.merits.items() if self.rounds(number) == last}

    def staying(self) -> list[int]:
        """The settings for another round; none where all fail too often."""
        return staying(self.last_round, self.conditions.schedule)

    def refusal(self) -> str | None:
        """Why nothing can be chosen, with advice; None where something can."""
        if ranked(self.last_round, self.conditions.schedule):
            return None
        failed = {number: one.failed / one.trained for number, one in self.last_round.items()}
        best = min(failed, key=lambda number: (failed[number], number))
        failures = f"{self.merits[best].failed} of {self.merits[best].trained} trainings failed"
        return (
            f"{self.conditions.data}: no proxy of the shortlist trains: with the best, "
            f'"{self.conditions.settings[best].name}", {failures}, most by {commonest_reason(self.of(best))}; expected '
            f"at most {self.conditions.schedule.failed_most:.0%}; try another ?size= behind the data set, a lower "
            'learning_rate in the space, more or more varied images, or proxy = "fixed" in the space'
        )


class Choice(Config):
    """A proxy, chosen for a data set; everything but the trainings is computed from them."""

    layout: Literal["ganetic.choice/1"] = "ganetic.choice/1"
    """Version of this record."""
    conditions: ChoiceConditions
    """What was tried."""
    metrics: tuple[str, ...]
    """How distances were measured: one, or one for each size of the images."""
    made_with: dict[str, str]
    """Versions and the machine, which the seconds depend on."""
    trainings: Annotated[tuple[SettingTraining, ...], Field(min_length=1)]
    """Of all rounds."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        losses, seeds = self.conditions.schedule.losses, self.conditions.schedule.seeds
        whole = {len(losses) * sum(seeds[: past + 1]) for past in range(len(seeds))}
        for number in {one.setting for one in self.trainings} | {0}:
            if not 0 <= number < len(self.conditions.settings) or len(self.sifting.of(number)) not in whole:
                raise ValueError(f"setting {number}: {len(self.sifting.of(number))} trainings; expected whole rounds")
        if refusal := self.sifting.refusal():
            raise ValueError(refusal)
        return self

    @property
    def sifting(self) -> Sifting:
        """What became of the shortlist."""
        return Sifting(conditions=self.conditions, trainings=self.trainings)

    @property
    def winner(self) -> int:
        """The place of the chosen setting in the shortlist."""
        return ranked(self.sifting.last_round, self.conditions.schedule)[0]

    @property
    def chosen(self) -> Setting:
        """The chosen setting."""
        return self.conditions.settings[self.winner]

    def text(self) -> str:
        """The choice as JSON, a training a line: what `ganetic.evolution.choice_store` reads."""
        head = json.dumps(self.model_dump(mode="json", exclude={"trainings"}), indent=1, ensure_ascii=False)
        return head.removesuffix("\n}") + ',\n "trainings": [\n' + _lines(self.trainings) + "\n ]\n}\n"


def _lines(trainings: Sequence[SettingTraining]) -> str:
    return ",\n".join(json.dumps(one.model_dump(mode="json"), separators=(",", ":")) for one in trainings)
