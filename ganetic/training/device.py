"""Where to train, and what it takes of the memory there."""

import os
import resource

import torch

from ganetic.jobs.executor import GPU_SHARE


def device_for_trials() -> str:
    """Return ``"cuda"`` where this process can use a GPU, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def begin_on(device: str) -> None:
    """Keep to this process's share of the GPU's memory, and begin to look for the most of it that is held.

    What is left over from the trial before is given back first. A trial that wants more than its share raises torch's
    out-of-memory error, and its neighbours on the GPU go on. What CUDA itself takes, some hundred megabytes a process,
    is not counted.

    Args:
        device: ``cpu``, on which nothing is done, or ``cuda``.
    """
    if device != "cuda":
        return
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(float(os.environ.get(GPU_SHARE, "1")))
    torch.cuda.reset_peak_memory_stats()


def peak_memory(device: str) -> int:
    """Return the most bytes of GPU memory held since it began; on a CPU, of memory ever held by the process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
