"""Images of a study as a classifier takes them: real ones, changed copies of them, and what turns others into the same.

A classifier on frozen features sees each image through the net once, and its features are kept: the net is the same in
all arms and draws. Classical augmentation is then a fixed number of changed copies of each image, drawn once, and so it
is for the small net.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from ganetic.augmenting.config import AugmentConfig, ClassifierSpec
from ganetic.augmenting.division import Division, draw_subset
from ganetic.data import ImageSet, Indices
from ganetic.files import whole
from ganetic.gan.diffaugment import Augmentation, random_numbers
from ganetic.gan.profiles import PROFILES
from ganetic.metrics.extractor import FeatureExtractor, FeatureSource
from ganetic.metrics.features import to_uint8, to_unit
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.reproducible import random_stream, reproducible

_CHUNK = 256

_logger = logging.getLogger(__name__)


def source_of(spec: ClassifierSpec) -> FeatureSource | None:
    """Return where a classifier's features come from; None where it sees pixels.

    Raises:
        UserError: the weights cannot be used.
    """
    if spec.kind == "small":
        return None
    if not spec.backbone:
        return ImageNetFeatures(side=spec.side)
    from ganetic.metrics.backbone import load_backbone  # noqa: PLC0415 - torchvision takes seconds to import

    architecture, _, file = spec.backbone.partition(":")
    return load_backbone(architecture, Path(file), spec.backbone_sha256 or None, spec.side)


@dataclass(frozen=True, eq=False)
class ClassifierImages:
    """What a classifier sees of the real images of a study.

    Attributes:
        source: of the features; None where it sees pixels.
        known: sorted indices of the images that are in a training subset, validate or test.
        real: of these: float32 ``(len(known), F)`` features, or uint8 ``(len(known), H, W, C)`` pixels.
        drawn: sorted indices of the images that are in a training subset.
        copies: of their changed copies: ``(K, len(drawn), …)`` likewise.
    """

    source: FeatureSource | None
    known: Indices
    real: Tensor
    drawn: Indices
    copies: Tensor

    def real_of(self, members: Indices) -> Tensor:
        """Return what is seen of some of the known images ``(len(members), …)``."""
        return self.real[torch.from_numpy(np.searchsorted(self.known, members))]

    def copies_of(self, members: Indices) -> Tensor:
        """Return the copies ``(K, len(members), …)`` of some images that are drawn."""
        return self.copies[:, torch.from_numpy(np.searchsorted(self.drawn, members))]

    @reproducible()
    def see(self, images: NDArray[np.uint8]) -> Tensor:
        """Turn other uint8 images ``(M, H, W, C)`` into what the classifier sees, ``(M, …)``."""
        return _seen(images, None if self.source is None else self.source.build("cpu"))


@reproducible()
def classifier_images(images: ImageSet, division: Division, config: AugmentConfig, cache: Path) -> ClassifierImages:
    """Turn the images of a study into what its classifier sees, or read the features from a file.

    Args:
        images: the set.
        division: its parts.
        config: of the study.
        cache: where features are kept; nothing is written for a classifier that sees pixels.

    Raises:
        UserError: the weights cannot be used, or the file cannot be written.
    """
    source, drawn = source_of(config.classifier), drawn_in(images, division, config)
    known = np.union1d(drawn, division.judging)
    key = "" if source is None else _key(images, (known, drawn), config, source)
    found = _read(cache, key) if source is not None else None
    if found is None:
        _logger.info(f"{len(known)} images and {config.copies} changed copies of {len(drawn)} are prepared, once")
        extractor = None if source is None else source.build("cpu")
        changed = (changed_copy(images.images[drawn], config, number) for number in range(config.copies))
        copies = torch.stack([_seen(one, extractor) for one in changed])
        found = {"real": _seen(images.images[known], extractor), "copies": copies}
        if source is not None:
            _write(cache, key, found)
    return ClassifierImages(source, known, found["real"], drawn, found["copies"])


def drawn_in(images: ImageSet, division: Division, config: AugmentConfig) -> Indices:
    """Return sorted indices of the images that are in any training subset of a study."""
    assert images.labels is not None
    largest = config.sizes[-1]
    subsets = [draw_subset(images.labels, division.pool, largest, draw, config.seed) for draw in range(config.draws)]
    return np.unique(np.concatenate(subsets))


def changed_copy(pixels: NDArray[np.uint8], config: AugmentConfig, number: int) -> NDArray[np.uint8]:
    """Change uint8 images ``(N, H, W, C)`` as the study's profile allows, each by itself; a number names the copy."""
    numbers = random_numbers(len(pixels), random_stream(config.seed, f"copy {number}"))
    parts = []
    for start in range(0, len(pixels), _CHUNK):
        change = Augmentation.of(PROFILES[config.profile], numbers[start : start + _CHUNK])
        changed = change(to_unit(pixels[start : start + _CHUNK]))
        assert isinstance(changed, Tensor)  # no pyramid was given
        parts.append(to_uint8(changed).numpy())
    return np.concatenate(parts)


def _seen(images: NDArray[np.uint8], extractor: FeatureExtractor | None) -> Tensor:
    pixels = torch.tensor(images)
    return pixels if extractor is None else extractor(pixels)


def _key(images: ImageSet, roles: Sequence[Indices], config: AugmentConfig, source: FeatureSource) -> str:
    said = (
        images.fingerprint,
        *(role.tobytes() for role in roles),
        source.sha256,
        config.profile,
        config.copies,
        config.seed,
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _read(path: Path, key: str) -> dict[str, Tensor] | None:
    """The features that were kept under a key; None where there are none, or of something else."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            return {name: file.get_tensor(name) for name in ("real", "copies")}
    except (OSError, SafetensorError):
        return None


def _write(path: Path, key: str, found: dict[str, Tensor]) -> None:
    with whole(path) as aside:
        safetensors.torch.save_file(found, aside, {"key": key})
