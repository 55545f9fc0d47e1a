"""Load a published generator. Of other packages this needs torch, safetensors, pydantic and numpy alone."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ganetic.config import load_json
from ganetic.errors import UserError
from ganetic.gan.classes import labels_for
from ganetic.gan.models import build
from ganetic.publishing.generator_config import CONFIG, PUBLISHED, WEIGHTS, GeneratorConfig
from ganetic.reproducible import random_stream, reproducible

_REMEDY = "publish it again, or download it again"


class PublishedGenerator(nn.Module):
    """A trained generator: latents to images, and where it was told classes, latents and labels to images.

    An image depends on its own latent vector and class alone, not on the others of a batch.

    Attributes:
        latent: length of a latent vector.
        size: side of the images in pixels.
        channels: 1 for grey images, 3 for colour.
        scales: sides of the images that the net makes, the finest last; one for a single-scale model.
        classes: names of the classes that it is told, in the order of their labels; empty where it is told none.
    """

    def __init__(self, net: nn.Module, config: GeneratorConfig) -> None:
        super().__init__()
        self.net = net
        self.latent, self.size, self.channels = config.model.latent, config.size, config.channels
        self.scales = config.model.sides(config.size)
        self.classes, self._counts = tuple(config.classes), dict(config.classes)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map float32 ``(N, latent)`` to images ``(N, C, H, W)`` in [−1, 1], those of the finest scale.

        Args:
            latents: as `latents` draws them.
            labels: int64 ``(N,)``, as `labels` draws them; of a generator that is told no classes None.

        Raises:
            UserError: labels are missing, or there are some where none are wanted.
        """
        if (labels is None) == bool(self.classes):
            wanted = f"labels 0 to {len(self.classes) - 1}" if self.classes else "no labels"
            raise UserError(f"labels are {'missing' if labels is None else 'given'}; this generator takes {wanted}")
        made = self.net(latents) if labels is None else self.net(latents, labels)
        images: Tensor = made[-1] if isinstance(made, tuple) else made
        return images

    def latents(self, count: int, seed: int = 0) -> Tensor:
        """Draw the latents of which ``ganetic generate`` makes the images of a seed, float32 ``(count, latent)``."""
        return torch.randn(count, self.latent, generator=random_stream(seed, "generate"))

    def labels(self, count: int, seed: int = 0, label: str | None = None) -> Tensor | None:
        """Draw the labels of which ``ganetic generate`` makes the images of a seed, int64 ``(count,)``.

        Args:
            count: how many.
            seed: of the classes where none is named.
            label: the name of the class that all are of; None for all classes, as often as they were trained on.

        Returns:
            None where the generator is told no classes.

        Raises:
            UserError: there is no such class.
        """
        return labels_for(self._counts, count, random_stream(seed, "generated labels"), label)


@reproducible()
def load_generator(directory: Path | str) -> PublishedGenerator:
    """Load a generator that ``ganetic publish`` wrote, on the CPU.

    Nothing of the directory is run as code or unpickled. On one CPU thread its images are those of ``ganetic generate``
    to the last bit, 50 latents at a time.

    Args:
        directory: with ``config.json`` and ``model.safetensors``, such as a snapshot from the Hugging Face Hub.

    Returns:
        A module in evaluation mode whose parameters want no gradient.

    Raises:
        UserError: there is no published generator, or a file of it is damaged.
    """
    directory = Path(directory)
    config = read_config(directory)
    net = build(config.model, config.size, config.channels, seed=0, classes=len(config.classes)).generator
    try:
        net.load_state_dict(_weights(directory / WEIGHTS))
    except RuntimeError as error:
        # torch lists every tensor that does not fit, a line each below what it says first.
        *_, reason = str(error).splitlines()[:2]
        said = reason.strip()[:100]
        raise UserError(f"{directory / WEIGHTS}: does not fit {CONFIG} beside it ({said}); {_REMEDY}") from None
    return PublishedGenerator(net, config).requires_grad_(False).eval()


def read_config(directory: Path) -> GeneratorConfig:
    """Read ``config.json``.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = directory / CONFIG
    if not path.is_file():
        raise UserError(f"{directory}: no published generator, it has no {CONFIG}; `ganetic publish` makes one")
    return PUBLISHED.read(load_json(path, _REMEDY), GeneratorConfig, where=str(path))


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {_REMEDY}") from None
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: not readable as safetensors ({reason}); {_REMEDY}") from None
