"""What a run is a function of."""

from collections.abc import Sequence
from statistics import fmean, geometric_mean, stdev
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ganetic.config import Config
from ganetic.evolution.individual import Scale, Scales
from ganetic.evolution.space import SearchSpace, SpaceProxy
from ganetic.loss.card import Result, Role
from ganetic.training.rates import Rates
from ganetic.training.spec import ProxySpec, PruningRule

if TYPE_CHECKING:  # not for a cycle: a configuration is read without torch, which prepared data needs
    from ganetic.training.proxy_data import ProxyData

NEVER_COMPARED = ("space.stop", "space.name", "space.description")
"""Parts of a configuration that may change before a run is resumed."""


class Measure(Config):
    """How losses are measured on one proxy.

    Attributes:
        proxy: its name.
        images: name and content of its data set, as in ``mnist5k:9f3a2c41``.
        features: content of the feature net's weights.
        metric: the fitness's protocol, such as ``fd@mnist5k-cnn64/2k``.
        start_fd: the metric of an untrained generator.
        floor_fd: the metric of real images against real ones.
        model: the net, such as ``dcgan28-w16``.
        kill: the rules that stop a trial.
    """

    proxy: str
    images: str
    features: str
    metric: str
    start_fd: float
    floor_fd: float
    model: str
    kill: tuple[PruningRule, ...]

    @staticmethod
    def of(proxy: SpaceProxy, proxy_data: "ProxyData", kill: tuple[PruningRule, ...]) -> "Measure":
        """The measure of a proxy on prepared data."""
        return Measure(
            proxy=proxy.name,
            images=proxy_data.data,
            features=proxy_data.features_hash,
            metric=proxy_data.protocol,
            start_fd=proxy_data.start_fd,
            floor_fd=proxy_data.floor_fd,
            model=model_name(proxy, proxy_data),
            kill=kill,
        )

    def result(
        self,
        role: Role,
        steps: int,
        seeds: Sequence[int],
        fds: Sequence[float],
        failed: int,
        instability: float,
        rates: Rates | None = None,
    ) -> Result:
        """What was measured for one loss, for its card.

        Args:
            role: of the seeds.
            steps: of a training.
            seeds: of the trainings.
            fds: for each seed; a failed one counts as the untrained generator.
            failed: how many failed.
            instability: see `ganetic.metrics.fitness`.
            rates: that were chosen for the loss, if any.
        """
        return Result(
            metric=self.metric,
            floor=round(self.floor_fd, 4),
            data=self.images,
            model=self.model,
            steps=steps,
            role=role,
            seeds=tuple(int(seed) for seed in seeds),
            values=tuple(round(float(fd), 4) for fd in fds),
            mean=round(fmean(fds), 4),
            sd=round(stdev(fds), 4) if len(fds) > 1 else None,
            failed=failed,
            instability=round(instability, 4),
            **({} if rates is None else rates.model_dump()),
        )


class RunConfig(Config):
    """All that decides a search; a run is resumed only with the same.

    Attributes:
        space: the search space.
        data: name of the data set.
        measures: one for each proxy of the space, in its order.
        seed: the run's.
        retired: settings by dotted key that had a say in the run and that this version no longer has; such a run is
            shown and exported, but not gone on with. None of a run that is begun today.
    """

    space: SearchSpace
    data: str
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    seed: int
    retired: Annotated[dict[str, float], Field(exclude_if=lambda keys: not keys)] = Field(default_factory=dict)

    @property
    def scales(self) -> Scales:
        """Both ends of fd on each proxy."""
        return tuple(Scale(measure.start_fd, measure.floor_fd) for measure in self.measures)

    @property
    def metric(self) -> str:
        """The fitness's protocol; of several proxies fd is the geometric mean."""
        names = dict.fromkeys(measure.metric for measure in self.measures)
        joint = " × ".join(names)
        return joint if len(self.measures) == 1 else f"{joint} over {len(self.measures)} proxies"

    @property
    def start_fd(self) -> float:
        """The metric of an untrained generator."""
        return geometric_mean(measure.start_fd for measure in self.measures)

    @property
    def floor_fd(self) -> float:
        """The metric of real images against real ones."""
        return geometric_mean(measure.floor_fd for measure in self.measures)


class RunMeta(Config):
    """What a run's journal says of the run as a whole.

    Attributes:
        config: what the search is a function of.
        made_with: versions and hardware.
    """

    config: RunConfig
    made_with: dict[str, str] = Field(default_factory=dict)


def model_name(proxy: ProxySpec, proxy_data: "ProxyData") -> str:
    """The proxy net, such as ``dcgan28-w16``, and behind it what is not the default, as in ``…-nobn-resize-xray-ema``.

    That is: no batch norm, resized, augmented by a profile, R1 and its weight, averaged.
    """
    parts = [
        f"dcgan{proxy_data.images.shape[1]}",
        f"w{proxy.width}",
        *([] if proxy.batch_norm else ["nobn"]),
        *([] if proxy.upsampling == "transposed" else [proxy.upsampling]),
        *([] if proxy.augmentation == "none" else [proxy.augmentation]),
        *([f"r1-{proxy.r1:g}"] if proxy.r1 else []),
        *(["ema"] if proxy.ema_decay else []),
    ]
    return "-".join(parts)


def differences(old: Config, new: Config) -> list[str]:
    """What changed, as ``rungs[0].steps was 400, is 200``; empty when the same search would be run."""
    old_values, new_values = _flat(old.model_dump(mode="json"), ""), _flat(new.model_dump(mode="json"), "")
    changes = []
    for key in sorted({*old_values, *new_values}):
        before, after = old_values.get(key), new_values.get(key)
        if before != after and not key.startswith(NEVER_COMPARED):
            changes.append(f"{key} was {before}, is {after}")
    return changes


def _flat(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for name, part in value.items() for k, v in _flat(part, f"{place}.{name}".lstrip(".")).items()}
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return {k: v for i, part in enumerate(value) for k, v in _flat(part, f"{place}[{i}]").items()}
    return {place: value}
