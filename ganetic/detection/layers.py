"""The layers of a discriminator: their names, and the features that they give."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from ganetic.errors import UserError, unknown
from ganetic.gan.progressive import MinibatchStddev
from ganetic.gan.step import Images


class HeldDeviation(nn.Module):
    """Stands for `MinibatchStddev`, with one deviation for all images: no image's score depends on its neighbours.

    Args:
        deviation: how much batches of real images vary at this place.
    """

    def __init__(self, deviation: float = 0.0) -> None:
        super().__init__()
        self.deviation: Tensor
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C + 1, H, W)``."""
        shape = (len(features), 1, *features.shape[2:])
        return torch.cat([features, self.deviation.to(features).expand(shape)], 1)


def without_neighbours(discriminator: nn.Module, batches: Iterator[Images] | None = None) -> nn.Module:
    """Return a copy of a discriminator that judges each image by itself.

    Args:
        discriminator: in evaluation mode.
        batches: of real images, over which deviations are averaged; None for a copy whose deviations are loaded next.
    """
    copy = deepcopy(discriminator)
    places = [name for name, module in copy.named_modules() if isinstance(module, MinibatchStddev)]
    measured = _mean_deviations(copy, places, batches) if places and batches is not None else {}
    for name in places:
        parent, _, own = name.rpartition(".")
        setattr(copy.get_submodule(parent), own, HeldDeviation(measured.get(name, 0.0)))
    return copy


def _mean_deviations(net: nn.Module, places: list[str], batches: Iterator[Images]) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in places}
    for batch in batches:
        with torch.no_grad(), _outputs(net, places) as outputs:
            net(batch)
        for name, seen in outputs.items():
            found[name] += [float(output[:, -1].mean()) for output in seen]
    return {name: sum(values) / len(values) for name, values in found.items()}


class FeatureLayer:
    """A discriminator and one of its layers.

    Args:
        discriminator: in evaluation mode.
        name: of the layer, one of `layer_names`.
    """

    def __init__(self, discriminator: nn.Module, name: str) -> None:
        self.name = name
        self._discriminator = discriminator

    def __call__(self, images: Images) -> tuple[Tensor, Tensor]:
        """Return the features of images, ``(N, n)``, and their logits ``(N,)``; gradients pass.

        Where the next layer changes features in place, as rectifiers do, they are what it made of them.
        """
        with _outputs(self._discriminator, [self.name]) as outputs:
            logits = self._discriminator(images)
        (features,) = outputs[self.name]
        return features.flatten(1), logits


def layer_names(discriminator: nn.Module, images: Images) -> list[str]:
    """Return the names of layers that give features, in the order in which they are done with an image.

    A layer that gives one number an image is none: that is the logit.

    Args:
        discriminator: in evaluation mode.
        images: two images or more, as it takes them.
    """
    names = [name for name, _ in discriminator.named_modules() if name and "parametrizations" not in name]
    with torch.no_grad(), _outputs(discriminator, names) as outputs:
        logits = discriminator(images)
    return [name for name, seen in outputs.items() if len(seen) == 1 and _is_features(seen[0], len(logits))]


def chosen_layer(discriminator: nn.Module, images: Images, name: str | None) -> FeatureLayer:
    """Return the layer of a name, or the one that the logit is made from.

    Args:
        discriminator: in evaluation mode.
        images: two images or more, as it takes them.
        name: of the layer; None for the last one before the logit, which f-AnoGAN takes.

    Raises:
        UserError: there is no such layer.
    """
    names = layer_names(discriminator, images)
    if not names:
        raise UserError("the discriminator has no layer that gives features; choose a model with layers")
    if name is not None and name not in names:
        raise unknown("layer", name, names, "the discriminator")
    return FeatureLayer(discriminator, names[-1] if name is None else name)


def _is_features(output: object, count: int) -> bool:
    return isinstance(output, Tensor) and output.shape[:1] == (count,) and output.numel() > count


@contextmanager
def _outputs(net: nn.Module, names: list[str]) -> Iterator[dict[str, list[Tensor]]]:
    """Collect what modules give while a net runs, by name in the order in which they are done."""
    found: dict[str, list[Tensor]] = {}

    def collector(name: str) -> object:
        return lambda _module, _inputs, output: found.setdefault(name, []).append(output)

    handles = [net.get_submodule(name).register_forward_hook(collector(name)) for name in names]  # type: ignore[arg-type]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
