"""A GAN in training: all that changes from step to step, and one step."""

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganetic.config import Config
from ganetic.data.mapped import MappedImages
from ganetic.gan.ada import Standing
from ganetic.gan.adam import AdamRates
from ganetic.gan.conditional import given
from ganetic.gan.diffaugment import draw_both
from ganetic.gan.ema import EMA
from ganetic.gan.models import Nets, pyramid
from ganetic.gan.order import ImageOrder
from ganetic.gan.profiles import AugmentationSpec
from ganetic.gan.regulariser import Regulariser, RegulariserSpec, path_length_of
from ganetic.gan.step import Augment, Images, Loss, Optimizer, StepLosses, adam, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.screen import generator_gradient_scale, gradient_scale
from ganetic.metrics.features import to_uint8, to_unit
from ganetic.reproducible import random_stream
from ganetic.training.adaptation import Adaptation, RealImages, fixed_p, real_is_above, rule_of, signal_of
from ganetic.training.augmentation import augment
from ganetic.training.labels import RealLabels
from ganetic.training.parallel import SINGLE_PROCESS, AllReduceOptimizer, DistributedContext, GatheredLoss, mean_over

_CHUNK = 50
"""Images a forward pass of a generator that is measured: twice as fast as large ones, which leave a processor's
cache."""
_ON_DEVICE_BYTES = 1 << 30
"""Images that take no more than this lie on the device that trains."""

State = dict[str, dict[str, Tensor]]
"""Tensors by part and name."""


class StoppedError(Exception):
    """A training cannot or shall not go on; the message says at which step, and why."""


class NonFiniteError(StoppedError, ArithmeticError):
    """A loss, a gradient, a parameter or an image is infinite or not a number; the message says what, at which step."""


class TrainerSpec(Config):
    """What a trainer is told besides nets, loss and images."""

    seed: int
    """The seed that every random stream follows from."""
    batch: int
    """Images a step, real and generated each, over all processes."""
    latent: int
    """Length of a latent vector."""
    generator_lr: float
    """G's learning rate."""
    discriminator_lr: float
    """D's learning rate."""
    beta1: float
    """Adam's decay rate of the mean of gradients."""
    beta2: float
    """Adam's decay rate of the mean of their squares."""
    ema_decay: float | None = None
    """Decay rate of the averaged generator, which draws images then; None for none."""
    ema_buffers: bool = False
    """Whether batch norm's statistics are averaged as well, and not copied."""
    regulariser: RegulariserSpec = RegulariserSpec()
    """What is done to both players besides their losses; Adam's rates are corrected for what is lazy."""
    augmentation: AugmentationSpec = AugmentationSpec()
    """Changes through which D sees real and generated images."""
    real_changes: tuple[str, ...] = ()
    """Changes to real images alone, see `ganetic.training.augmentation`."""
    bfloat16: bool = False
    """Whether nets run in bfloat16 on CUDA where that is safe, and losses in float32."""
    losses_are_checked: bool = True
    """Whether a step raises where one of its losses is not finite. It waits for the device for that; `Trainer.check`
    finds the same later."""


