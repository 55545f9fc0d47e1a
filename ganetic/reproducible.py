"""The same numbers whatever the process did before: one thread, fixed precision, deterministic kernels."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch

import ganetic

_CPU_FILE = Path("/proc/cpuinfo")
_MAKE_OF_CPU = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")


@contextmanager
def reproducible(cpu_threads: int = 1) -> Iterator[None]:
    """Run with so many CPU threads, the CPU and float32 as defaults and deterministic kernels; restore all afterwards.

    Code inside puts on other devices what it wants there, whatever the caller's default device is.

    The number of threads changes the order of sums, and with it the last bits; a short GAN training turns last bits
    into other images. One thread a worker is also the fastest way to fill a machine with independent trainings.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    precision = torch.get_float32_matmul_precision()
    torch.set_num_threads(cpu_threads)
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            # A default device has a say in every operation, which takes time: none is set where it is the CPU anyway.
            nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu"),
            torch.random.fork_rng(devices=[]),  # torch's layers draw an initialisation when they are made
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
        ):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(precision)


def random_stream(seed: int, name: str) -> torch.Generator:
    """Return a CPU generator that depends on the seed and the name of its use, and on nothing else.

    Streams of different names are independent, so that drawing more from one never shifts another.
    """
    words = np.random.SeedSequence([seed, *name.encode()]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed((int(words[0]) << 32 | int(words[1])) >> 1)


def versions() -> dict[str, str]:
    """Where a run is made: results repeat bit for bit only on hardware and libraries of one kind.

    The make of the CPU belongs to it, since libraries choose by it in which order they add up. Nets that measure and
    are trained on the images themselves come out otherwise then: distances were 1 to 8 % apart on an AMD and an Intel
    CPU with the same instructions (tests/training/golden.json).
    """
    return {
        "ganetic": ganetic.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": f"{torch.backends.cpu.get_cpu_capability()} {_make_of_cpu()}".strip(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def _make_of_cpu() -> str:
    """The numbers by which the system tells makes of CPUs apart: a name such as “Intel Xeon Processor” is of many."""
    if not _CPU_FILE.exists():
        return platform.processor()
    pairs = (line.partition(":") for line in _CPU_FILE.read_text().partition("\n\n")[0].splitlines())
    known = {key.strip(): value.strip() for key, _, value in pairs}
    return " ".join(known[key] for key in _MAKE_OF_CPU if key in known)
