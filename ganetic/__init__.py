"""Genetic-programming search for the loss functions of generative adversarial networks."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "bank": "ganetic.studies.bank",
    "calibrate": "ganetic.evolution.calibration",
    "compare": "ganetic.studies.compare",
    "confirm": "ganetic.studies.confirm",
    "load_config": "ganetic.full.config",
    "load_loss": "ganetic.loss.card",
    "open_run": "ganetic.evolution.run",
    "search": "ganetic.evolution.run",
    "train": "ganetic.full.train",
}

__all__ = [
    "__version__",
    "bank",
    "calibrate",
    "compare",
    "confirm",
    "load_config",
    "load_loss",
    "open_run",
    "search",
    "train",
]


def __getattr__(name: str) -> Any:
    # Lazy, so that `ganetic --help` and `import ganetic` wait for none of torch, ray, sympy and deap.
    if name not in _HOME:
        raise AttributeError(f'module "ganetic" has no attribute "{name}"')
    return getattr(import_module(_HOME[name]), name)