class Trainer:
    """Nets, optimizers, averaged generator and random streams.

    Everything random comes from streams of the seed, so that two losses with one seed begin with the same weights and
    see the same latents, images and augmentation: comparisons of losses are paired.

    Args:
        nets: as they begin.
        spec: how to train.
        formula: the loss.
        images: uint8 ``(N, H, W, C)`` that train the GAN, or where to read them.
        device: ``cpu`` or ``cuda``.
        scales: sides of the images of a pyramid that the nets make and take, the finest last; None for one size.
        distributed: this process's part of every batch.
        held_out: uint8 ``(M, H, W, C)`` that do not train the GAN, by which adaptive augmentation finds its strength.
        labels: the classes of both, which conditional nets are told; None where the nets take none.

    Raises:
        UserError: there is a penalty, and the loss has no gradient scale to weigh it by.
    """

    def __init__(
        self,
        nets: Nets,
        spec: TrainerSpec,
        formula: Formula,
        images: NDArray[np.uint8] | MappedImages,
        device: str,
        scales: tuple[int, ...] | None = None,
        distributed: DistributedContext = SINGLE_PROCESS,
        held_out: NDArray[np.uint8] | None = None,
        labels: RealLabels | None = None,
    ) -> None:
        self.distributed, self._spec, self._device = distributed, spec, device
        self.generator, self.discriminator = nets
        for net in nets:
            net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = None if spec.ema_decay is None else EMA(self.generator, spec.ema_decay, spec.ema_buffers)
        self.optimizers = (
            adam(self.generator, *_rates(spec, spec.generator_lr, spec.regulariser.generator_every)),
            adam(self.discriminator, *_rates(spec, spec.discriminator_lr, spec.regulariser.discriminator_every)),
        )
        self._streams = _streams(spec)
        self._changes = None if spec.augmentation.resolved_kind == "none" else spec.augmentation.changes
        self._images = images if isinstance(images, MappedImages) else _images(images, device, spec.real_changes)
        self._labels = None if labels is None else torch.tensor(labels.training)
        self._scales = (images.shape[1],) if scales is None else scales
        self._order = ImageOrder(len(images), spec.batch, self._streams["order"])
        self.loss: Loss = GanLoss(formula)
        self._stepping: tuple[Optimizer, Optimizer] = self.optimizers
        if distributed.world > 1:
            self.loss = GatheredLoss(self.loss)
            self._stepping = (
                AllReduceOptimizer(self.optimizers[0], self.generator),
                AllReduceOptimizer(self.optimizers[1], self.discriminator),
            )
        self.regulariser = _regulariser(spec, formula, self._streams, distributed)
        self.adaptation = self._adaptation(formula, held_out, labels)
        self._losses = torch.zeros((), dtype=torch.float64, device=device)
        self.step = 0

    def advance(self) -> StepLosses:
        """Update both players once. An image is generated of the class of each real one.

        Raises:
            NonFiniteError: a loss is not finite, and losses are checked.
        """
        self.step += 1
        chosen = self._order.next()
        labels = self._told(chosen)
        with self._precision():
            losses = gan_step(
                given(self.generator, labels),
                given(self.discriminator, labels),
                self.loss,
                self._stepping,
                self._seen(self._picked(chosen), self._streams["augmentation"]),
                self._next_latents(),
                self.regulariser,
                self._next_augment(),
            )
        if self._average is not None:
            self._average.update(self.generator, self.step)
        if self.distributed.world > 1:
            losses = StepLosses(*mean_over(*losses))  # a penalty is of the process's own images
        # A sum of losses remembers any that was not finite, and is read only now and then.
        self._losses += losses.discriminator + losses.generator
        if self._spec.losses_are_checked:
            self._check_losses(losses)
        if self.adaptation is not None:
            with self._precision():
                self.adaptation.after_step(self.step, self.discriminator)
        return losses

    @property
    def is_averaged(self) -> bool:
        """Whether images are those of an averaged generator."""
        return self._average is not None

    @property
    def p(self) -> float | None:
        """Probability of each change of an image that D sees; None where there are no changes."""
        if self._changes is None:
            return None
        return fixed_p(self._spec.augmentation) if self.adaptation is None else self.adaptation.standing.p

    def weights(self) -> Tensor:
        """A copy of all of the generator's parameters, ``(P,)``."""
        return torch.cat([parameter.detach().flatten() for parameter in self.generator.parameters()])

    def update_since(self, before: Tensor) -> float:
        """The generator's ‖Δθ‖ since it had other weights, as a share of one learning rate for every parameter."""
        whole: float = self._spec.generator_lr * len(before) ** 0.5
        return float((self.weights() - before).norm()) / whole

    def check(self) -> None:
        """Look at what remembers numbers that are not finite, and wait for the device but once.

        Raises:
            NonFiniteError: a loss since the start, a gradient or a parameter of the generator is not finite.
        """
        # Adam never forgets an infinite gradient: its second moment stays infinite, and its parameter stands still.
        moments = [square.max() for optimizer in self.optimizers for square in optimizer.second_moments]
        seen = torch.stack([self._losses, self.weights().sum().double(), *(moment.double() for moment in moments)])
        if not bool(seen.isfinite().all()):
            raise NonFiniteError(f"step {self.step}: losses, gradients or parameters are not finite")

    def check_state(self) -> None:
        """Look at every tensor.

        Raises:
            NonFiniteError: one is not finite; the message names it.
        """
        for part, tensors in self.state().items():
            for name, tensor in tensors.items():
                if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                    raise NonFiniteError(f"step {self.step}: {part} has a {name} that is not finite")

    def generate(
        self, latents: Tensor, raw: bool = False, onto: str | None = None, labels: Tensor | None = None
    ) -> list[Tensor]:
        """Draw from the averaged generator, if there is one.

        Args:
            latents: float32 ``(N, latent)``, on the CPU.
            raw: draw from the trained generator itself.
            onto: the device where images are wanted; None for where they are made.
            labels: int64 ``(N,)`` of conditional nets, on the CPU.

        Returns:
            uint8 images ``(N, H, W, C)`` for each scale, the finest last.

        Raises:
            NonFiniteError: a pixel is not finite.
        """
        net = self.generator if raw or self._average is None else self._average.net
        try:
            return generate(net, latents, self._device, self._device if onto is None else onto, labels)
        except NonFiniteError as error:
            raise NonFiniteError(f"step {self.step}: {error}") from None

    @torch.no_grad()
    def judged(self, images: NDArray[np.uint8]) -> Tensor:
        """Return D's outputs ``(M,)`` for real images ``(N, H, W, C)`` without any changes, in evaluation mode.

        D sees whole batches, because it may look at how a batch varies; M is N but for the rest of the last batch.
        """
        trains, pixels = self.discriminator.training, torch.tensor(images)
        whole = len(pixels) // self._spec.batch * self._spec.batch or len(pixels)
        self.discriminator.eval()
        batches = (to_unit(batch).to(self._device) for batch in torch.split(pixels[:whole], self._spec.batch))
        outputs = [self.discriminator(pyramid(batch, self._scales)).float().cpu() for batch in batches]
        self.discriminator.train(trains)
        return torch.cat(outputs)

    def state(self) -> State:
        """All tensors that a resumed training needs, not copied."""
        moments = {"generator": self.optimizers[0].state(), "discriminator": self.optimizers[1].state()}
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": {} if self._average is None else self._average.net.state_dict(),
            "optimisers": {f"{net}.{name}": t for net, found in moments.items() for name, t in found.items()},
            "streams": {
                "order.queue": self._order.queue,
                **_named(self.regulariser),
                **{name: stream.get_state() for name, stream in self._streams.items()},
                **({} if self.adaptation is None else {"ada.standing": self.adaptation.standing.stored()}),
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
        if self._average is not None:
            self._average.net.load_state_dict(state["average"])
        for net, optimizer in zip(("generator", "discriminator"), self.optimizers, strict=True):
            moments = {name.removeprefix(f"{net}."): t for name, t in state["optimisers"].items()}
            optimizer.load_state(moments)
        for name, stream in self._streams.items():
            stream.set_state(state["streams"][name])
        if self.regulariser is not None:
            self.regulariser.load_state(_of_regulariser(state["streams"]))
        self._order.queue = state["streams"]["order.queue"]
        if self.adaptation is not None:
            self.adaptation.standing = Standing.restored(state["streams"]["ada.standing"])

    def _precision(self) -> AbstractContextManager[object]:
        # bfloat16 has float32's range: no loss needs scaling. Losses and penalties switch it off for themselves.
        half = self._spec.bfloat16 and self._device == "cuda"
        return torch.autocast("cuda", torch.bfloat16) if half else nullcontext()

    def _check_losses(self, losses: StepLosses) -> None:
        for name, value in losses._asdict().items():
            if not bool(value.isfinite()):
                raise NonFiniteError(f"step {self.step}: the loss of the {name} is {float(value):g}")

    def _told(self, chosen: Tensor) -> Tensor | None:
        """The labels of this process's part of the real images of a batch, on the device."""
        return None if self._labels is None else self.distributed.of(self._labels[chosen]).to(self._device)

    def _picked(self, places: Tensor) -> Tensor:
        if isinstance(self._images, MappedImages):
            return torch.from_numpy(self._images[places.numpy()])
        return self._images[places.to(self._images.device)]

    def _seen(self, pixels: Tensor, stream: torch.Generator) -> Images:
        """What D takes of a batch of real images before augmentation: this process's part of it."""
        changed = to_unit(pixels)
        if self._spec.real_changes:
            changed = augment(changed, self._spec.real_changes, stream)
        own = self.distributed.of(changed).to(self._device, memory_format=torch.channels_last)
        return pyramid(own, self._scales)

    def _next_latents(self) -> Tensor:
        # All processes draw the whole batch: however many they are, they see the same latents and images.
        latents = torch.randn(self._spec.batch, self._spec.latent, generator=self._streams["latents"])
        return self.distributed.of(latents).to(self._device)

    def _next_augment(self) -> tuple[Augment, Augment] | None:
        if self._changes is None or self.p is None:
            return None
        stream = self._streams["diffaugment"]
        drawn = draw_both(self._changes, self._spec.batch, stream, self.distributed.of, self.p)
        return drawn if self.p > 0 else None  # the stream goes on: what is drawn later does not depend on p

    def _adaptation(
        self, formula: Formula, held_out: NDArray[np.uint8] | None, labels: RealLabels | None
    ) -> Adaptation | None:
        """What moves p; None where it stays."""
        spec = self._spec.augmentation
        signal = signal_of(formula, 0 if held_out is None else len(held_out))
        if spec.resolved_kind != "ada" or signal is None:
            return None
        assert isinstance(self._images, Tensor)  # mapped ones are those of trials, in which nothing adapts
        ranked = None if signal == "r_t" else held_out
        others = None if ranked is None else _images(ranked, self._device, self._spec.real_changes)
        self._streams["ada"] = random_stream(self._spec.seed, "ada")
        return Adaptation(
            rule_of(spec, signal, self._spec.batch),
            spec.changes,
            RealImages(self._images, others, labels),
            self._spec.batch,
            self._seen,
            real_is_above(formula),
            self._streams["ada"],
            self.distributed,
        )


@torch.no_grad()
def generate(
    generator: nn.Module, latents: Tensor, device: str, onto: str = "cpu", labels: Tensor | None = None
) -> list[Tensor]:
    """Return uint8 images ``(N, H, W, C)`` for each scale, the finest last.

    Batch norm uses its running averages: an image depends on its own latent vector and class only, not on its
    neighbours.

    Args:
        generator: as `ganetic.gan.model.Nets` describes it.
        latents: ``(N, latent)``.
        device: where the generator is.
        onto: where the images are wanted.
        labels: int64 ``(N,)`` of a conditional generator.

    Raises:
        NonFiniteError: a pixel is not finite.
    """
    trains = generator.training
    generator.eval()
    parts: list[list[Tensor]] = []
    inputs = (latents,) if labels is None else (latents, labels)
    for batch in zip(*(torch.split(part, _CHUNK) for part in inputs), strict=True):
        made = generator(*(part.to(device) for part in batch))
        levels = made if isinstance(made, tuple) else (made,)
        if not all(bool(level.isfinite().all()) for level in levels):
            raise NonFiniteError("a generated image is not finite")
        parts.append([to_uint8(level.float()).to(onto) for level in levels])
    generator.train(trains)
    return [torch.cat(level) for level in zip(*parts, strict=True)]


def _streams(spec: TrainerSpec) -> dict[str, torch.Generator]:
    names = ["latents", "order", "augmentation", "regulariser"]
    # Checkpoints from before there were any have no such streams.
    if spec.augmentation.resolved_kind != "none":
        names.append("diffaugment")
    if spec.regulariser.path_length > 0:
        names.append("path_length")
    return {name: random_stream(spec.seed, name) for name in names}


def _images(images: NDArray[np.uint8], device: str, changes: tuple[str, ...]) -> Tensor:
    """Images where they are picked: on the device, unless they are changed on the CPU, or too many."""
    if device == "cpu" or changes or images.nbytes > _ON_DEVICE_BYTES:
        return _shared(images)
    return torch.tensor(images, device=device)


def _shared(images: NDArray[np.uint8]) -> Tensor:
    """The images where they lie: those that came by Ray are a node's, not a worker's. They are only read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(images))


def _rates(spec: TrainerSpec, learning_rate: float, every: int) -> AdamRates:
    """The rates of one player, one of whose terms has an update of its own every so many steps; 1 for none."""
    return AdamRates(learning_rate, spec.beta1, spec.beta2).with_lazy_term(every)


def _regulariser(
    spec: TrainerSpec, formula: Formula, streams: Mapping[str, torch.Generator], distributed: DistributedContext
) -> Regulariser | None:
    wanted = spec.regulariser
    if wanted == RegulariserSpec():
        return None
    path_length = None
    if wanted.path_length > 0:
        scale, stream = generator_gradient_scale(formula), streams["path_length"]
        path_length = path_length_of(wanted, scale, spec.batch, stream, distributed.of, distributed.mean)
    return Regulariser(wanted, gradient_scale(formula), streams["regulariser"], path_length)


_OF_REGULARISER = "regulariser."


def _named(regulariser: Regulariser | None) -> dict[str, Tensor]:
    """A regulariser's state as it stands beside the streams."""
    found = {} if regulariser is None else regulariser.state()
    return {f"{_OF_REGULARISER}{name}": tensor for name, tensor in found.items()}


def _of_regulariser(streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {name for name in streams if name.startswith(_OF_REGULARISER)}
    return {name.removeprefix(_OF_REGULARISER): streams[name] for name in found}
