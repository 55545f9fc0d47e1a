"""Arms: configurations of full training that are compared with one another, with the same losses and seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from ganetic.errors import UserError
from ganetic.studies.ratios import Pair
from ganetic.training.config import TrainConfig, load_config

ConfigSource = str | Path | TrainConfig
"""The name of a preset, the path of a TOML file, or a configuration."""
Configs = ConfigSource | Sequence[ConfigSource] | Mapping[str, ConfigSource]
"""One configuration, or several: as files, which have names, or by name."""

_SAID = ("description", "seed", "keep_last", "stop_when_failed", "tensorboard")
"""Keys that change nothing of what a comparison sees; every training has its own seed."""
_IMAGES = ("data.name", "data.size", "data.classes", "eval_images")
"""Keys that decide which images generated ones are compared with."""


def several_of(config: Configs | None) -> dict[str, TrainConfig] | None:
    """The configurations by name, where there are several; None where there is one or none.

    Raises:
        UserError: one cannot be read, two have one name or say the same, or none is given.
    """
    if config is None or isinstance(config, str | Path | TrainConfig):
        return None
    named = list(config.items()) if isinstance(config, Mapping) else [(_name_of(one), one) for one in config]
    if not named:
        raise UserError("no configuration is given; expected one or more")
    _refuse_equal_names([name for name, _ in named])
    loaded = {name: one if isinstance(one, TrainConfig) else load_config(one) for name, one in named}
    return loaded if len(loaded) > 1 else None


def single_of(config: Configs) -> ConfigSource:
    """The configuration where there is one."""
    if isinstance(config, str | Path | TrainConfig):
        return config
    (single,) = config.values() if isinstance(config, Mapping) else config
    return single


def refuse_unfit(configs: Mapping[str, TrainConfig]) -> None:
    """Refuse configurations that are equal, or of which trainings are measured on different images.

    Raises:
        UserError: they are.
    """
    told = {name: _without(config, _SAID) for name, config in configs.items()}
    for first, second in combinations(told, 2):
        if told[first] == told[second]:
            raise UserError(f"the configurations {first} and {second} say the same; change one, or leave it out")
    first = next(iter(configs))
    for name, config in configs.items():
        for key in _IMAGES:
            there, here = (_value(one, key) for one in (configs[first], config))
            if there != here:
                raise UserError(
                    f"configurations are compared on the same images: {key} is {there} in {first} and {here} in "
                    f"{name}; make them equal"
                )


def refuse_losses_names(configs: Sequence[str], losses: Sequence[str]) -> None:
    """Refuse a configuration that cannot be told from a loss by its name, or trainings that have one name.

    Raises:
        UserError: there is such a one.
    """
    for name in configs:
        if name in losses:
            raise UserError(f"the configuration {name} has the name of a loss; rename its file")
    seen: dict[str, str] = {}
    for config in configs:
        for loss in losses:
            joined = f"{config}-{loss}"
            if joined in seen:
                raise UserError(f"{seen[joined]} and {config} with {loss} are both called {joined}; rename a file")
            seen[joined] = f"{config} with {loss}"


def arm_pairs(names: Sequence[str], reference: str | None) -> tuple[Pair, ...]:
    """Every configuration with the one that is named, or with the first."""
    second = reference if reference is not None and reference in names else names[0]
    return tuple(Pair(name, second) for name in names if name != second)


def _name_of(source: ConfigSource) -> str:
    if isinstance(source, TrainConfig):
        raise UserError("several configurations need names; expected files, presets, or configurations by name")
    return Path(source).stem


def _refuse_equal_names(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two configurations are called {name}; rename a file, or leave one out")


def _without(config: TrainConfig, keys: Sequence[str]) -> dict[str, object]:
    return {key: value for key, value in config.model_dump(mode="json").items() if key not in keys}


def _value(config: TrainConfig, key: str) -> object:
    found: object = config
    for part in key.split("."):
        found = getattr(found, part)
    return ", ".join(found) or "all" if isinstance(found, tuple) else found
