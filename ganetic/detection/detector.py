"""A detector of anomalies: a trained GAN of normal images, an encoder, and the scale of normal scores."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.data.fingerprints import Fingerprints, fingerprints
from ganetic.detection.anogan import distances, residuals
from ganetic.detection.codes import CodeSpace, code_space
from ganetic.detection.encoder import Encoder, EncoderConfig, Inverter, train_encoder
from ganetic.detection.gan import TrainedGan
from ganetic.detection.layers import FeatureLayer, chosen_layer, without_neighbours
from ganetic.detection.scores import DISCRIMINATOR, FEATURES, RESIDUAL, Scale, Scores, scales_of, standardised
from ganetic.errors import UserError
from ganetic.gan.step import Images
from ganetic.metrics.features import to_uint8
from ganetic.reproducible import reproducible
from ganetic.training.device import device_for_trials

LEAST_TRAINING, LEAST_VALIDATION = 16, 10
"""Normal images that an encoder, and that a standard deviation, can be made of."""
MAP_SIGMA = 1 / 32
"""Standard deviation of the smoothing of heat maps, as a share of the side."""
_CHUNK = 50
"""Images a forward pass."""
_BATCH, _BATCHES = 16, 64
"""Images of a batch whose deviation a discriminator is shown, and batches that are averaged over at most."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Fingerprints of images that had a part in a detector, each sorted.

    Attributes:
        gan: those that trained the GAN; empty where that is not known.
        encoder: those that trained the encoder.
        validation: those that the scale of the scores is of.
    """

    gan: Fingerprints
    encoder: Fingerprints
    validation: Fingerprints


class Detector:
    """Scores images by how much they are unlike the normal ones.

    Args:
        gan: of normal images; its discriminator judges each image by itself.
        encoder: that inverts its generator.
        settings: of the encoder, with the name of the layer.
        seed: of its training.
        scales: of the scores of normal validation images, by name.
        seen: which images had a part in it.
    """

    def __init__(
        self,
        gan: TrainedGan,
        encoder: Encoder,
        settings: EncoderConfig,
        seed: int,
        scales: Mapping[str, Scale],
        seen: Seen,
    ) -> None:
        assert settings.layer is not None
        self._device = device_for_trials()
        self.gan, self.encoder = _on(gan, self._device), encoder.to(self._device)
        self.settings, self.seed, self.scales, self.seen = settings, seed, dict(scales), seen
        self._layer = FeatureLayer(self.gan.discriminator, settings.layer)
        with reproducible():
            codes: CodeSpace = code_space(self.gan.generator, gan.model.latent, self._device)
        self._invert = Inverter(self.encoder, codes)

    def score(self, images: NDArray[np.uint8]) -> Scores:
        """Score images ``(N, H, W, C)``; the higher, the more anomalous.

        Returns:
            float64 ``(N,)`` for each of ``residual``, ``features`` and ``discriminator``, in standard deviations from
            the mean of normal validation images, and for ``sum``, their sum, which is the primary score.

        Raises:
            UserError: images are of another size or number of channels than the GAN's.
        """
        return standardised(self.raw(images), self.scales)

    def raw(self, images: NDArray[np.uint8]) -> Scores:
        """Score images as `score` does, before anything is standardised, and without the sum.

        Raises:
            UserError: images are of another size or number of channels than the GAN's.
        """
        sign = -1.0 if self.gan.real_is_above else 1.0

        def parts(x: Images, made: Images) -> tuple[Tensor, ...]:
            features, logits = self._layer(x)
            return residuals(x, made), distances(features, self._layer(made)[0]), sign * logits

        columns = [torch.cat(column).cpu().double().numpy() for column in zip(*self._each(images, parts), strict=True)]
        return dict(zip((RESIDUAL, FEATURES, DISCRIMINATOR), columns, strict=True))

    def maps(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return heat maps ``(N, H, W)``: how far each pixel is from what was made again, in [0, 2], smoothed.

        Raises:
            UserError: images are of another size or number of channels than the GAN's.
        """
        apart = [part.cpu().numpy() for part in self._each(images, lambda x, made: (_finest(x) - _finest(made)).abs())]
        sigma = MAP_SIGMA * self.gan.size
        return np.stack([gaussian_filter(one.mean(0, dtype=np.float64), sigma) for part in apart for one in part])

    def made_again(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what the generator makes of images ``(N, H, W, C)``, of the same shape.

        Raises:
            UserError: images are of another size or number of channels than the GAN's.
        """
        parts = [to_uint8(part).cpu() for part in self._each(images, lambda _, made: _finest(made))]
        return torch.cat(parts).numpy()

    def seen_among(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
        """Return which of the images ``(N, H, W, C)`` had which part: ``(N,)`` for each attribute of `Seen`."""
        own = fingerprints(images)
        return {part: np.isin(own, known) for part, known in vars(self.seen).items()}

    def _each(self, images: NDArray[np.uint8], found: Callable[[Images, Images], Any]) -> list[Any]:
        """What is found of images and of what was made of them, a chunk at a time."""
        if not len(images):
            raise UserError("no images to score; expected one or more")
        with reproducible(), torch.no_grad():
            chunks = (self.gan.shown(chunk, self._device) for chunk in _chunks(images, _CHUNK))
            return [found(chunk, self._invert(chunk)) for chunk in chunks]


def fit_detector(
    training: TrainedGan,
    train: NDArray[np.uint8],
    validation: NDArray[np.uint8],
    settings: EncoderConfig | None = None,
    seed: int = 0,
    callback: ProgressCallback[TrainingProgress] | None = None,
) -> Detector:
    """Train an encoder on a trained GAN of normal images, and find the scale of normal scores.

    Equal nets, images, settings and seed give equal detectors on one kind of machine.

    Args:
        training: the GAN, as `ganetic.detection.gan.load_gan` loads it.
        train: normal images, uint8 ``(N, H, W, C)``, 16 or more: those that trained the GAN, as a rule.
        validation: 10 other normal images or more, which trained neither.
        settings: of the encoder; None for the defaults.
        seed: of the encoder's first weights and of the order of the images.
        callback: is told where the encoder's training stands, after every step.

    Raises:
        UserError: images are too few, or of another size than the GAN's; there is no such layer; or the encoder does
            not stay finite.
    """
    settings = settings or EncoderConfig()
    layer_name = check_fit(training, train, validation, settings.layer)
    device = device_for_trials()
    with reproducible():
        gan = _on(training, device)
        batches = (gan.shown(train[batch], device) for batch in _batches(len(train)))
        gan = replace(gan, discriminator=without_neighbours(gan.discriminator, batches))
        layer = FeatureLayer(gan.discriminator, layer_name)
        codes = code_space(gan.generator, gan.model.latent, device)
        encoder = train_encoder(gan, layer, codes, train, settings, seed, device, callback)
    known = settings.model_copy(update={"layer": layer_name})
    seen = Seen(gan.seen, np.unique(fingerprints(train)), np.unique(fingerprints(validation)))
    unscaled = Detector(gan, encoder, known, seed, {}, seen)
    return Detector(gan, encoder, known, seed, scales_of(unscaled.raw(validation)), seen)


def check_fit(
    gan: TrainedGan, train: NDArray[np.uint8], validation: NDArray[np.uint8], layer: str | None = None
) -> str:
    """Check what a detector is to be fitted with, which takes no time.

    Args:
        gan: of normal images.
        train: normal images, uint8 ``(N, H, W, C)``.
        validation: others.
        layer: of the discriminator; None for the last one before the logit.

    Returns:
        The name of the layer.

    Raises:
        UserError: images are too few, or of another size than the GAN's; or there is no such layer.
    """
    if len(train) < LEAST_TRAINING or len(validation) < LEAST_VALIDATION:
        raise UserError(
            f"{len(train)} normal images to train on and {len(validation)} to validate with; expected at least "
            f"{LEAST_TRAINING} and {LEAST_VALIDATION}; bring more normal images"
        )
    device = device_for_trials()
    gan = _on(gan, device)
    return chosen_layer(gan.discriminator, gan.shown(train[:2], device), layer).name


def _batches(count: int) -> list[NDArray[np.int64]]:
    """Whole batches of images in a random order, always the same: neighbours in a set are alike, as of one patient."""
    order = np.random.default_rng(0).permutation(count)
    return [order[start : start + _BATCH] for start in range(0, count - _BATCH + 1, _BATCH)][:_BATCHES]


def _on(gan: TrainedGan, device: str) -> TrainedGan:
    return replace(gan, generator=gan.generator.to(device), discriminator=gan.discriminator.to(device))


def _finest(images: Images) -> Tensor:
    return images[-1] if isinstance(images, tuple) else images


def _chunks(images: NDArray[np.uint8], size: int) -> Iterator[NDArray[np.uint8]]:
    return (images[start : start + size] for start in range(0, len(images), size))
