"""Configurations after equally many seconds: which step of each a training is read at."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ganetic.studies.comparison import Comparison
from ganetic.studies.config import FullSetup, StudyConfig


@dataclass(frozen=True)
class EqualSeconds:
    """When configurations have trained for equally long.

    Attributes:
        seconds: that the fastest configuration takes for all of its steps.
        steps: by configuration, the step of the measurement nearest to that.
        whole: by configuration, the seconds of a whole training: the median over its trainings of seconds a step, times
            its steps.
    """

    seconds: float
    steps: Mapping[str, int]
    whole: Mapping[str, float]


def equal_seconds(comparison: Comparison) -> EqualSeconds | None:
    """Find when configurations have trained for equally long; None while one of them has no training yet.

    A step takes equally long for all trainings of a configuration, whatever their seed and loss. So one median decides,
    and a training that something else on the machine held up is not read earlier than the others of its configuration.

    Args:
        comparison: of configurations.
    """
    settings, runs = comparison.settings, comparison.paces()
    steps = {setup.name: setup.config["steps"] for setup in settings.proxies if isinstance(setup, FullSetup)}
    paces = {name: _pace(runs[runs["proxy"] == name]) for name in steps}
    whole = {name: pace * steps[name] for name, pace in paces.items() if pace is not None}
    if len(whole) < len(steps):
        return None
    least = min(whole.values())
    reached = {name: _measured_near(settings, name, steps[name] * least / seconds) for name, seconds in whole.items()}
    return EqualSeconds(least, reached, whole)


def _pace(runs: pd.DataFrame) -> float | None:
    """Seconds a step, the median; None where no training has ended."""
    trained = runs[runs["steps"] > 0]
    return float((trained["seconds"] / trained["steps"]).median()) if len(trained) else None


def _measured_near(settings: StudyConfig, name: str, step: float) -> int:
    """The measured step of a configuration that is nearest to another one.

    Not the last before it: of two that take equally long but for a percent, one would lose a whole measurement.
    """
    (config,) = (one.config for one in settings.proxies if isinstance(one, FullSetup) and one.name == name)
    within: tuple[int, ...] = (*range(0, config["steps"], config["checkpoint_every"]), config["steps"])
    return min(within, key=lambda one: abs(one - step))
