"""A GAN in full training: all that changes from step to step, and one step."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganetic.full.augmentation import augment
from ganetic.full.config import TrainConfig
from ganetic.full.share import ALONE, Share, SharedLoss, SharedOptimiser, mean_over
from ganetic.gan.diffaugment import draw_both
from ganetic.gan.ema import EMA
from ganetic.gan.models import build, pyramid, scales
from ganetic.gan.order import Order
from ganetic.gan.profiles import PROFILES
from ganetic.gan.regulariser import Regulariser
from ganetic.gan.step import Augment, Images, Loss, Optimiser, StepLosses, adam, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.screen import gradient_scale
from ganetic.metrics.features import to_uint8, to_unit
from ganetic.reproducible import random_stream

_CHUNK = 50
"""Images that are generated at once for measurements."""

State = dict[str, dict[str, Tensor]]
"""Tensors by part and name."""


class StoppedError(Exception):
    """A training cannot or shall not go on; the message says at which step, and why."""


class NonFiniteError(StoppedError):
    """Something in a training is infinite or not a number; the message says what, and at which step."""


class Trainer:
    """Nets, optimisers, averaged generator and random streams.

    Everything random comes from streams of the configuration's seed, so that two losses with one seed begin with the
    same weights and see the same latents and images.

    Args:
        config: the training.
        formula: the loss.
        images: uint8 ``(N, H, W, C)`` that train the GAN.
        device: ``cpu`` or ``cuda``. On CUDA the nets run in bfloat16 where that is safe, and losses in float32.
        share: this process's part of every batch.
    """

    def __init__(
        self, config: TrainConfig, formula: Formula, images: NDArray[np.uint8], device: str, share: Share = ALONE
    ) -> None:
        size, channels = images.shape[2:]
        self.share, self._config, self._device = share, config, device
        self._images = torch.tensor(images)
        self._scales = scales(config.model, size)
        self.generator, self.discriminator = build(config.model, size, channels, config.seed)
        for net in (self.generator, self.discriminator):
            net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = EMA(self.generator, config.ema_decay)
        rates, betas = config.optimizer, (config.optimizer.beta1, config.optimizer.beta2)
        self.optimisers = (
            adam(self.generator, rates.generator_lr, *betas),
            adam(self.discriminator, rates.discriminator_lr, *betas),
        )
        self._profile = PROFILES.get(config.augmentation.profile)
        names = ["latents", "order", "augmentation", "regulariser"]
        if self._profile is not None:  # checkpoints from before there were any have no such stream
            names.append("diffaugment")
        self._streams = {name: random_stream(config.seed, name) for name in names}
        self._order = Order(len(images), config.batch, self._streams["order"])
        self.loss: Loss = GanLoss(formula)
        self._stepping: tuple[Optimiser, Optimiser] = self.optimisers
        if share.world > 1:
            self.loss = SharedLoss(self.loss)
            self._stepping = (
                SharedOptimiser(self.optimisers[0], self.generator),
                SharedOptimiser(self.optimisers[1], self.discriminator),
            )
        self.regulariser = Regulariser(config.regulariser, gradient_scale(formula), self._streams["regulariser"])
        self.step = 0

    def advance(self) -> StepLosses:
        """Update both players once.

        Raises:
            NonFiniteError: a loss is not finite.
        """
        self.step += 1
        # bfloat16 has float32's range: no loss needs scaling. Losses and penalties switch it off for themselves.
        with torch.autocast("cuda", torch.bfloat16, enabled=self._device == "cuda"):
            losses = gan_step(
                self.generator,
                self.discriminator,
                self.loss,
                self._stepping,
                self._next_images(),
                self._next_latents(),
                self.regulariser,
                self._next_augment(),
            )
        self._average.update(self.generator, self.step)
        losses = StepLosses(*mean_over(self.share, *losses))  # a penalty is of the process's own images
        for name, value in losses._asdict().items():
            if not bool(value.isfinite()):
                raise NonFiniteError(f"step {self.step}: the loss of the {name} is {float(value):g}")
        return losses

    def _next_images(self) -> Images:
        pixels = self._images[self._order.next()]
        changed = augment(to_unit(pixels), self._config.data.augmentation, self._streams["augmentation"])
        own = self.share.of(changed).to(self._device, memory_format=torch.channels_last)
        return pyramid(own, self._scales)

    def _next_latents(self) -> Tensor:
        shape = (self._config.batch, self._config.model.latent)
        # All processes draw the whole batch: however many they are, they see the same latents and images.
        return self.share.of(torch.randn(shape, generator=self._streams["latents"])).to(self._device)

    def _next_augment(self) -> tuple[Augment, Augment] | None:
        if self._profile is None:
            return None
        return draw_both(self._profile, self._config.batch, self._streams["diffaugment"], self.share.of)

    def weights(self) -> Tensor:
        """A copy of all of the generator's parameters, ``(P,)``."""
        return torch.cat([parameter.detach().flatten() for parameter in self.generator.parameters()])

    def check(self) -> None:
        """Look for what no loss has shown yet.

        Raises:
            NonFiniteError: a parameter, or the memory of its gradients, is not finite.
        """
        for part, tensors in self.state().items():
            for name, tensor in tensors.items():
                if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                    raise NonFiniteError(f"step {self.step}: {part} has a {name} that is not finite")

    def generate(self, latents: Tensor) -> list[Tensor]:
        """Draw from the averaged generator.

        Args:
            latents: float32 ``(N, latent)``, on the CPU.

        Returns:
            uint8 images ``(N, H, W, C)`` on the CPU for each scale, the finest last.

        Raises:
            NonFiniteError: a pixel is not finite.
        """
        try:
            return generate(self._average.net, latents, self._device)
        except NonFiniteError as error:
            raise NonFiniteError(f"step {self.step}: {error}") from None

    def state(self) -> State:
        """All tensors that a resumed training needs, not copied."""
        moments = {"generator": self.optimisers[0].state(), "discriminator": self.optimisers[1].state()}
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self._average.net.state_dict(),
            "optimisers": {f"{net}.{name}": t for net, found in moments.items() for name, t in found.items()},
            "streams": {
                "order.queue": self._order.queue,
                **{name: stream.get_state() for name, stream in self._streams.items()},
            },
        }

    def load_state(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Take over what `state` returned after a step.

        Raises:
            KeyError, RuntimeError: it is of a training with other nets.
        """
        self.step = step
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self._average.net.load_state_dict(state["average"])
        for net, optimiser in zip(("generator", "discriminator"), self.optimisers, strict=True):
            moments = {name.removeprefix(f"{net}."): t for name, t in state["optimisers"].items()}
            optimiser.load_state(moments)
        for name, stream in self._streams.items():
            stream.set_state(state["streams"][name])
        self._order.queue = state["streams"]["order.queue"]


@torch.no_grad()
def generate(generator: nn.Module, latents: Tensor, device: str) -> list[Tensor]:
    """Return uint8 images ``(N, H, W, C)`` on the CPU for each scale, the finest last.

    Args:
        generator: in evaluation mode: an image depends on its own latent vector only.
        latents: ``(N, latent)``.
        device: where the generator is.

    Raises:
        NonFiniteError: a pixel is not finite.
    """
    parts: list[list[Tensor]] = []
    for batch in torch.split(latents, _CHUNK):
        made = generator(batch.to(device))
        levels = made if isinstance(made, tuple) else (made,)
        if not all(bool(level.isfinite().all()) for level in levels):
            raise NonFiniteError("a generated image is not finite")
        parts.append([to_uint8(level.float()).cpu() for level in levels])
    return [torch.cat(level) for level in zip(*parts, strict=True)]
