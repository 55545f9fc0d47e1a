"""What a run is a function of, and where it was run."""

import platform
from typing import Any

import torch

import ganetic
from ganetic.config import Config
from ganetic.proxy.materials import Materials
from ganetic.search.individual import Scale
from ganetic.search.space import SearchSpace

NEVER_COMPARED = ("space.stop", "space.name", "space.description")
"""Parts of a configuration that may change before a run is resumed."""


class RunConfig(Config):
    """All that decides a search; a run is resumed only with the same.

    Attributes:
        space: the search space.
        data: name of the data set.
        images: its name and content, as in ``mnist5k:9f3a2c41``.
        features: content of the feature net's weights.
        metric: the fitness's protocol, such as ``fd@mnist5k-cnn64/2k``.
        start_fd: the metric of an untrained generator.
        floor_fd: the metric of real images against real ones.
        model: the proxy net, such as ``dcgan28-w16``.
        seed: the run's.
    """

    space: SearchSpace
    data: str
    images: str
    features: str
    metric: str
    start_fd: float
    floor_fd: float
    model: str
    seed: int

    @property
    def scale(self) -> Scale:
        """Both ends of fd."""
        return Scale(self.start_fd, self.floor_fd)

    @staticmethod
    def of(space: SearchSpace, data: str, seed: int, materials: Materials) -> "RunConfig":
        """The configuration of a search on prepared data."""
        return RunConfig(
            space=space,
            data=data,
            images=materials.data,
            features=materials.features_hash,
            metric=materials.protocol,
            start_fd=materials.start_fd,
            floor_fd=materials.floor_fd,
            model=model_name(space, materials),
            seed=seed,
        )


def model_name(space: SearchSpace, materials: Materials) -> str:
    """The proxy net, such as ``dcgan28-w16`` or ``dcgan32-w16-nobn``."""
    plain = f"dcgan{materials.images.shape[1]}-w{space.proxy.width}"
    return plain if space.proxy.batch_norm else f"{plain}-nobn"


def differences(old: RunConfig, new: RunConfig) -> list[str]:
    """What changed, as ``rungs[0].steps was 400, is 200``; empty when the same search would be run."""
    old_values, new_values = _flat(old.model_dump(mode="json"), ""), _flat(new.model_dump(mode="json"), "")
    changes = []
    for key in sorted({*old_values, *new_values}):
        before, after = old_values.get(key), new_values.get(key)
        if before != after and not key.startswith(NEVER_COMPARED):
            changes.append(f"{key} was {before}, is {after}")
    return changes


def versions() -> dict[str, str]:
    """Where a run is made: results repeat bit for bit only on hardware and libraries of one kind."""
    return {
        "ganetic": ganetic.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def _flat(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for name, part in value.items() for k, v in _flat(part, f"{place}.{name}".lstrip(".")).items()}
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return {k: v for i, part in enumerate(value) for k, v in _flat(part, f"{place}[{i}]").items()}
    return {place: value}
