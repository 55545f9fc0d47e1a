"""A trial: one loss, one seed, one budget of steps."""

import resource
import time
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.gan.dcgan import Discriminator, initialise
from ganetic.gan.diffaugment import draw_both
from ganetic.gan.ema import EMA
from ganetic.gan.order import Order
from ganetic.gan.profiles import PROFILES
from ganetic.gan.regulariser import Regulariser, RegulariserSpec
from ganetic.gan.step import adam, gan_step
from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.screen import gradient_scale
from ganetic.metrics.diversity import collapsed
from ganetic.metrics.features import to_uint8, to_unit
from ganetic.metrics.yardstick import Extractor
from ganetic.proxy.diagnosis import Ill, diagnose
from ganetic.proxy.materials import Materials, device_for_trials, generate, generator_of
from ganetic.proxy.result import TrialResult, TrialState
from ganetic.proxy.spec import ProxySpec, TrialSpec
from ganetic.reproducible import random_stream, reproducible

WATCH = 10
"""Every so many steps the training is looked at: is all finite, and does the generator move."""

_untrained: WeakKeyDictionary[Materials, dict[tuple[ProxySpec, int], float]] = WeakKeyDictionary()


class NonFiniteError(ArithmeticError):
    """A loss, a gradient, a parameter or an image is infinite or not a number."""


class Training:
    """A proxy GAN in training.

    Everything random comes from streams of the seed alone: the same seed gives every loss the same initialisation,
    latents, order of images and augmentation, so that a comparison of two losses is a paired one.

    Args:
        spec: loss, seed and settings.
        images: uint8 ``(N, H, W, C)`` that it trains on.
        device: where to train.

    Raises:
        UserError: there is a penalty, and the loss has no gradient scale to weigh it by.
    """

    def __init__(self, spec: TrialSpec, images: NDArray[np.uint8], device: str) -> None:
        proxy, (size, channels) = spec.proxy, images.shape[2:]
        self._device = device
        self._images = torch.tensor(images, device=device)
        self._latent, self._batch, self._learning_rate = proxy.latent, proxy.batch, proxy.learning_rate
        formula = Formula.from_text(spec.formula)
        self._loss = GanLoss(formula)
        self._regulariser = _r1(proxy.r1, formula)
        self.generator = generator_of(proxy, size, channels)
        discriminator = Discriminator(size, channels, proxy.width, proxy.batch_norm)
        initialise(self.generator, random_stream(spec.seed, "generator"))
        initialise(discriminator, random_stream(spec.seed, "discriminator"))
        for net in (self.generator, discriminator):
            net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._discriminator = discriminator
        self._average = EMA(self.generator, proxy.ema_decay, buffers=True) if proxy.ema_decay else None
        rates = (proxy.learning_rate, proxy.beta1, proxy.beta2)
        self._optimisers = (adam(self.generator, *rates), adam(discriminator, *rates))
        self._latents = random_stream(spec.seed, "latents")
        self._order = Order(len(images), proxy.batch, random_stream(spec.seed, "order"))
        self._profile = PROFILES.get(proxy.augmentation)
        self._changes = random_stream(spec.seed, "diffaugment")
        self._losses = torch.zeros((), dtype=torch.float64, device=device)
        self.step = 0
        self.updates: list[tuple[int, float]] = []
        """(step, the generator's ‖Δθ‖ as a share of one learning rate for every parameter), every `WATCH` steps."""

    def advance(self, step: int) -> None:
        """Train up to a step.

        Raises:
            NonFiniteError: something is infinite or not a number.
        """
        while self.step < step:
            self.step += 1
            if self.step % WATCH == 0 or self.step == step:
                before = _vector(self.generator)
                self._one_step()
                after = _vector(self.generator)
                self._check(after)
                full = self._learning_rate * len(after) ** 0.5
                self.updates.append((self.step, float((after - before).norm()) / full))
            else:
                self._one_step()

    @property
    def is_averaged(self) -> bool:
        """Whether images are those of an averaged generator."""
        return self._average is not None

    def images(self, latents: Tensor, raw: bool = False) -> Tensor:
        """Generate uint8 images ``(N, H, W, C)`` for CPU latents ``(N, latent)``, by the averaged generator if any.

        Args:
            latents: on the CPU.
            raw: by the trained generator itself.

        Raises:
            NonFiniteError: a pixel is not finite.
        """
        net = self.generator if raw or self._average is None else self._average.net
        images = generate(net, latents.to(self._device))
        if not bool(images.isfinite().all()):
            raise NonFiniteError(f"images at step {self.step}")
        return to_uint8(images)

    def _one_step(self) -> None:
        real = to_unit(self._images[self._order.next().to(self._device)])
        latents = torch.randn(self._batch, self._latent, generator=self._latents).to(self._device)
        augment = None if self._profile is None else draw_both(self._profile, self._batch, self._changes)
        nets = (self.generator, self._discriminator)
        losses = gan_step(*nets, self._loss, self._optimisers, real, latents, self._regulariser, augment)
        if self._average is not None:
            self._average.update(self.generator, self.step)
        # A sum of losses remembers any that was not finite, and is read only now and then.
        self._losses += losses.discriminator + losses.generator

    def _check(self, parameters: Tensor) -> None:
        # Adam never forgets an infinite gradient: its second moment stays infinite, and its parameter stands still.
        moments = [square.max() for optimiser in self._optimisers for square in optimiser.second_moments]
        seen = torch.stack([self._losses, parameters.sum().double(), *(moment.double() for moment in moments)])
        if not bool(seen.isfinite().all()):
            raise NonFiniteError(f"losses, gradients or parameters at step {self.step}")


