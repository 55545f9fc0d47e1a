"""What losses are compared on: the proxies of a search space, or models of full training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from ganetic.errors import UserError, unknown
from ganetic.evolution.chosen import as_begun, as_known
from ganetic.evolution.config import Measure
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.space import SearchSpace, SpaceProxy, load_space
from ganetic.jobs.executor import Executor
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.loss.formula import Formula
from ganetic.studies.arm_job import arm_job
from ganetic.studies.arms import ConfigSource, refuse_unfit
from ganetic.studies.config import FullSetup, Setup, StudyConfig, measures_of
from ganetic.training.config import TrainConfig, configured, load_config
from ganetic.training.data import TrainingData
from ganetic.training.job import Prepared, TrainingContext, prepare_for, train_job

PROXY_MODEL = "dcgan"
"""The net of the proxies of every space."""
MAX_STEPS = 10**7
WALL_SECONDS_A_FULL_STEP = 60.0
"""A net under a full training, not a budget."""


@dataclass(frozen=True)
class Grounds:
    """What a comparison trains in, with everything prepared.

    Attributes:
        space: name of the search space or the configuration.
        data: name of the data set.
        setups: what losses are trained in.
        measures: how they are measured, one for each setup.
        steps: updates of each player in a training.
        checkpoints: steps at which fd is measured before the last.
        executor: makes what runs the trainings; given the directory of the comparison.
    """

    space: str
    data: str
    setups: tuple[Setup, ...]
    measures: tuple[Measure, ...]
    steps: int
    checkpoints: tuple[int, ...]
    executor: Callable[[Path], Executor]


class Plan(Protocol):
    """What is known of a comparison's grounds before any data is prepared."""

    @property
    def name(self) -> str:
        """The name of the search space or of the configuration."""

    @property
    def data(self) -> str:
        """The name of the data set."""

    @property
    def beta1s(self) -> set[float]:
        """Adam's decay rates of the mean of gradients, over all setups."""

    def as_begun(self, begun: StudyConfig, directory: Path) -> "Plan":
        """The plan with what was chosen when the comparison in a directory was begun.

        Raises:
            UserError: that has other grounds.
        """

    def as_known(self) -> "Plan":
        """The plan with what has been chosen for its data before.

        Raises:
            UserError: the data cannot be loaded.
        """

    def prepare(self) -> Grounds:
        """Load the images and train what measures them.

        Raises:
            UserError: there are no such images, or they are not fit for that.
        """


@dataclass(frozen=True)
class ProxyPlan:
    """The proxies of a search space.

    Attributes:
        space: whose proxies are as they are used on the data.
        data: name of the data set.
        steps: of a training.
        runtime: where.
    """

    space: SearchSpace
    data: str
    steps: int
    runtime: Runtime

    @property
    def name(self) -> str:
        """The name of the space."""
        return self.space.name

    def as_begun(self, begun: StudyConfig, directory: Path) -> "ProxyPlan":
        """The plan with the proxies that the comparison was begun with; see `Plan.as_begun`."""
        proxies = [setup for setup in begun.proxies if isinstance(setup, SpaceProxy)]
        if len(proxies) < len(begun.proxies):
            raise _of_another_kind(directory, "in full training, with a configuration")
        space, data = as_begun(self.space, self.data, proxies, begun.data)
        return replace(self, space=space, data=data)

    def as_known(self) -> "ProxyPlan":
        """The plan with the proxies that were chosen on the data; see `Plan.as_known`."""
        space, data = as_known(self.space, self.data, self.runtime)
        return replace(self, space=space, data=data)

    @property
    def beta1s(self) -> set[float]:
        """Those of the proxies; see `Plan.beta1s`."""
        return {proxy.beta1 for proxy in self.space.proxies}

    def prepare(self) -> Grounds:
        """Prepare the data of all proxies; see `Plan.prepare`."""
        proxy_data = self.runtime.proxy_data_of(self.space, self.data)
        return Grounds(
            space=self.space.name,
            data=self.data,
            setups=self.space.proxies,
            measures=measures_of(self.space.proxies, proxy_data),
            steps=self.steps,
            checkpoints=self.space.checkpoints(self.steps),
            executor=lambda _: self.runtime.executor(proxy_data, self.steps),
        )


