"""What a training will need, before it begins: parameters, and an estimate of its memory."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganetic.gan.conditional import given
from ganetic.gan.models import Nets, build
from ganetic.gan.step import Images
from ganetic.reproducible import reproducible
from ganetic.training.config import TrainConfig

_COPIES_OF_G = 5
"""Weights, gradients, two moments of Adam, the average."""
_COPIES_OF_D = 4
_COUNTS = (2, 4)
"""Images of the passes that are looked at."""


@dataclass(frozen=True)
class Estimate:
    """The size of a training.

    Attributes:
        generator_parameters: of G.
        discriminator_parameters: of D.
        state_bytes: weights, gradients, moments and average, in float32.
        activation_bytes: what one step keeps for its backward passes, in float32; R1 and the gradient penalty, which
            are differentiated twice, keep about as much again of D's.
    """

    generator_parameters: int
    discriminator_parameters: int
    state_bytes: int
    activation_bytes: int

    @property
    def bytes(self) -> int:
        """All of it; torch and the images come on top, and a convolution's workspace."""
        return self.state_bytes + self.activation_bytes


@reproducible()
def estimate(config: TrainConfig, size: int, channels: int, classes: int = 0) -> Estimate:
    """Count parameters, and the tensors that forward passes of a few images keep for the backward pass.

    A step keeps one pass of G, and two of D at most: of real and of generated images. Of what a pass keeps a part is
    the same for any number of images, such as weights that are scaled at run time.

    Args:
        config: of the training.
        size: side of the images in pixels.
        channels: of the images.
        classes: that the nets are told; 0 for none.

    Raises:
        UserError: the model does not take such images.
    """
    nets = build(config.model, size, channels, config.seed, classes)
    few, more = (
        _kept_by(_of_class(nets, count, classes), torch.randn(count, config.model.latent)) for count in _COUNTS
    )
    an_image = (more - few) / (_COUNTS[1] - _COUNTS[0])
    g, d = (_count(net) for net in nets)
    return Estimate(
        generator_parameters=g,
        discriminator_parameters=d,
        state_bytes=4 * (_COPIES_OF_G * g + _COPIES_OF_D * d),
        activation_bytes=round(few + an_image * (config.batch - _COUNTS[0])),
    )


def _of_class(nets: Nets, count: int, classes: int) -> Nets:
    """The nets for so many images of one class, or of none."""
    labels = torch.zeros(count, dtype=torch.int64) if classes else None
    return Nets(*(given(net, labels) for net in nets))


def _kept_by(nets: Nets, latents: Tensor) -> int:
    """Bytes that a step keeps for its backward passes, of a batch of these latents."""
    kept = _Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
        images: Images = nets.generator(latents)
        by_generator = kept.take()
        nets.discriminator(images)
    return by_generator + 2 * kept.take()


class _Kept:
    """Counts the bytes of the tensors kept for the backward pass, each storage once."""

    def __init__(self) -> None:
        self._storages: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> Tensor:
        """Count a tensor; weights are counted elsewhere."""
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            self._storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    def take(self) -> int:
        """Bytes since the last time."""
        total = sum(self._storages.values())
        self._storages.clear()
        return total


def _count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())
