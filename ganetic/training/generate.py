"""Draw images from a trained generator."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganetic.errors import UserError, typed
from ganetic.files import refuse_impossible_directory
from ganetic.gan.models import Nets, Truncatable, build
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.checkpoint import CHECKPOINTS, checkpoints_in, directory_of, read_part, read_train_state
from ganetic.training.device import device_for_trials
from ganetic.training.metadata import RunMetadata, is_training, read_metadata
from ganetic.training.samples import grid, write_png
from ganetic.training.trainer import NonFiniteError, generate


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, and the training that it is of.

    Attributes:
        directory: of the checkpoint.
        metadata: of the training.
        step: updates of each player made.
    """

    directory: Path
    metadata: RunMetadata
    step: int


def find_checkpoint(path: Path) -> Checkpoint:
    """Find a checkpoint by its directory, or the best one of a run by the run's.

    Raises:
        UserError: there is none.
    """
    if is_training(path):
        found = checkpoints_in(path)
        if not found:
            raise UserError(f"{path}: has no checkpoint yet; `{typed('ganetic', 'resume', path)}` goes on with it")
        directory = directory_of(path, read_train_state(found[-1]).best_step)
        return Checkpoint(directory, read_metadata(path), read_train_state(directory).step)
    run = path.resolve().parent.parent
    if path.resolve().parent.name != CHECKPOINTS or not is_training(run):
        raise UserError(f"{path}: neither a training nor one of its checkpoints; expected a directory in runs/")
    return Checkpoint(path, read_metadata(run), read_train_state(path).step)


def load_generator(checkpoint: Checkpoint, device: str = "cpu") -> nn.Module:
    """Load the averaged generator: latents ``(N, latent)`` to images in [−1, 1] or, in msg-*, to a pyramid of them.

    Raises:
        UserError: the checkpoint is damaged.
    """
    return _loaded(checkpoint, "average", _nets_of(checkpoint).generator, device)


def load_discriminator(checkpoint: Checkpoint, device: str = "cpu") -> nn.Module:
    """Load the discriminator: images in [−1, 1] or, in msg-*, a pyramid of them to logits ``(N,)``.

    Raises:
        UserError: the checkpoint is damaged.
    """
    return _loaded(checkpoint, "discriminator", _nets_of(checkpoint).discriminator, device)


def _nets_of(checkpoint: Checkpoint) -> Nets:
    """Nets like those of a checkpoint, before they were trained."""
    config = checkpoint.metadata.config
    return build(config.model, checkpoint.metadata.size, checkpoint.metadata.channels, config.seed)


def _loaded(checkpoint: Checkpoint, part: str, net: nn.Module, device: str) -> nn.Module:
    weights = read_part(checkpoint.directory, part)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{checkpoint.directory}: does not fit its training ({reason}); choose another one") from None
    return net.requires_grad_(False).eval().to(device)


@reproducible()
def generate_images(
    checkpoint: Checkpoint, count: int, seed: int = 0, truncation: float | None = None
) -> NDArray[np.uint8]:
    """Draw uint8 images ``(count, H, W, C)``; the same checkpoint and seed give the same images on one kind of device.

    Args:
        checkpoint: of the generator.
        count: how many.
        seed: of the latents.
        truncation: how much variety there is, from 0 to 1, see `Truncatable`; None for all that was trained.

    Raises:
        UserError: the checkpoint is damaged, gives something that is no image, or is of a model without truncation.
    """
    device = device_for_trials()
    generator = load_generator(checkpoint, device)
    if truncation is not None:
        _truncate(generator, truncation, checkpoint.metadata.config.model.name)
    latents = torch.randn(count, checkpoint.metadata.config.model.latent, generator=random_stream(seed, "generate"))
    try:
        return generate(generator, latents, device)[-1].numpy()
    except NonFiniteError as error:
        raise UserError(f"{checkpoint.directory}: {error}; choose another checkpoint") from None


def _truncate(generator: nn.Module, truncation: float, model: str) -> None:
    if not isinstance(generator, Truncatable):
        raise UserError(
            f"truncation is {truncation:g}; {model} has no styles to truncate; leave it out, or train stylegan2"
        )
    generator.truncate(truncation)


def refuse_output(output: Path) -> None:
    """Refuse a place for images before any are drawn: images of two kinds in one directory cannot be told apart.

    Raises:
        UserError: it is neither a .png, which is replaced, nor a new or empty directory; or it cannot be made.
    """
    if not _is_grid(output):
        if output.suffix:
            raise UserError(f'{output}: ends in "{output.suffix}"; expected a .png for a grid, or a directory')
        if output.exists() and not output.is_dir():
            raise UserError(f"{output}: is a file; name a .png for a grid, or a new directory")
        if output.is_dir() and any(not path.name.startswith(".") for path in output.iterdir()):
            raise UserError(f"{output}: holds files already, with which images would mix; name a new directory")
    refuse_impossible_directory(output)


@reproducible()
def write_images(images: NDArray[np.uint8], output: Path) -> list[Path]:
    """Write images as one grid where the output ends in .png, else each as a file in a new or empty directory.

    Whatever goes wrong, no part of the images stays.

    Raises:
        UserError: the output is of another kind, holds files already, or cannot be written.
    """
    refuse_output(output)
    pixels = torch.tensor(images)
    if _is_grid(output):
        columns = max(1, round(len(images) ** 0.5))
        write_png(output, grid(pixels, columns))
        return [output]
    digits = max(5, len(str(len(images) - 1)))
    files = [output / f"{number:0{digits}d}.png" for number in range(len(images))]
    new = not output.exists()
    try:
        for file, image in zip(files, pixels, strict=True):
            write_png(file, image.permute(2, 0, 1))
    except BaseException:
        with suppress(OSError):
            for file in files:
                file.unlink(missing_ok=True)
            if new:
                output.rmdir()
        raise
    return files


def _is_grid(output: Path) -> bool:
    return output.suffix.lower() == ".png"
