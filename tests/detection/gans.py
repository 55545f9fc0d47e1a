"""GANs for tests: untrained ones of every model, and images."""

import numpy as np
import torch
from numpy.typing import NDArray

from ganetic.config import validate
from ganetic.detection.gan import TrainedGan
from ganetic.gan.models import ModelSpec, build
from ganetic.loss.library import LIBRARY

SIZES = {"mlp": 8, "dcgan": 28, "msg-gan": 32, "msg-sagan": 32, "stylegan2": 32}
"""A small size of each model of ours."""


def untrained(model: str = "mlp", channels: int = 1, loss: str = "bce", **more: object) -> TrainedGan:
    spec = validate({"name": model, "width": 2, "latent": 5, **more}, ModelSpec, "test")
    nets = build(spec, SIZES[model], channels, seed=1)
    for net in nets:
        net.requires_grad_(False).eval()
    return TrainedGan(*nets, spec, SIZES[model], channels, LIBRARY[loss].formula, np.empty(0, np.int64))


def noise(count: int, size: int = 8, channels: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


def arrays(net: torch.nn.Module) -> dict[str, NDArray[np.float64]]:
    return {name: tensor.double().numpy() for name, tensor in net.state_dict().items()}
