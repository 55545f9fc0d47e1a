"""Does the diagnosis tell a mode collapse, and does it leave varied images alone? On what fitness_trainings recorded.

    GANETIC_DATA=DIR python -m analysis.mode_collapse FOLDER        two minutes of one core; prints two tables

The first table plants: in how many of 20 draws each are real images flagged, those of half of the classes, those of
half of the modes that the net counts (classes, or clusters), those of half of the clusters of another clustering, and
copies of 20 images. Where a set has labels, it is looked at without them as well. The last column is of the final
images of averaged generators of the five published losses.

The second table diagnoses the same trainings twice: by the first fitness (the trained generator, features of the small
CNN, thresholds that were set on digits) and by the present one.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from analysis.fitness_tables import Rows, common_seeds, read
from analysis.fitness_trainings import EVERY, IMAGES, LOSSES, SETS, SPEC, SWINGING, WATCHED_DECAY, place
from ganetic.data import ImageSet, Partition, load_images, partition
from ganetic.errors import UserError, run_script
from ganetic.metrics.clusters import cluster_labels
from ganetic.metrics.diversity import Diversity, collapsed
from ganetic.metrics.features import build_feature_net, features
from ganetic.training.failure_modes import diagnose
from ganetic.training.modes import Modes, modes_of
from ganetic.training.proxy_data import prepare

DRAWS = 20
COPIES = 20
FIRST_SEED = 500

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Looked:
    """A set of images, its roles, and its modes."""

    images: ImageSet
    parts: Partition
    modes: Modes

    @staticmethod
    def at(images: ImageSet) -> "Looked":
        """Find the modes of a set."""
        parts = partition(images, IMAGES)
        return Looked(images, parts, modes_of(images, parts, "cpu"))

    def flagged(self, draws: list[Indices]) -> str:
        """In how many draws the images count as collapsed."""
        found = [self.modes.collapsed(torch.tensor(self.images.images[draw]), "cpu") for draw in draws]
        return f"{sum(found)}/{len(found)}"

    def draws(self, groups: Indices | None = None) -> list[Indices]:
        """Real images that trained GANs, of all modes or of a random half of some groups ``(N,)``."""
        drawn = []
        for seed in range(FIRST_SEED, FIRST_SEED + DRAWS):
            random = np.random.default_rng(seed)
            pool = self.parts.gan
            if groups is not None:
                names = np.unique(groups[pool])
                kept = random.permutation(names)[: len(names) // 2]
                pool = pool[np.isin(groups[pool], kept)]
            # Fewer than asked for are taken where there are fewer: the same image twice would be a copy.
            drawn.append(random.choice(pool, min(len(self.parts.reference), len(pool)), replace=False))
        return drawn

    def copies(self) -> list[Indices]:
        """The same few images again and again."""
        return [np.resize(draw[:COPIES], len(draw)) for draw in self.draws()]

    def own_groups(self) -> Indices:
        """The mode of every image, as the net that counts them sees it."""
        found = features(build_feature_net(self.modes.weights), torch.tensor(self.images.images))[1]
        return found.cpu().numpy()


def planted(name: str, folder: Path) -> Iterator[tuple[str, ...]]:
    """A row of the first table with labels, and one without."""
    given = load_images(place(name))
    for images in (given, replace(given, labels=None, class_names=())) if given.labels is not None else (given,):
        looked = Looked.at(images)
        final = [average for _, average in finals(name, folder)]
        seen = [looked.modes.collapsed(torch.tensor(one), "cpu") for one in final]
        yield (
            name,
            "labels" if images.labels is not None else "none",
            looked.modes.note.removeprefix("modes: ").partition(";")[0] if looked.modes.test.counts else "-",
            looked.flagged(looked.draws()),
            "-" if images.labels is None else looked.flagged(looked.draws(images.labels)),
            looked.flagged(looked.draws(looked.own_groups())),
            looked.flagged(looked.draws(cluster_labels(images.images))),
            looked.flagged(looked.copies()),
            f"{sum(seen)}/{len(seen)}",
        )


def finals(name: str, folder: Path) -> Iterator[tuple[tuple[str, int], NDArray[np.uint8]]]:
    """The final images of the averaged generators of a set, by loss and seed."""
    for loss in LOSSES:
        for path in sorted(folder.glob(f"{name.partition('?')[0]}-{loss}-*.npz")):
            if loss != SWINGING:
                with np.load(path) as archive:
                    yield (loss, int(path.stem.rpartition("-")[2])), archive["average"]


def diagnosed(rows: Rows, name: str, folder: Path) -> tuple[list[str | None], list[str | None]]:
    """What is wrong with each training of a set, by the first fitness and by the present one."""
    proxy_data = prepare(load_images(place(name)), SPEC.model_copy(update={"features": "auto"}))
    first = prepare(load_images(place(name)), SPEC)
    before, after = [], []
    images = dict(finals(name, folder))
    for loss in LOSSES:
        for seed in common_seeds(rows, name):
            row = rows[name, loss][seed]
            if loss == SWINGING:
                continue
            if "failed" in row:
                before.append(row["failed"])
                after.append(row["failed"])
                continue
            spread, shares = row["diversity"]["raw"]
            raw = Diversity(np.array(shares), spread)
            before.append(_ill(row, "cnn raw", "cnn", collapsed(raw, first.diversity)))
            assert proxy_data.modes is not None
            gone = proxy_data.modes.collapsed(torch.tensor(images[loss, seed]), "cpu")
            after.append(_ill(row, f"i32 {WATCHED_DECAY:g}", "i32", gone))
    return before, after


def _ill(row: dict[str, Any], metric: str, net: str, is_collapsed: bool) -> str | None:
    trace = [(EVERY * place, fd) for place, fd in enumerate(row["fd"][metric])]
    updates = row["updates"][len(row["updates"]) // 2 :]
    return diagnose(trace, row["floors"][net], updates, is_collapsed)


def _words(ills: list[str | None]) -> str:
    found = Counter(str(ill).replace("_", " ") for ill in ills if ill)
    return f"{sum(found.values())}/{len(ills)}" + "".join(f", {count} {ill}" for ill, count in found.most_common())


def main() -> None:
    """Print both tables."""
    if len(sys.argv) != 2:
        raise UserError("expected the folder of the trainings")
    folder, console = Path(sys.argv[1]), Console(width=140)
    rows = read(folder)
    torch.set_num_threads(1)
    heads = ("set", "labels", "modes", "real", "half classes", "half modes", "half of others", "copies", "generated")
    first = Table(*heads, box=None, pad_edge=False)
    second = Table("set", "failed by the first fitness", "failed by the present one", box=None, pad_edge=False)
    for name in SETS:
        for cells in planted(name, folder):
            first.add_row(*cells)
        second.add_row(name, *map(_words, diagnosed(rows, name, folder)))
    console.print(first)
    console.print()
    console.print(second)


if __name__ == "__main__":
    run_script(main)
