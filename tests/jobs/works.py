"""Work for the executors to run: what a payload asks for under "do"."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray

Context = dict[str, Any]
Payload = dict[str, Any]


def work(context: Context, payload: Payload) -> dict[str, Any]:
    return ACTIONS[payload["do"]](context, payload)


def _echo(context: Context, payload: Payload) -> dict[str, Any]:
    return {"value": payload["value"]}


def _scale(context: Context, payload: Payload) -> dict[str, Any]:
    time.sleep(payload.get("seconds", 0.0))
    return {"value": context["factor"] * payload["value"]}


def _vandalise(context: Context, payload: Payload) -> dict[str, Any]:
    payload["list"].append("mine")
    return {"list": payload["list"]}


def _sleep(context: Context, payload: Payload) -> dict[str, Any]:
    time.sleep(payload["seconds"])
    return {"value": payload["seconds"]}


def _note(context: Context, payload: Payload) -> dict[str, Any]:
    """Leave a line in a file for each start, then sleep."""
    with Path(payload["file"]).open("a") as file:
        file.write(f"{payload['value']}\n")
    time.sleep(payload.get("seconds", 0.0))
    return {"value": payload["value"]}


def _raise(context: Context, payload: Payload) -> dict[str, Any]:
    raise ZeroDivisionError("our own bug")


def _raise_odd(context: Context, payload: Payload) -> dict[str, Any]:
    """Raise an exception that cannot be unpickled."""

    class LocalError(Exception):
        def __init__(self, first: int, second: int) -> None:
            super().__init__("an odd one")

    raise LocalError(1, 2)


def _die(context: Context, payload: Payload) -> dict[str, Any]:
    os._exit(3)


def _segfault(context: Context, payload: Payload) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def _hang(context: Context, payload: Payload) -> dict[str, Any]:
    time.sleep(1000)
    return {}


def _spin(context: Context, payload: Payload) -> dict[str, Any]:
    while True:
        pass


def _hang_once(context: Context, payload: Payload) -> dict[str, Any]:
    if _first_time(payload):
        time.sleep(1000)
    return {"value": payload["value"]}


def _environment(context: Context, payload: Payload) -> dict[str, Any]:
    return {name: os.environ.get(name) for name in payload["names"]}


def _sum(context: Context, payload: Payload) -> dict[str, Any]:
    return {"sum": float(context["array"].sum())}


def _writeable(context: Context, payload: Payload) -> dict[str, Any]:
    return {"writeable": bool(context["array"].flags.writeable)}


def _packages(context: Context, payload: Payload) -> dict[str, Any]:
    """All copies of the package that this process could import, the first of which it does."""
    return {"paths": [path for path in sys.path if (Path(path) / "ganetic" / "errors.py").exists()]}


def _die_times(context: Context, payload: Payload) -> dict[str, Any]:
    """Die as often as asked for, counted by the length of a file, then return."""
    with Path(payload["file"]).open("a") as file:
        file.write("x")
    if Path(payload["file"]).stat().st_size <= payload["times"]:
        os._exit(3)
    return {"value": payload["value"]}


def _process(context: Context, payload: Payload) -> dict[str, Any]:
    return {"pid": os.getpid()}


def _gpu(context: Context, payload: Payload) -> dict[str, Any]:
    """Say which GPUs this process sees, once so many jobs are there that no slot can have two of them."""
    room = Path(payload["room"])
    (room / str(os.getpid())).touch()
    until = time.monotonic() + 50
    while len(list(room.iterdir())) < payload["jobs"] and time.monotonic() < until:
        time.sleep(0.02)
    node = ray.get_runtime_context().get_node_id()
    names = ("CUDA_VISIBLE_DEVICES", "GANETIC_GPU_SHARE")
    return {"node": node, "process": os.getpid(), **{name: os.environ.get(name) for name in names}}


def _fill_gpu(context: Context, payload: Payload) -> dict[str, Any]:
    """Say how many GPUs there are, and whether a share of the memory of the first can be had."""
    import torch

    from ganetic.training.device import begin_on

    begin_on("cuda")
    _, whole = torch.cuda.mem_get_info()
    try:
        torch.empty(int(whole * payload["share"]), dtype=torch.uint8, device="cuda")
    except torch.cuda.OutOfMemoryError:
        return {"gpus": torch.cuda.device_count(), "fits": False}
    return {"gpus": torch.cuda.device_count(), "fits": True}


def _hang_known(context: Context, payload: Payload) -> dict[str, Any]:
    """Leave the number of this process in a file, and never end."""
    with Path(payload["file"]).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(1000)
    return {}


def _first_time(payload: Payload) -> bool:
    try:
        Path(payload["file"]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


ACTIONS: dict[str, Callable[[Context, Payload], dict[str, Any]]] = {
    "echo": _echo,
    "scale": _scale,
    "vandalise": _vandalise,
    "sleep": _sleep,
    "note": _note,
    "raise": _raise,
    "raise_odd": _raise_odd,
    "die": _die,
    "segfault": _segfault,
    "hang": _hang,
    "spin": _spin,
    "hang_once": _hang_once,
    "environment": _environment,
    "sum": _sum,
    "writeable": _writeable,
    "packages": _packages,
    "die_times": _die_times,
    "process": _process,
    "gpu": _gpu,
    "fill_gpu": _fill_gpu,
    "hang_known": _hang_known,
}