@dataclass(frozen=True)
class FullPlan:
    """A configuration of full training, with one or several models; or several configurations.

    Attributes:
        name: of the configuration, or how many there are.
        configs: by name of the model, and they differ in nothing else; or by their own names.
        formula: one of the losses.
        runtime: where.
        has_arms: whether they are configurations that are compared with one another.
    """

    name: str
    configs: dict[str, TrainConfig]
    formula: Formula
    runtime: Runtime
    has_arms: bool = False

    @property
    def data(self) -> str:
        """The data set of the configuration."""
        return self._first.data.name

    def as_begun(self, begun: StudyConfig, directory: Path) -> "FullPlan":
        """The plan itself, as nothing of it is chosen; see `Plan.as_begun`."""
        if any(isinstance(setup, SpaceProxy) for setup in begun.proxies):
            raise _of_another_kind(directory, "on proxies, without a configuration")
        return self

    def as_known(self) -> "FullPlan":
        """The plan itself, as nothing of it is chosen; see `Plan.as_known`."""
        return self

    @property
    def beta1s(self) -> set[float]:
        """That of the configuration; see `Plan.beta1s`."""
        return {config.optimizer.beta1 for config in self.configs.values()}

    def prepare(self) -> Grounds:
        """Prepare the images for each model or configuration; see `Plan.prepare`."""
        prepared = self._prepared()
        if self.has_arms:
            _refuse_other_measures(prepared)
        longest, source = self._longest, next(iter(prepared.values())).training_data.images.source
        return Grounds(
            space=self.name,
            data=source,
            setups=tuple(_setup(name, config, source) for name, config in self.configs.items()),
            measures=tuple(_measure(name, self.configs[name], found) for name, found in prepared.items()),
            steps=longest.steps,
            checkpoints=tuple(range(longest.checkpoint_every, longest.steps, longest.checkpoint_every)),
            executor=lambda directory: self._executor(
                TrainingContext(str(directory.resolve()), prepared), longest.steps
            ),
        )

    def _prepared(self) -> dict[str, Prepared]:
        """Images by name; those of configurations that ask for the same ones are loaded once."""
        prepared: dict[str, Prepared] = {}
        first_with: dict[str, str] = {}
        for name, config in self.configs.items():
            like = first_with.setdefault(_images_of(config), name) if self.has_arms else name
            prepared[name] = prepare_for(config, self.formula, self.runtime.download, prepared.get(like))
        return prepared

    @property
    def _first(self) -> TrainConfig:
        return next(iter(self.configs.values()))

    @property
    def _longest(self) -> TrainConfig:
        return max(self.configs.values(), key=lambda config: config.steps)

    def _executor(self, context: TrainingContext, steps: int) -> Executor:
        if self.runtime.make_executor is not None:
            return self.runtime.make_executor(cast("Context", context))
        return RayExecutor(
            arm_job if self.has_arms else train_job,
            context,
            workers=self.runtime.workers,
            address=self.runtime.address,
            gpus_per_job=self.runtime.gpus_per_trial,
            wall_seconds=3600 + WALL_SECONDS_A_FULL_STEP * steps,
        )


def proxy_plan(
    space: str | Path | SearchSpace,
    data: str | None,
    model: str | Sequence[str] | None,
    steps: int | None,
    runtime: Runtime,
) -> ProxyPlan:
    """Plan a comparison on proxies.

    Args:
        space: whose proxies.
        data: a data set; None for the space's own.
        model: theirs, if any is given.
        steps: of a training; None for those of the space's finals.
        runtime: where.

    Raises:
        UserError: there is no such space, the model is not that of its proxies, or the steps are out of range.
    """
    space = space if isinstance(space, SearchSpace) else load_space(space)
    for name in (model,) if isinstance(model, str) else model or ():
        if name != PROXY_MODEL:
            raise UserError(f"{unknown('model', name, (PROXY_MODEL,))}; a configuration has others")
    steps = space.finals.steps if steps is None else steps
    if not 1 <= steps <= MAX_STEPS:
        raise UserError(f"steps is {steps}; expected 1 to {MAX_STEPS}")
    return ProxyPlan(space, data or space.data, steps, runtime)


def full_plan(
    config: ConfigSource,
    data: str | None,
    model: str | Sequence[str] | None,
    steps: int | None,
    formula: Formula,
    runtime: Runtime,
) -> FullPlan:
    """Plan a comparison in models of full training.

    Args:
        config: the name of a preset, the path of a TOML file, or a configuration.
        data: a data set; None for the configuration's.
        model: one model or several; None for the configuration's.
        steps: of a training; None for the configuration's.
        formula: one of the losses.
        runtime: where.

    Raises:
        UserError: there is no such configuration, a value is not allowed, or a metric is asked for that it has not.
    """
    _refuse_inception(runtime)
    loaded = config if isinstance(config, TrainConfig) else load_config(config)
    models = [loaded.model.name] if model is None else [model] if isinstance(model, str) else list(model)
    if len(set(models)) < len(models) or not models:
        raise UserError(f"models are {', '.join(models) or 'none'}; expected one or more different ones")
    configs = {
        name: configured(loaded, model=name, data=data, steps=steps, seed=0, stop_when_failed=False) for name in models
    }
    name = "config" if isinstance(config, TrainConfig) else Path(config).stem
    return FullPlan(name, configs, formula, runtime)


