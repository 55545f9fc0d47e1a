"""The classifiers of a draw: every arm on the same picks, shares chosen on validation images, one look at the test."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganetic.augmenting.arms import ARMS, Arm
from ganetic.augmenting.batches import Mixture, Picks, Table
from ganetic.augmenting.classifiers import Lessons, Trained, train_classifiers
from ganetic.augmenting.config import AugmentConfig
from ganetic.augmenting.division import Division
from ganetic.augmenting.images import ClassifierImages
from ganetic.augmenting.record import ArmResult
from ganetic.augmenting.scores import Probabilities, mean_scores, primary_score, scores_of
from ganetic.data import ImageSet, Indices

Pixels = NDArray[np.uint8]
Flags = NDArray[np.bool_]


def needed(config: AugmentConfig, size: int) -> int:
    """Return how many generated images of a class the largest share takes."""
    return _count(config.shares[-1], size)


class Classroom:
    """Trains and tests the classifiers of a training subset.

    Args:
        config: of the study.
        seen: what classifiers see of the real images.
        division: which images validate and test.
        images: the set, with its labels.
        members: the training subset, as many images of each class, class after class.
    """

    def __init__(
        self, config: AugmentConfig, seen: ClassifierImages, division: Division, images: ImageSet, members: Indices
    ) -> None:
        assert images.labels is not None
        self._config, self._seen, self._division, self._labels = config, seen, division, images.labels
        classes = len(images.class_names)
        self._places = Table(classes, len(members) // classes, config.copies)
        self._real, self._copies = seen.real_of(members), seen.copies_of(members)

    def arms(self, generated: Pixels, copies: Flags, draw: int) -> tuple[ArmResult, ...]:
        """Train and test every arm.

        Args:
            generated: uint8 ``(classes, M, H, W, C)``, M being as many as the largest share takes, or more.
            copies: which of these are copies of training images, ``(classes, M)``.
            draw: its number; classifiers of one draw and seed see the same places of the subset in every arm.
        """
        usable = {filtered: self._usable(copies, filtered) for filtered in (False, True)}
        used = [np.union1d(*both) for both in zip(usable[False], usable[True], strict=True)]
        table = self._table(generated, used)
        rows = {filtered: self._rows(used, own) for filtered, own in usable.items()}
        mixtures = {arm: self._mixtures(arm, rows[arm.filtered]) for arm in ARMS}
        different = {mixture.key: mixture for own in mixtures.values() for mixture in own.values()}
        by_seed = [
            dict(zip(different, self._train(table, list(different.values()), draw, seed), strict=True))
            for seed in range(self._config.classifier.seeds)
        ]
        return tuple(
            self._result(arm, {share: [one[mixture.key] for one in by_seed] for share, mixture in own.items()})
            for arm, own in mixtures.items()
        )

    def _usable(self, copies: Flags, filtered: bool) -> list[Indices]:
        """Of each class the first generated images, as many as the largest share takes; copies may be left out."""
        kept = ~copies if filtered else np.ones_like(copies)
        return [np.flatnonzero(own)[: needed(self._config, self._places.size)] for own in kept]

    def _table(self, generated: Pixels, used: Sequence[Indices]) -> Tensor:
        pixels = np.concatenate([own[members] for own, members in zip(generated, used, strict=True)])
        return torch.cat([self._real, self._copies.flatten(0, 1), self._seen.see(pixels)])

    def _rows(self, used: Sequence[Indices], usable: Sequence[Indices]) -> list[Indices]:
        """Of each class the rows in the table of the images that are usable."""
        ends = self._places.first_generated + np.cumsum([len(own) for own in used])
        return [
            end - len(own) + np.searchsorted(own, wanted) for end, own, wanted in zip(ends, used, usable, strict=True)
        ]

    def _mixtures(self, arm: Arm, rows: Sequence[Indices]) -> dict[float, Mixture]:
        """What an arm adds, by share."""
        if not arm.generated:
            return {0.0: Mixture(arm.classical)}
        size = self._places.size
        return {
            share: Mixture(arm.classical, share, tuple(own[: _count(share, size)] for own in rows))
            for share in self._config.shares
        }

    def _train(self, table: Tensor, mixtures: Sequence[Mixture], draw: int, seed: int) -> list[Trained]:
        spec = self._config.classifier
        picks = Picks.of(spec.steps, spec.batch, (self._config.seed, draw, seed))
        rows = [self._places.rows(picks, mixture) for mixture in mixtures]
        lessons = Lessons(table, rows, self._places.labels(picks), self._real, self._places.classes)
        return train_classifiers(spec, lessons, seed)

    def _result(self, arm: Arm, trained: Mapping[float, Sequence[Trained]]) -> ArmResult:
        """Choose a share on validation images, the smallest of equals, and test its classifiers."""
        validation = {
            share: float(np.mean([primary_score(*one) for one in self._judged(classifiers, self._division.validation)]))
            for share, classifiers in trained.items()
        }
        share = max(validation, key=lambda one: validation[one])
        return ArmResult(
            arm=arm.name,
            share=share if arm.generated else None,
            validation={f"{one:g}": score for one, score in validation.items()},
            scores=mean_scores([scores_of(*one) for one in self._judged(trained[share], self._division.test)]),
        )

    def _judged(self, classifiers: Sequence[Trained], part: Indices) -> list[tuple[Probabilities, Indices]]:
        """What each classifier predicts of a part of the set, and what is true."""
        seen, labels = self._seen.real_of(part), self._labels[part]
        return [(one.probabilities(seen), labels) for one in classifiers]


def _count(share: float, size: int) -> int:
    """How many generated images of a class a share of its real ones is."""
    return max(1, round(share * size))
