"""A trial: train a loss on a seed for a budget of steps, measure it on the way, prune it."""

import time
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.data.mapped import MappedImages
from ganetic.gan.profiles import AugmentationSpec
from ganetic.gan.regulariser import RegulariserSpec
from ganetic.gan.step import StepLosses
from ganetic.loss.formula import Formula
from ganetic.metrics.diversity import collapsed
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.device import begin_on, device_for_trials, peak_memory
from ganetic.training.evaluator import Evaluator
from ganetic.training.failure_modes import FailureMode, diagnose
from ganetic.training.loop import FiniteCheck, Schedule, fit
from ganetic.training.proxy_data import ProxyData, nets_of
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.trainer import NonFiniteError, StoppedError, Trainer, TrainerSpec

_untrained: WeakKeyDictionary[ProxyData, dict[tuple[ProxySpec, int], float]] = WeakKeyDictionary()


def trial_trainer(spec: TrialSpec, images: NDArray[np.uint8] | MappedImages, device: str) -> Trainer:
    """The trainer of a trial, before its first step; call it in `ganetic.reproducible.reproducible`.

    Args:
        spec: loss, seed and settings.
        images: uint8 ``(N, H, W, C)`` that it trains on, or where to read them.
        device: where to train.

    Raises:
        UserError: there is a penalty, and the loss has no gradient scale to weigh it by.
    """
    proxy, (size, channels) = spec.proxy, images.shape[2:]
    settings = TrainerSpec(
        seed=spec.seed,
        batch=proxy.batch,
        latent=proxy.latent,
        generator_lr=proxy.learning_rate,
        discriminator_lr=proxy.learning_rate,
        beta1=proxy.beta1,
        beta2=proxy.beta2,
        ema_decay=proxy.ema_decay or None,
        ema_buffers=True,
        regulariser=RegulariserSpec(r1=proxy.r1),
        augmentation=AugmentationSpec(profile=proxy.augmentation),
        losses_are_checked=False,
    )
    nets = nets_of(proxy, size, channels, spec.seed)
    return Trainer(nets, settings, Formula.from_text(spec.formula), images, device)


def run_trial(spec: TrialSpec, proxy_data: ProxyData) -> TrialResult:
    """Train one loss and measure it; a bad loss is a result, not an exception.

    The same spec and data give the same result, bit for bit, on one kind of hardware, except for seconds and
    memory.
    """
    began = time.perf_counter()
    device = device_for_trials()
    begin_on(device)
    with reproducible():
        trainer, trial = trial_trainer(spec, proxy_data.images, device), Trial(spec, proxy_data, device)
        try:
            fit(trainer, schedule_of(spec), trial)
        except NonFiniteError:
            trial.state, trial.reason = TrialState.FAILED, FailureMode.NON_FINITE
        except StoppedError:
            pass  # pruned
    return TrialResult(
        state=trial.state,
        reason=trial.reason,
        trace=tuple(trial.trace),
        raw_trace=tuple(trial.raw_trace),
        steps=trainer.step,
        seconds=time.perf_counter() - began,
        peak_memory_bytes=peak_memory(device),
    )


def schedule_of(spec: TrialSpec) -> Schedule:
    """When a trial is measured: every measurement has its update, so that the last steps say whether G still moves."""
    return Schedule(spec.steps, frozenset(spec.measured).__contains__, logs_measured=True)


