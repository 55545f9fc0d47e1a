"""Each class of a conditional generator by itself: does it draw what it was asked for, and how well."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ganetic.data import ImageSet, Indices
from ganetic.evaluation.measures import ENOUGH, LEAST, Embedded, SampleSets
from ganetic.evaluation.metric import METRICS, Evidence
from ganetic.evaluation.results import ClassResult, MetricResult
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.reference import budget

DISTANCES = ("fd", "kid", "inception_kd")
"""Metrics that are taken of each class; FID of the few images of one says little."""

Asked = tuple[NDArray[np.uint8], Indices]
"""Generated images ``(N, H, W, C)``, and the labels of the classes that were asked for ``(N,)``."""


def judge_classes(
    evidence: Evidence, images: ImageSet, generated: Asked, reference: Indices, floor: Indices
) -> tuple[ClassResult, ...]:
    """Judge the images of each class, all that there are.

    The feature net is that of the whole set: it was trained to tell the classes of real images apart, by images that
    are not compared with.

    Args:
        evidence: of the whole set.
        images: the set.
        generated: what was drawn, and what was asked for.
        reference: indices of the real images to compare with.
        floor: indices of those that stand for a perfect generator's.
    """
    if images.labels is None:
        return ()
    pixels, asked = generated
    found = []
    for label, name in enumerate(images.class_names):
        real = [role[images.labels[role] == label] for role in (reference, floor)]
        found.append(_judged(evidence, images, (label, name), pixels[asked == label], *real))
    return tuple(found)


def _judged(
    evidence: Evidence,
    images: ImageSet,
    known: tuple[int, str],
    generated: NDArray[np.uint8],
    reference: Indices,
    floor: Indices,
) -> ClassResult:
    (label, name), n = known, min(len(generated), len(reference), len(floor))
    counted = ClassResult(name=name, generated=len(generated), real=len(reference) + len(floor))
    if n < LEAST:
        return counted
    net, pixels = evidence.sides.real.net, images.images
    made, real, others = (Embedded.by(net, part) for part in (generated[:n], pixels[reference[:n]], pixels[floor[:n]]))
    return counted.model_copy(
        update={
            "recognised": _share_of(made, label),
            "recognised_floor": _share_of(others, label),
            "measures": _distances(evidence, SampleSets(made, real, others), images, name),
        }
    )


def _share_of(seen: Embedded, label: int) -> float:
    return float((seen.classes == label).double().mean())


def _distances(evidence: Evidence, sides: SampleSets, images: ImageSet, name: str) -> tuple[MetricResult, ...]:
    own = evidence.reference_statistics
    head, _, tail = own.protocol.partition(f"@{images.name}")
    of_class = replace(
        own,
        reference=FeatureStatistics.of(sides.real.features),
        sample_size=len(sides),
        protocol=f"{head}@{images.name}:{name}{tail.rpartition('/')[0]}/{budget(len(sides))}",
    )
    known = Evidence(sides, of_class, evidence.labelled, evidence.device, evidence.inception)
    taken = (METRICS[metric](metric).measure(known) for metric in DISTANCES)
    return tuple(result for result in taken if result is not None)


def notes_on_classes(found: tuple[ClassResult, ...]) -> list[str]:
    """Say of which classes there are too few images to measure, or few."""
    few = [one for one in found if not one.measures]
    little = [one for one in found if one.measures and one.measures[0].n < ENOUGH]
    notes = []
    if few:
        said = ", ".join(f"{one.name} ({one.generated} generated, {one.real} held out)" for one in few)
        notes.append(
            f"too few images to measure these classes: {said}; expected {LEAST} generated and {2 * LEAST} held out; "
            "-n draws more"
        )
    if little:
        said = ", ".join(f"{one.name} ({one.measures[0].n})" for one in little)
        notes.append(f"few images of these classes: {said}; their distances are mostly bias, read them beside floors")
    return notes