def arms_plan(
    configs: Mapping[str, TrainConfig],
    data: str | None,
    model: str | Sequence[str] | None,
    steps: int | None,
    formula: Formula,
    runtime: Runtime,
) -> FullPlan:
    """Plan a comparison of several configurations of full training.

    Args:
        configs: by name.
        data: a data set; None for that of the configurations.
        model: none may be given: each configuration names its own.
        steps: of a training; None for those of each configuration.
        formula: one of the losses.
        runtime: where.

    Raises:
        UserError: they say the same, or do not go together, or a value is not allowed.
    """
    _refuse_inception(runtime)
    if model is not None:
        raise UserError("model: several configurations name their own; leave it out")
    changed = {
        name: configured(config, data=data, steps=steps, seed=0, stop_when_failed=False)
        for name, config in configs.items()
    }
    refuse_unfit(changed)
    return FullPlan(f"{len(changed)}-configurations", changed, formula, runtime, has_arms=True)


def refuse_rates(plan: Plan) -> None:
    """Refuse to choose rates where a training has two, or each configuration its own.

    Raises:
        UserError: the players of a configuration have different rates, or there are several configurations.
    """
    if isinstance(plan, FullPlan) and plan.has_arms:
        raise UserError("rates: each of several configurations has its own; leave rates out, or compare in one of them")
    for config in plan.configs.values() if isinstance(plan, FullPlan) else ():
        rates = config.optimizer
        if rates.generator_lr != rates.discriminator_lr:
            raise UserError(
                f"rates: a list has one learning rate for both players, but {plan.name} trains G at "
                f"{rates.generator_lr:g} and D at {rates.discriminator_lr:g}; make them equal, or leave rates out"
            )


def _refuse_inception(runtime: Runtime) -> None:
    if runtime.inception_weights is not None:
        raise UserError(
            "inception weights measure proxies; a configuration has a net of its own; leave one of them out"
        )


def _images_of(config: TrainConfig) -> str:
    """All of a configuration that decides which images there are, and in which roles."""
    return f"{config.data.model_dump_json()} {config.eval_images} {config.ranks_held_out}"


def _refuse_other_measures(prepared: Mapping[str, Prepared]) -> None:
    """Refuse configurations whose generators are compared with different images.

    Raises:
        UserError: they are.
    """
    first, there = next(iter(prepared.items()))
    for name, here in prepared.items():
        if not np.array_equal(there.training_data.held_out, here.training_data.held_out):
            counts = [len(one.training_data.held_out) for one in (there, here)]
            raise UserError(
                f"configurations are compared on the same images: {first} holds out {counts[0]} and {name} {counts[1]} "
                'images, because of kind "ada"; name the held-out ones in the data, by split of an npz file'
            )


def _of_another_kind(directory: Path, how: str) -> UserError:
    return UserError(f"{directory}: was begun {how}; go on in the same way, or name a new directory")


def _setup(name: str, config: TrainConfig, source: str) -> FullSetup:
    """Name the data with the window that the training images decided: a training goes on and is evaluated anywhere."""
    resolved = config.model_copy(update={"data": config.data.model_copy(update={"name": source})})
    return FullSetup(name=name, config=resolved.model_dump(mode="json"))


def _measure(name: str, config: TrainConfig, prepared: Prepared) -> Measure:
    reference_statistics, training_data = prepared.reference_statistics, prepared.training_data
    return Measure(
        proxy=name,
        images=reference_statistics.data,
        features=reference_statistics.features_hash,
        metric=reference_statistics.protocol,
        start_fd=prepared.start_fd,
        floor_fd=reference_statistics.floor_fd,
        model=f"{config.model.name}{_side(training_data)}{_width(config)}",
        kill=(),
    )


def _width(config: TrainConfig) -> str:
    """Write the width of the nets as cards do; a model of another package may have none."""
    width = config.model.model_dump().get("width")
    return "" if width is None else f"-w{width}"


def _side(training_data: TrainingData) -> int:
    return int(training_data.training_images.shape[1])