class Trial(FiniteCheck):
    """Measures a training on its way, on fixed latents, and prunes it or says at its end what was wrong with it.

    Args:
        spec: of the trial.
        proxy_data: what it is measured with.
        device: where.

    Attributes:
        trace: (step, fd).
        raw_trace: the same of the trained generator, where `trace` is of the averaged one.
        state: how the trial ended.
        reason: why it failed or was pruned.
    """

    def __init__(self, spec: TrialSpec, proxy_data: ProxyData, device: str) -> None:
        self._spec, self._proxy_data, self._device = spec, proxy_data, device
        self._evaluator = Evaluator(proxy_data, spec.proxy.latent, spec.seed, device)
        self._kill = {rule.step: rule.above for rule in spec.kill}
        self._updates: list[tuple[int, float]] = []
        self.trace: list[tuple[int, float]] = []
        self.raw_trace: list[tuple[int, float]] = []
        self.state = TrialState.COMPLETED
        self.reason: FailureMode | None = None

    def on_start(self, trainer: Trainer) -> None:
        """The distance before the first step is the seed's, not the loss's, and is measured once a process."""
        known, key = _untrained.setdefault(self._proxy_data, {}), (self._spec.proxy, self._spec.seed)
        if key not in known:
            known[key] = self._evaluator.fd(self._evaluator.images(trainer), trainer.step)
        self._add(trainer, known[key], known[key])

    def on_log(self, trainer: Trainer, losses: StepLosses, update: float) -> None:
        """Keep the update of a training that is still finite."""
        super().on_log(trainer, losses, update)
        self._updates.append((trainer.step, update))

    def on_measure(self, trainer: Trainer) -> None:
        """Measure; at a kill rule that is met, or the last step, say how the trial ends.

        Raises:
            NonFiniteError: a pixel is not finite.
            StoppedError: the trial is pruned.
        """
        step, images = trainer.step, self._evaluator.images(trainer)
        fd = self._evaluator.fd(images, step)
        raw = self._evaluator.fd(self._evaluator.images(trainer, raw=True), step) if trainer.is_averaged else fd
        self._add(trainer, fd, raw)
        pruned = step in self._kill and fd > self._kill[step] * self.trace[0][1]
        if pruned or step == self._spec.steps:
            failure = self._failure(step, images)
            self.state, self.reason = _ended(pruned, failure)
        if pruned:
            raise StoppedError(f"step {step}: pruned")

    def _add(self, trainer: Trainer, fd: float, raw: float) -> None:
        self.trace.append((trainer.step, fd))
        if trainer.is_averaged:
            self.raw_trace.append((trainer.step, raw))

    def _failure(self, step: int, images: Tensor) -> FailureMode | None:
        late = [update for at, update in self._updates if at > step / 2]
        return diagnose(self.trace, self._proxy_data.floor_fd, late, self._is_collapsed(images))

    def _is_collapsed(self, images: Tensor) -> bool:
        """Whether uint8 images ``(N, H, W, C)`` are all alike, or leave modes of the real ones out."""
        if self._proxy_data.modes is None:
            return collapsed(self._evaluator.diversity(images), self._proxy_data.diversity)
        return self._proxy_data.modes.collapsed(images, self._device)


def sample_images(spec: TrialSpec, images: NDArray[np.uint8] | MappedImages, count: int) -> NDArray[np.uint8]:
    """Train as a trial does and return images ``(count, H, W, C)`` of the final generator, averaged if trials do that.

    Args:
        spec: loss, seed and settings.
        images: uint8 ``(N, H, W, C)`` that it trains on; in which features trials are measured does not matter.
        count: how many to draw.

    Raises:
        NonFiniteError: the training did not stay finite.
    """
    with reproducible():
        trainer = trial_trainer(spec, images, device_for_trials())
        fit(trainer, schedule_of(spec.model_copy(update={"checkpoints": ()})), FiniteCheck())
        latents = torch.randn(count, spec.proxy.latent, generator=random_stream(spec.seed, "evaluation"))
        return trainer.generate(latents, onto="cpu")[-1].numpy()


def trial_job(context: ProxyData | Mapping[str, ProxyData], payload: dict[str, Any]) -> dict[str, Any]:
    """Run the trial that a plain payload describes and return its result as plain data: the job of an executor.

    Args:
        context: the data of a proxy, or of several by the name under which a payload asks for them.
        payload: a `TrialSpec`.
    """
    spec = TrialSpec.model_validate(payload)
    proxy_data = context if isinstance(context, ProxyData) else context[str(spec.materials)]
    return run_trial(spec, proxy_data).model_dump(mode="json")


def _ended(pruned: bool, failure: FailureMode | None) -> tuple[TrialState, FailureMode | None]:
    if pruned:
        return TrialState.PRUNED, failure or FailureMode.NON_CONVERGENCE
    return (TrialState.COMPLETED, None) if failure is None else (TrialState.FAILED, failure)
