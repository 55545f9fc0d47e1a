"""A whole search in a second: real evolution, journal and finals, but what a training measures is made up."""

import atexit
import hashlib
import math
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import search
from ganetic.evolution.space import Evolution, Finals, Rung, SearchSpace, SpaceProxy, Stop, Trees
from ganetic.jobs.executor import SerialExecutor

SPACE = SearchSpace(
    name="small",
    data="digits",
    form="label",
    operators=("add", "sub", "mul", "div", "neg", "square", "sqrt", "log", "exp"),
    trees=Trees(max_nodes=16),
    evolution=Evolution(population=8, window=4, reduction_factor=2),
    checkpoint_every=50,
    kill=(),
    rungs=(Rung(steps=100, seeds=1), Rung(steps=100, seeds=3)),
    finals=Finals(finalists=3, seeds=3, steps=200),
    proxies=(SpaceProxy(images=64),),
    stop=Stop(max_trials=40),
)


def pretend(context: Context, payload: dict[str, Any]) -> dict[str, Any]:
    """A trial's record without a training: a distance that depends on the loss, a little on the seed, and on steps."""
    quality = _noise(payload["formula"])
    luck = _noise(f"{payload['formula']} {payload['seed']}")
    if quality > 0.8:
        state, reason = "failed", "mode_collapse"
    else:
        state, reason = "completed", None
    steps = [0, *payload["checkpoints"]]
    end = 40 * math.exp(quality + 0.3 * luck)
    trace = [(step, end + (900 - end) * math.exp(-step / 30)) for step in steps]
    return {"state": state, "reason": reason, "trace": trace, "steps": payload["steps"], "seconds": 1.0}


def _noise(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


def small_runtime(max_trials: int | None = None) -> Runtime:
    """Where small searches run: in this process, without Ray."""
    return Runtime(max_trials=max_trials, make_executor=lambda context: SerialExecutor(pretend, context))


def new_small_run(directory: Path, callback: ProgressCallback[Progress] | None = None) -> Run:
    """Run a small search in a new directory."""
    return search(SPACE, run=directory, runtime=small_runtime(), callback=callback)


@cache
def small_run_directory() -> Path:
    """A finished small run, made once a process; tests only read it."""
    folder = Path(mkdtemp(prefix="ganetic-small-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return new_small_run(folder / "run").directory


def small_run() -> Run:
    """Open the finished small run."""
    return open_run(small_run_directory())
