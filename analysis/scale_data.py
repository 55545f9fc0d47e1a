"""A large set of images on several Ray nodes of this machine: what travels, what each process holds, how long it takes.

The set is made of noise with structure, as `npz:FILE` and as `mapped:FILE`; nothing is trained. Each node is a raylet
with an object store of its own; a worker of each reads batches as a trial does. Memory is what processes hold alone
(USS) and what lies in the object stores.
"""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 64
BATCH = 64
BATCHES = 50
STORE_SPARE = 1.25
"""Size of a node's object store over that of the set."""

Row = dict[str, Any]


def write_set(path: Path, gib: float) -> int:
    """Write colour images of 64 pixels, part by part, without holding them; returns their number."""
    count = int(gib * 2**30 / (SIDE * SIDE * 3))
    plain = path.with_suffix(".npy")
    images = np.lib.format.open_memmap(plain, "w+", np.uint8, (count, SIDE, SIDE, 3))
    stream = np.random.default_rng(0)
    for begin in range(0, count, 4096):
        part = images[begin : begin + 4096]
        coarse = stream.integers(0, 256, (len(part), 8, 8, 3), np.uint8)
        part[:] = coarse.repeat(8, axis=1).repeat(8, axis=2)
    images.flush()
    del images
    _stored(path, plain)
    plain.unlink()
    return count


def _stored(path: Path, plain: Path) -> None:
    """An archive of the one array, as numpy.savez writes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.write(plain, "images.npy")


def data_row(kind: str, path: Path, hosts: int) -> Row:
    """Load a set, hand it to a worker of each node, and let all read batches; in a process of its own."""
    command = [sys.executable, "-m", "analysis.scale_data", kind, str(path), str(hosts)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    row: Row = json.loads(found.stdout.splitlines()[-1])
    return row


def measured(kind: str, path: Path, hosts: int) -> Row:
    """See `data_row`."""
    import ray  # noqa: PLC0415 - only the process that measures needs it
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    from ganetic.data import load_images  # noqa: PLC0415
    from ganetic.data.mapped import some_of  # noqa: PLC0415
    from ganetic.data.roles import partition  # noqa: PLC0415

    began = time.perf_counter()
    images = load_images(f"{kind}:{path}")
    rows = partition(images, 1000).gan
    context = some_of(images, rows)
    size = context.nbytes
    del images
    loaded = time.perf_counter()
    store = int(STORE_SPARE * path.stat().st_size) + 2**28 if kind == "npz" else 2**28
    cluster = Cluster()
    for _ in range(hosts):
        cluster.add_node(num_cpus=2, object_store_memory=store)
    ray.init(cluster.address, log_to_driver=False)
    try:
        started = time.perf_counter()
        reference = ray.put(context)
        reader = ray.remote(_Reader).options(num_cpus=1, scheduling_strategy="SPREAD")
        readers = [reader.remote(reference) for _ in range(2 * hosts)]
        seen: list[tuple[str, int, float]] = ray.get([one.read.remote() for one in readers])
        ended = time.perf_counter()
    finally:
        ray.shutdown()
        cluster.shutdown()
    return {
        "set": kind,
        "hosts": len({node for node, _, _ in seen}),
        "workers": len(seen),
        "GiB": size / 2**30,
        "load s": loaded - began,
        "spread s": ended - started,
        "batch ms": 1000 * max(seconds for *_, seconds in seen),
        "driver MiB": _own_bytes() / 2**20,
        "worker MiB": max(held for _, held, _ in seen) / 2**20,
        "sent a node GiB": size / 2**30 if kind == "npz" else 0.0,
    }


class _Reader:
    """Reads batches as a trial's trainer does."""

    def __init__(self, images: Any) -> None:
        self._before = _own_bytes()
        self._images = images

    def read(self) -> tuple[str, int, float]:
        """The node, the bytes that this process holds alone more than before, and seconds a batch."""
        import ray  # noqa: PLC0415

        stream, began = np.random.default_rng(0), time.perf_counter()
        for _ in range(BATCHES):
            batch = self._images[stream.integers(0, len(self._images), BATCH)]
            assert batch.shape == (BATCH, SIDE, SIDE, 3)
        seconds = (time.perf_counter() - began) / BATCHES
        return ray.get_runtime_context().get_node_id(), _own_bytes() - self._before, seconds


def _own_bytes() -> int:
    """Memory that this process holds alone, files that it has mapped left out."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