def run_trial(spec: TrialSpec, materials: Materials) -> TrialResult:
    """Train one loss and measure it; a bad loss is a result, not an exception.

    The same spec and materials give the same result, bit for bit, on one kind of hardware, except for seconds and
    memory.
    """
    began = time.perf_counter()
    device = device_for_trials()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with reproducible():
        training = Training(spec, materials.images, device)
        traces = Traces(spec, materials, training)
        try:
            state, reason = _train_and_judge(spec, materials, training, traces)
        except NonFiniteError:
            state, reason = TrialState.FAILED, Ill.NON_FINITE
    return TrialResult(
        state=state,
        reason=reason,
        trace=tuple(traces.measured),
        raw_trace=tuple(traces.raw),
        steps=training.step,
        seconds=time.perf_counter() - began,
        peak_memory_bytes=_peak_memory(device),
    )


class Traces:
    """What is measured of a training on its way, on fixed latents.

    Args:
        spec: of the trial.
        materials: what it is measured with.
        training: what is measured.
    """

    def __init__(self, spec: TrialSpec, materials: Materials, training: Training) -> None:
        self.extractor = Extractor(materials.weights, materials.inception, device_for_trials())
        self._materials, self._training = materials, training
        shape = (materials.sample_size, spec.proxy.latent)
        self._latents = torch.randn(shape, generator=random_stream(spec.seed, "evaluation"))
        self.measured: list[tuple[int, float]] = []
        self.raw: list[tuple[int, float]] = []
        self._begin(spec)

    def add(self) -> Tensor:
        """Measure the training as it stands; returns the images that were measured.

        Raises:
            NonFiniteError: a pixel is not finite.
        """
        step, images = self._training.step, self._training.images(self._latents)
        self.measured.append((step, self._distance(images)))
        if self._training.is_averaged:
            self.raw.append((step, self._distance(self._training.images(self._latents, raw=True))))
        return images

    def is_collapsed(self, images: Tensor) -> bool:
        """Return whether uint8 images ``(N, H, W, C)`` are all alike, or leave modes of the real ones out."""
        if self._materials.modes is None:
            return collapsed(self.extractor.diversity(images), self._materials.diversity)
        return self._materials.modes.collapsed(images, device_for_trials())

    def _begin(self, spec: TrialSpec) -> None:
        """The distance before the first step is the seed's, not the loss's, and is measured once a process."""
        known, key = _untrained.setdefault(self._materials, {}), (spec.proxy, spec.seed)
        if key not in known:
            known[key] = self._distance(self._training.images(self._latents))
        self.measured.append((0, known[key]))
        if self._training.is_averaged:
            self.raw.append((0, known[key]))

    def _distance(self, images: Tensor) -> float:
        return self._materials.reference.distance_to(self.extractor.distance_features(images))


def sample_images(spec: TrialSpec, images: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Train as a trial does and return images ``(count, H, W, C)`` of the final generator, averaged if trials do that.

    Args:
        spec: loss, seed and settings.
        images: uint8 ``(N, H, W, C)`` that it trains on; in which features trials are measured does not matter.
        count: how many to draw.

    Raises:
        NonFiniteError: the training did not stay finite.
    """
    with reproducible():
        training = Training(spec, images, device_for_trials())
        training.advance(spec.steps)
        latents = torch.randn(count, spec.proxy.latent, generator=random_stream(spec.seed, "evaluation"))
        return training.images(latents).cpu().numpy()


def work(context: Materials | Mapping[str, Materials], payload: dict[str, Any]) -> dict[str, Any]:
    """Run the trial that a plain payload describes and return its result as plain data: the job of an executor.

    Args:
        context: the materials, or several by the name under which a payload asks for them.
        payload: a `TrialSpec`.
    """
    spec = TrialSpec.model_validate(payload)
    materials = context if isinstance(context, Materials) else context[str(spec.materials)]
    return run_trial(spec, materials).model_dump(mode="json")


def _train_and_judge(
    spec: TrialSpec, materials: Materials, training: Training, traces: Traces
) -> tuple[TrialState, Ill | None]:
    """Train from checkpoint to checkpoint, fill the traces, and say how it ended."""
    kill = {rule.step: rule.above for rule in spec.kill}
    for step in spec.measured:
        training.advance(step)
        images, trace = traces.add(), traces.measured
        pruned = step in kill and trace[-1][1] > kill[step] * trace[0][1]
        if pruned or step == spec.steps:
            late = [update for at, update in training.updates if at > step / 2]
            ill = diagnose(trace, materials.floor_fd, late, traces.is_collapsed(images))
            if pruned:
                return TrialState.PRUNED, ill or Ill.NON_CONVERGENCE
            return (TrialState.COMPLETED, None) if ill is None else (TrialState.FAILED, ill)
    raise AssertionError("the last measured step ends a trial")


def _r1(weight: float, formula: Formula) -> Regulariser | None:
    if not weight:
        return None
    # The stream is drawn from by other penalties alone.
    return Regulariser(RegulariserSpec(r1=weight), gradient_scale(formula), random_stream(0, "regulariser"))


def _vector(net: torch.nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def _peak_memory(device: str) -> int:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
