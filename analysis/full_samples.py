"""Draws what the trainings of `analysis/full_losses.py` generate: a row for each training of one seed, and real images.

    python -m analysis.full_samples DIR [--seed 0] -o FILE.png

Each row is of the averaged generator after the last step, from the same latents.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganetic.errors import UserError, run_script
from ganetic.plots.arms import COLUMNS, draw_rows
from ganetic.plots.style import check_format, save
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.data import training_data_of
from ganetic.training.generate import find_checkpoint, generate_images
from ganetic.training.metadata import read_metadata

TRAININGS = "trainings"


def rows_of(directory: Path, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Uint8 images ``(COLUMNS, H, W, C)`` of every training of a seed, by its name; held-out real ones first.

    Raises:
        UserError: the directory has no training of that seed that reached a checkpoint.
    """
    runs = sorted(run for run in (directory / TRAININGS).glob(f"*-s{seed}") if checkpoints_in(run))
    if not runs:
        raise UserError(f"{directory}: no training of seed {seed}; expected the directory of analysis.full_losses")
    training_data = training_data_of(read_metadata(runs[0]).config)
    chosen = np.random.default_rng(0).permutation(training_data.held_out)[:COLUMNS]
    drawn = {
        run.name.removesuffix(f"-s{seed}"): generate_images(find_checkpoint(checkpoints_in(run)[-1]), COLUMNS)
        for run in runs
    }
    return {"real": training_data.images.images[chosen], **drawn}


def main() -> None:
    """Draw, and write the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="number of the seed, from 0")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    check_format(options.output)
    save(draw_rows(rows_of(options.directory, options.seed)), options.output)


if __name__ == "__main__":
    run_script(main)
