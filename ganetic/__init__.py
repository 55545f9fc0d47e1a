"""Genetic-programming search for the loss functions of generative adversarial networks.

What the package has to say goes to the logger ``ganetic`` and those below it; see `ganetic.callbacks`.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganetic.api import evaluate, export, generate, resume, train
    from ganetic.errors import UserError
    from ganetic.evolution.calibrate import calibrate
    from ganetic.evolution.resources import Runtime
    from ganetic.evolution.results import Run, open_run
    from ganetic.evolution.search import search
    from ganetic.loss.card import load_loss
    from ganetic.plots.figure import figure
    from ganetic.publishing.load import load_generator
    from ganetic.publishing.publish import publish
    from ganetic.report.web.page import write_report
    from ganetic.studies.bank import bank
    from ganetic.studies.compare import compare
    from ganetic.studies.confirm import confirm
    from ganetic.studies.score import score
    from ganetic.training.config import load_config
    from ganetic.training.outcome import Training

__version__ = "0.2.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # without a word from the user, nothing is printed

__all__ = [
    "Run",
    "Runtime",
    "Training",
    "UserError",
    "__version__",
    "bank",
    "calibrate",
    "compare",
    "confirm",
    "evaluate",
    "export",
    "figure",
    "generate",
    "load_config",
    "load_generator",
    "load_loss",
    "open_run",
    "publish",
    "resume",
    "score",
    "search",
    "train",
    "write_report",
]

_HOME = {
    "Run": "ganetic.evolution.results",
    "Runtime": "ganetic.evolution.resources",
    "Training": "ganetic.training.outcome",
    "UserError": "ganetic.errors",
    "bank": "ganetic.studies.bank",
    "calibrate": "ganetic.evolution.calibrate",
    "compare": "ganetic.studies.compare",
    "confirm": "ganetic.studies.confirm",
    "evaluate": "ganetic.api",
    "export": "ganetic.api",
    "figure": "ganetic.plots.figure",
    "generate": "ganetic.api",
    "load_config": "ganetic.training.config",
    "load_generator": "ganetic.publishing.load",
    "load_loss": "ganetic.loss.card",
    "open_run": "ganetic.evolution.results",
    "publish": "ganetic.publishing.publish",
    "resume": "ganetic.api",
    "score": "ganetic.studies.score",
    "search": "ganetic.evolution.search",
    "train": "ganetic.api",
    "write_report": "ganetic.report.web.page",
}
"""Where each name is, for `__getattr__`; the imports above say the same to type checkers, and a test compares them."""

if not TYPE_CHECKING:  # a type checker that saw it would believe that every name exists, and is Any

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used, so that `import ganetic` waits for nothing heavy."""
        if name not in _HOME:
            from ganetic.errors import did_you_mean  # noqa: PLC0415 - only where there is an error to word

            message = f'module "ganetic" has no attribute "{name}"{did_you_mean(name, __all__)}'
            raise AttributeError(message, name=name)  # with the module as well, Python would add a guess of its own
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
