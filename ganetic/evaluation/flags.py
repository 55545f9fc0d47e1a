"""Rules that name what is wrong with generated images. Each states its source; all thresholds stand here."""

from collections.abc import Mapping

from ganetic.evaluation.results import Fault, Flag, MetricResult
from ganetic.metrics.diversity import COVERED_LEAST, DIVERGENCE_MOST, SPREAD_LEAST, Diversity, collapsed, missing

COPYING_Z = -3.0
"""Below this z of C_T: 1 of 740 generators that copy nothing. Copying is what lies below it in every space: dull images
are nearer to everything, in pixels alone."""
COPIES_P = 1e-3
"""Below this p there are more copies among generated images than among held-out ones."""
PART_OF_FLOOR = 0.5
"""A precision or recall of which the whole interval lies below this share of what real images score."""
SIMILARITY_MOST = 0.05
"""A difference of MS-SSIM of which the whole interval lies this far above that of real images."""

MISSING_MOST = 0.2
"""Share of the real images whose classes may be missing."""

Measures = Mapping[str, MetricResult]


def find_flags(
    measures: Measures, generated: Diversity, real: Diversity, copying_z: Mapping[str, float], copies_p: float
) -> tuple[Flag, ...]:
    """Apply every rule.

    Args:
        measures: what was measured, by name.
        generated: of the generated images.
        real: of the reference images.
        copying_z: z of C_T by space; empty where memorization was not judged.
        copies_p: p of the number of copies; 1 where it was not judged.
    """
    found = (
        _mode_collapse(measures, generated, real),
        _memorization(measures, copying_z, copies_p),
        _far_below_floor(measures["precision"], Fault.LOW_PRECISION, "of the generated images look real"),
        _far_below_floor(measures["recall"], Fault.LOW_RECALL, "of the real images are reached"),
        _low_variety(measures.get("ms_ssim_difference")),
    )
    return tuple(flag for flag in found if flag is not None)


def _mode_collapse(measures: Measures, generated: Diversity, real: Diversity) -> Flag | None:
    assert generated.shares is not None and real.shares is not None
    gone = missing(generated.shares, real.shares)
    if not (gone > MISSING_MOST or collapsed(generated, real)):
        return None
    coverage, divergence = measures["class_coverage"], measures["class_divergence"]
    spread = generated.spread / real.spread if real.spread else 0.0
    return Flag(
        fault=Fault.MODE_COLLAPSE,
        said=f"{coverage.value:.0%} of the real classes occur, those of {gone:.0%} of the real images hardly or not; "
        f"divergence {divergence.value:.2f} nats; features spread {spread:.2f} times as far as the real ones'",
        rule=f"fewer than {COVERED_LEAST:.0%} of the classes, a divergence above {DIVERGENCE_MOST:g} or a spread "
        f"below {SPREAD_LEAST:g} (the rule of the search's proxy, set on trainings on MNIST), or classes of more than "
        f"{MISSING_MOST:.0%} of the real images with less than a quarter of their share (ours)",
    )


def _memorization(measures: Measures, copying_z: Mapping[str, float], copies_p: float) -> Flag | None:
    copied = bool(copying_z) and max(copying_z.values()) < COPYING_Z
    said = [f"C_T = {z:.1f} in {space}" for space, z in copying_z.items() if copied]
    if copies_p < COPIES_P:
        copies = measures["copies"]
        said.append(f"{copies.value:.1%} are copies, of held-out images {copies.floor:.1%} (p = {copies_p:.1g})")
    if not said:
        return None
    return Flag(
        fault=Fault.MEMORIZATION,
        said=f"nearer to the training images than images never seen: {'; '.join(said)}",
        rule=f"C_T below {COPYING_Z:g} in features and in pixels (Meehan et al., arXiv 2004.05675), or more images "
        "three times as near to one training image as to any other (Gu et al., arXiv 2310.02664) than held-out ones, "
        f"Fisher's p below {COPIES_P:g}",
    )


def _far_below_floor(measure: MetricResult, fault: Fault, what: str) -> Flag | None:
    if not measure.high < PART_OF_FLOOR * measure.floor:
        return None
    return Flag(
        fault=fault,
        said=f"{measure.value:.0%} {what}; with real images in their place, {measure.floor:.0%}",
        rule=f"the interval lies below {PART_OF_FLOOR:g} times the floor (ours; measure: Kynkäänniemi et al., "
        "arXiv 1904.06991)",
    )


def _low_variety(measure: MetricResult | None) -> Flag | None:
    if measure is None or not measure.low > measure.floor + SIMILARITY_MOST:
        return None
    return Flag(
        fault=Fault.LOW_VARIETY,
        said=f"images of a class resemble each other more than real ones, MS-SSIM {measure.value:+.3f}",
        rule=f"the interval lies more than {SIMILARITY_MOST:g} above the floor (ours; measure: Odena et al., "
        "arXiv 1610.09585)",
    )
