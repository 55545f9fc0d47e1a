"""The verdict on generated images, as plain data."""

from enum import StrEnum

from pydantic import Field

from ganetic.config import Config


class Fault(StrEnum):
    """What can be wrong with generated images."""

    MODE_COLLAPSE = "mode_collapse"
    MEMORIZATION = "memorisation"
    LOW_PRECISION = "low_precision"
    LOW_RECALL = "low_recall"
    LOW_VARIETY = "low_variety"


class MetricResult(Config):
    """A number with what it needs to be read."""

    name: str
    """What was measured: a name of `ganetic.evaluation.metric.METRICS`."""
    protocol: str
    """How: metric, data, features and number of images, as in ``fd@mnist5k-cnn64/1k``."""
    value: float
    """The number of the generated images."""
    low: float
    """The lower end of the 95 % interval; see `Evaluation.intervals`."""
    high: float
    """The upper end."""
    floor: float
    """The same measure of as many real images, which the generator could have drawn."""
    n: int
    """Number of generated images."""


class Flag(Config):
    """A fault that a rule found."""

    fault: Fault
    """Which."""
    said: str
    """What the rule saw, in a sentence with its numbers."""
    rule: str
    """The rule and its source."""


class Copy(Config):
    """A generated image and the training image that it is nearest to, in pixels."""

    generated: int
    """Index among the generated images."""
    training: int
    """Index in the image set."""
    ratio: float
    """Distance to that image over the distance to the second nearest; a copy below 1/3."""
    picture: bytes = Field(default=b"", exclude=True, repr=False)
    """Both as a PNG, the generated one on the left; left out where an evaluation is written as JSON."""

    def __eq__(self, other: object) -> bool:
        """Compare the numbers; the picture follows from them, and is not always at hand."""
        return isinstance(other, Copy) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        """Equal numbers, equal hash."""
        return hash((self.generated, self.training, self.ratio))


class ClassResult(Config):
    """How good the images of one class are that a generator made when it was asked for that class."""

    name: str
    """Of the class."""
    generated: int
    """Generated images of it."""
    real: int
    """Held-out images of it, of which one half is compared with, and the other stands for a perfect generator's."""
    recognised: float | None = None
    """Share of the generated images that the feature net takes for this class; None where there are too few."""
    recognised_floor: float | None = None
    """The same of real images that are not compared with."""
    measures: tuple[MetricResult, ...] = ()
    """Distances among the images of the class; empty where there are too few."""


class Evaluation(Config):
    """How good and how varied generated images are, measured against real ones."""

    data: str
    """Name and fingerprint of the real images, as in ``mnist5k:b4d22f19591f``."""
    generated: int
    """How many generated images there were."""
    measures: tuple[MetricResult, ...]
    """What was measured, in the order of their rows in tables."""
    data_copying_z: dict[str, float]
    """The C_T test's z in ``features`` and in ``pixels``; copying is below -3 in both. Empty where not judged."""
    classes: tuple[ClassResult, ...] = Field(default=(), exclude_if=lambda found: found == ())
    """The same for each class, of a generator that was told classes."""
    closest: tuple[Copy, ...]
    """The generated images most like a copy, the closest first. Empty where that was not judged."""
    flags: tuple[Flag, ...]
    """What is wrong; empty when no rule found anything, which proves nothing."""
    intervals: str
    """What the intervals mean."""
    notes: tuple[str, ...]
    """What to keep in mind about these numbers."""

    def measure(self, name: str) -> MetricResult:
        """Return one of the measures.

        Raises:
            KeyError: it was not taken.
        """
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)
