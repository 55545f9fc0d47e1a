"""Which features a set of images is measured in: those that it is told, or those that pass the self-test on it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ganetic.data import ImageSet, Indices, Partition
from ganetic.data.varied import neighbour_correlation
from ganetic.errors import UserError
from ganetic.metrics.extractor import FeatureSource
from ganetic.metrics.feature_names import AUTO, CANDIDATES, CNN, source_of
from ganetic.metrics.features import OwnExtractor, build_feature_net, features, weights_hash
from ganetic.metrics.inception import load_inception
from ganetic.metrics.planted_modes import LabelCheck, PlantedModes, planted_modes
from ganetic.metrics.reference import feature_net
from ganetic.metrics.self_test import PlantedImages, SelfTest, pool, self_test
from ganetic.metrics.self_test_cache import keep_self_test, read_self_test, self_test_file
from ganetic.training.spec import ProxySpec

_NOISE = 0.05
_LOOKED_AT = 500
_REMEDY = (
    'bring more or larger images, or a net for such images (features = "ARCHITECTURE:FILE"), or choose features '
    'yourself, such as "imagenet"'
)


@dataclass(frozen=True, eq=False)
class FeatureChoice:
    """The features that a set is measured in.

    Attributes:
        source: of the features; None for the small CNN that learns from the data.
        images: the set, without labels that mean nothing.
        notes: why, in sentences.
    """

    source: FeatureSource | None
    images: ImageSet
    notes: tuple[str, ...] = ()


def choose_features(
    proxy: ProxySpec, images: ImageSet, parts: Partition, inception_weights: Path | None, device: str
) -> FeatureChoice:
    """Say in which features a proxy measures a set; ``auto`` tests them on it first.

    Raises:
        UserError: the weights cannot be used, two metrics are asked for, or no features pass.
    """
    if inception_weights is not None:
        if proxy.features not in (CNN, AUTO):
            raise UserError(
                f'features "{proxy.features}" and InceptionV3 weights are two metrics; expected one of them: leave '
                "--inception-weights out, or features"
            )
        return FeatureChoice(load_inception(inception_weights), images)
    if proxy.features != AUTO:
        return FeatureChoice(source_of(proxy.features, proxy.features_sha256), images)
    refuse_noise(images)
    tests = SelfTests(images, parts, device)
    name, why = best_of(tests.until_settled(), tests.images)
    return FeatureChoice(source_of(name), tests.images, (*tests.notes, why))


def best_of(tests: Iterable[tuple[str, SelfTest]], images: ImageSet) -> tuple[str, str]:
    """Choose the features with the best score a second among those that pass, and say why.

    Where none pass, those serve that see everything but missing modes: on a few hundred images these are hard to see.

    Raises:
        UserError: none do.
    """
    found = dict(tests)
    fit = [name for name, test in found.items() if test.passed] or [name for name, test in found.items() if test.usable]
    if not fit:
        raise UserError(
            f"{images.name}: no features measure these {len(images.images)} images of {images.images.shape[1]} pixels: "
            f"{'; '.join(f'{name} {test.complaint}' for name, test in found.items())}; {_REMEDY}"
        )
    best = max(fit, key=lambda name: _score_a_second(name, found[name]))
    if not found[best].passed:
        return best, f"features: {best}, which {found[best].complaint}, and sees all else; more images would help"
    cheaper = [name for name in CANDIDATES if name in found][: list(CANDIDATES).index(best)]
    failed = [name for name in cheaper if not found[name].passed]
    if failed:
        return best, f"features: {best}, as {failed[-1]} {found[failed[-1]].complaint}"
    return best, f"features: {best}, which pass the self-test and see most a second"


def refuse_noise(images: ImageSet) -> None:
    """Refuse images whose pixels have nothing to do with their neighbours.

    Raises:
        UserError: they are such images.
    """
    spread = -(-len(images.images) // _LOOKED_AT)  # the first ones may all be alike
    correlation = neighbour_correlation(images.images[::spread])
    if abs(correlation) < _NOISE:
        raise UserError(
            f"{images.name}: these images look like noise: neighbouring pixels correlate by {correlation:.2f}; "
            f'expected more than {_NOISE}; look at them, or choose features yourself, such as "imagenet"'
        )


def _score_a_second(name: str, test: SelfTest) -> float:
    return test.score / CANDIDATES[name].seconds


@dataclass(eq=False)
class SelfTests:
    """The self-tests of metrics on one set, each done once and kept in the cache.

    Args:
        given: the set.
        parts: its roles: the small CNN is tested on none of the images that it learnt from.
        device: where features are computed.
    """

    given: ImageSet
    parts: Partition
    device: str
    _planted: dict[bytes, PlantedImages] = field(default_factory=dict)

    def until_settled(self) -> Iterator[tuple[str, SelfTest]]:
        """Test the candidates of ``auto``, from cheap to dear, but none that could not be chosen any more."""
        best = 0.0
        for name, candidate in CANDIDATES.items():
            if 1 / candidate.seconds > best:
                test = self.of(name)
                best = max(best, _score_a_second(name, test) if test.passed else 0)
                yield name, test

    def of(self, name: str, sha256: str = "") -> SelfTest:
        """Test the features of a name, such as ``cnn`` or ``imagenet32``."""
        source = source_of(name, sha256)
        everyone = np.arange(len(self.images.images))
        chosen = pool(np.setdiff1d(everyone, self.parts.features) if source is None else everyone)
        digest = weights_hash(self._weights) if source is None else source.sha256
        file = self_test_file(self.images.fingerprint, chosen, digest, self._labels is not None)
        if (kept := read_self_test(file)) is not None:
            return kept
        extractor = self._own if source is None else source.build(self.device)
        test = self_test(self._with_faults(chosen), extractor, self._modes(chosen, source is None))
        keep_self_test(file, test)
        return test

    @cached_property
    def images(self) -> ImageSet:
        """The set, without labels that mean nothing."""
        if self._check is not None and self._check.mean_nothing:
            return replace(self.given, labels=None, class_names=())
        return self.given

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the labels."""
        if self._check is None:
            return ("no classes: clusters stand for them",)
        if self._check.mean_nothing:
            return (f"the labels cannot be learnt ({self._check.text}): clusters stand for classes",)
        if not self._check.are_modes:
            return (f"the classes are hardly told apart ({self._check.text}): the self-test drops clusters",)
        return ()

    @cached_property
    def _check(self) -> LabelCheck | None:
        labels = self.given.labels
        if labels is None:
            return None
        net = build_feature_net(feature_net(self.given, self.parts.features), self.device)
        held_out = self.parts.reference
        predicted = features(net, self.given.images[held_out])[1].cpu().numpy()
        return LabelCheck.of(predicted, labels[held_out])

    @property
    def _labels(self) -> Indices | None:
        return self.images.labels if self._check is not None and self._check.are_modes else None

    @cached_property
    def _weights(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        return feature_net(self.images, self.parts.features)

    @property
    def _own(self) -> OwnExtractor:
        net = build_feature_net(self._weights, self.device)
        return OwnExtractor(net, "cnn64" if self.images.labels is not None else "cnn64k")

    def _with_faults(self, chosen: Indices) -> PlantedImages:
        key = chosen.tobytes()
        if key not in self._planted:
            self._planted[key] = PlantedImages.of(self.images.images[chosen])
        return self._planted[key]

    def _modes(self, chosen: Indices, is_own: bool) -> PlantedModes:
        """The modes of the images, in another representation than the metric's."""
        pixels = self.images.images[chosen]
        labels = None if self._labels is None else self._labels[chosen]
        other = source_of("imagenet32") if is_own else None
        seen = None if other is None else other.build(self.device)(torch.tensor(pixels)).cpu().numpy()
        return planted_modes(pixels, labels, seen)
