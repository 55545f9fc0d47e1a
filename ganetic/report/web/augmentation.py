"""The drawings of a study of augmentation: learning curves with bands, and what the GANs drew."""

import base64
import math

import pandas as pd
from markupsafe import Markup

from ganetic.augmenting.arms import ARMS, FILTERED
from ganetic.augmenting.scores import PRIMARY, SCORES
from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import Section
from ganetic.report.web.lines import HEIGHT, legend
from ganetic.report.web.pictures import embedded, opened
from ganetic.report.web.svg import WIDTH, Area, drawing, path_of, scale_of, tag
from ganetic.studies.augmentation import Augmentation

_PICTURE_BYTES = 60_000


def curves_section(study: Augmentation) -> Section | None:
    """Draw the primary score of each arm by the size of the training set; None where nothing has ended."""
    curves = study.curves()
    curves = curves[curves["score"] == PRIMARY]
    if curves.empty:
        return None
    arms = [arm.name for arm in ARMS if not arm.name.endswith(FILTERED)]
    said = f"{SCORES[PRIMARY]}: means of {study.config.draws} draws at most, with 95 % t intervals over draws."
    figure = tag("figure", _drawing(curves, arms), legend(arms), tag("figcaption", said))
    return Section("curves", "Learning curves", figure)


def samples_section(study: Augmentation) -> Section | None:
    """Show what the GANs of the first draw drew, beside real images; None before it has ended."""
    found = [(_caption(one.size), opened(base64.b64decode(one.samples))) for one in study.draws if one.samples]
    frames = [(said, embedded(picture, _PICTURE_BYTES)) for said, picture in found if picture is not None]
    title = "What the GANs of the first draw drew"
    return Section("samples", title, filled("drawn.html", frames=frames)) if frames else None


def _caption(size: int) -> str:
    return f"{size} images a class: generated on the left, real on the right; two rows a class."


def _drawing(curves: pd.DataFrame, arms: list[str]) -> Markup:
    points = {arm: _points(curves[curves["arm"] == arm]) for arm in arms}
    everything = [value for own in points.values() for point in own for value in point[1:]]
    area = Area(
        scale_of([size for own in points.values() for size, *_ in own], 62, WIDTH - 18, log=True),
        scale_of(everything, HEIGHT - 62, 34),
    )
    bands = [_band(area, points[arm], place) for place, arm in enumerate(arms, start=1)]
    lines = [
        tag("path", d=path_of(area.points([(size, mean) for size, mean, _, _ in points[arm]])), class_=f"line s{place}")
        for place, arm in enumerate(arms, start=1)
    ]
    inside = area.inside(*bands, *reversed(lines))
    label = f"{SCORES[PRIMARY]} by the size of the training set, a line with a band for each arm"
    return drawing(HEIGHT, area.axes("images of each class", SCORES[PRIMARY]), inside, label=label)


def _points(curves: pd.DataFrame) -> list[tuple[float, float, float, float]]:
    """Size, mean, and both ends of the interval within what a score can be; the mean where there is none."""
    rows = curves[["size", "mean", "low", "high"]].itertuples(index=False, name=None)
    return [
        (float(size), mean, mean if math.isnan(low) else max(low, 0.0), mean if math.isnan(high) else min(high, 1.0))
        for size, mean, low, high in rows
    ]


def _band(area: Area, points: list[tuple[float, float, float, float]], place: int) -> Markup:
    """The interval of a line; of a single size it is an upright bar."""
    edge = [(size, high) for size, _, _, high in points] + [(size, low) for size, _, low, _ in reversed(points)]
    return tag("path", d=f"{path_of(area.points(edge))}Z", class_=f"spread s{place}")
