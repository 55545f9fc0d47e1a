"""What a user's program may look like: it is type-checked against the installed package, and never run.

`assert_type` refuses Any, unless the expected class is Any itself: so classes are named in their own modules. An
ignored error that does not occur is an error, too (`mypy --strict`).
"""

from pathlib import Path
from typing import assert_type

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

import ganetic
from ganetic.errors import UserError
from ganetic.evaluation.results import Evaluation
from ganetic.evolution.calibrate import Kept
from ganetic.evolution.resources import Runtime
from ganetic.evolution.results import Run
from ganetic.loss.compile import GanLoss
from ganetic.publishing.load import PublishedGenerator
from ganetic.studies.bank import Bank
from ganetic.studies.comparison import Comparison
from ganetic.studies.confirm import Confirmation
from ganetic.studies.score import Score
from ganetic.training.config import TrainConfig
from ganetic.training.outcome import Training

PATH: Path = Path("x")


def search() -> ganetic.Run:
    assert_type(ganetic.__version__, str)
    runtime = ganetic.Runtime(workers=2, max_trials=10, inception_weights="weights.pth")
    assert_type(runtime, Runtime)
    run = ganetic.search("quick", data="digits", run="run", seed=1, runtime=runtime)
    assert_type(run, Run)
    assert_type(ganetic.search(PATH, run=PATH), Run)
    assert_type(ganetic.open_run("run"), Run)
    assert_type(ganetic.open_run(PATH), Run)
    assert_type(ganetic.resume(run), Run)
    assert_type(ganetic.export(run, "best.json", pick="fd"), list[Path])
    assert_type(ganetic.export("run", PATH), list[Path])
    assert_type(ganetic.figure(run, "progress"), Figure)
    assert_type(ganetic.figure("run"), Figure)
    assert_type(ganetic.write_report(["run", PATH]), Path)
    assert_type(ganetic.write_report([PATH], "report.html"), Path)
    return run


def study(run: ganetic.Run) -> None:
    assert_type(ganetic.load_loss("bce"), GanLoss)
    assert_type(ganetic.load_loss(PATH), GanLoss)
    assert_type(ganetic.score("hinge", data="digits", seeds=3), Score)
    assert_type(ganetic.score(PATH, space=PATH), Score)
    assert_type(ganetic.compare(["bce", PATH], seeds=3, directory="out"), Comparison)
    assert_type(ganetic.compare("all", directory=PATH), Comparison)
    assert_type(ganetic.confirm(run, seeds=5), Confirmation)
    assert_type(ganetic.confirm("run"), Confirmation)
    assert_type(ganetic.confirm(PATH), Confirmation)
    assert_type(ganetic.calibrate("quick", directory="kept"), dict[str, Kept])
    assert_type(ganetic.calibrate(PATH, directory=PATH), dict[str, Kept])
    assert_type(ganetic.bank(), Bank)
    assert_type(ganetic.bank("bank.npz"), Bank)
    assert_type(ganetic.bank(PATH), Bank)


def train() -> ganetic.Training:
    config = ganetic.load_config("demo")
    assert_type(config, TrainConfig)
    assert_type(ganetic.load_config(PATH), TrainConfig)
    training = ganetic.train("hinge", config, model="mlp", data="digits", classes=["3", "8"], size=32, run="run")
    assert_type(training, Training)
    assert_type(ganetic.train(PATH, PATH, classes="3,8", steps=9, batch=8, seed=1, run=PATH), Training)
    assert_type(ganetic.resume(training), Training)
    assert_type(ganetic.resume("run"), Run | Training)
    assert_type(ganetic.resume(PATH), Run | Training)
    assert_type(ganetic.evaluate(training), Evaluation)
    assert_type(ganetic.evaluate("folder", data="digits", inception_weights="weights.pth"), Evaluation)
    assert_type(ganetic.evaluate(PATH, inception_weights=PATH), Evaluation)
    assert_type(ganetic.generate(training, 64, 0), NDArray[np.uint8])
    assert_type(ganetic.generate("run"), NDArray[np.uint8])
    assert_type(ganetic.generate(PATH, count=4, seed=1), NDArray[np.uint8])
    return training


def publish(training: ganetic.Training) -> None:
    assert_type(ganetic.publish(training, "published", onnx=True, data_licence="CC BY 4.0"), Path)
    assert_type(ganetic.publish("run", PATH, despite_copies=True), Path)
    assert_type(ganetic.load_generator("published"), PublishedGenerator)
    assert_type(ganetic.load_generator(PATH), PublishedGenerator)
    assert_type(ganetic.load_generator(PATH).latents(4, seed=1), Tensor)


def wrong(run: ganetic.Run) -> None:
    try:
        ganetic.serch("quick")  # type: ignore[attr-defined]
        ganetic.search(seed="1")  # type: ignore[arg-type]
        ganetic.train(ganetic.load_config("demo"), "hinge")  # type: ignore[arg-type]
        ganetic.generate(run)  # type: ignore[arg-type]
    except ganetic.UserError as error:
        assert_type(error, UserError)
