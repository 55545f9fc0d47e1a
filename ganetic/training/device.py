"""Where to train, and what it takes of the memory there."""

import resource

import torch


def device_for_trials() -> str:
    """Return ``"cuda"`` where this process can use a GPU, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def reset_peak_memory(device: str) -> None:
    """Begin to look for the most GPU memory held."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def peak_memory(device: str) -> int:
    """Return the most bytes of GPU memory held since the reset; on a CPU, of memory ever held by the process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
