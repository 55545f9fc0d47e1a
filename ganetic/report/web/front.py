"""The drawing of a front: every loss that trained, and those that can be selected as links to what is said of them."""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from ganetic.plots.style import shorten
from ganetic.report.cells import decimal, decimal2
from ganetic.report.web.losses import ShownLoss
from ganetic.report.web.svg import WIDTH, Area, Scale, number, path_of, scale_of, tag

HEIGHT = 470
CLOUD = 1200
"""Points of losses that cannot be selected; of more, so many are drawn."""

_LABELLED = 10
"""At most so many points carry their label."""
_WITHIN = 0.9
"""At least so many losses lie below the top of the axis; others stand on its edge."""
_MARGIN = 1.15
_LEAST = 0.05
_METRIC = 60


class Cloud(NamedTuple):
    """Losses that cannot be selected.

    Attributes:
        below: fd and instability of those that did not reach the highest rung.
        reached: the same of those that did.
        total: how many there are; more than are drawn where they were thinned out.
    """

    below: list[tuple[float, float]]
    reached: list[tuple[float, float]]
    total: int

    @property
    def drawn(self) -> int:
        """How many are drawn."""
        return len(self.below) + len(self.reached)


def cloud_of(scores: pd.DataFrame, selectable: Sequence[int], most: int = CLOUD) -> Cloud:
    """Give the losses that trained and cannot be selected, evenly thinned out in the order in which they were bred.

    Args:
        scores: of the individuals.
        selectable: the numbers of those that can be selected.
        most: points that are drawn.
    """
    trained = scores[scores["viable"].astype(bool) & scores["fd"].notna()]
    others = trained[~trained["individual"].isin(selectable)]
    top = trained["rung"].max()
    kept = others.iloc[np.linspace(0, len(others) - 1, min(most, len(others))).astype(int)]
    reached, below = kept[kept["rung"] == top], kept[kept["rung"] != top]
    return Cloud(_places(below), _places(reached), len(others))


def draw_front(
    cloud: Cloud,
    losses: Sequence[ShownLoss],
    metric: str,
    pick: str,
    label: str,
    linked: Collection[str] | None = None,
) -> Markup:
    """Draw the front. Points that can be selected are links, so that a keyboard reaches them and no script is needed.

    Args:
        cloud: the other losses.
        losses: those that can be selected; one that was in the finals alone has no place here.
        metric: the name of the Fréchet distance.
        pick: the anchor of the loss that the run picks; empty for none.
        label: what the drawing shows.
        linked: anchors of the losses whose points are links; None for all.
    """
    placed = sorted((loss for loss in losses if loss.place is not None), key=lambda loss: loss.place or (0, 0))
    area = _area(cloud, [loss.place for loss in placed if loss.place])
    front = [loss.place for loss in placed if loss.on_front and loss.place]
    parts = [
        area.axes(f"{shorten(metric, _METRIC)}, lower is better", "instability, lower is better"),
        area.inside(_dots(area, cloud.below, "cloud below"), _dots(area, cloud.reached, "cloud")),
        tag("path", d=path_of(_held(area, front)), class_="line front", aria_hidden="true"),
        tag("polyline", points="", class_="ancestry", aria_hidden="true"),
        *(_point(area, loss, loss.anchor == pick, linked is None or loss.anchor in linked) for loss in placed),
        *_labels(area, placed, pick),
    ]
    box = f"0 0 {WIDTH} {HEIGHT}"
    return tag("svg", *parts, viewBox=box, role="group", aria_label=label, class_="drawing front-drawing")


def line_points(area: Area, loss: ShownLoss) -> str:
    """Write the places of a loss and its ancestors in the drawing, as a polyline has them."""
    places = _held(area, [one.place for one in loss.line if one.place is not None])
    return " ".join(f"{number(x)},{number(y)}" for x, y in places)


def area_of(cloud: Cloud, losses: Sequence[ShownLoss]) -> Area:
    """Give the area of the drawing."""
    return _area(cloud, [loss.place for loss in losses if loss.place])


def _places(frame: pd.DataFrame) -> list[tuple[float, float]]:
    return [(float(fd), float(up)) for fd, up in zip(frame["fd"], frame["instability"], strict=True)]


def _area(cloud: Cloud, named: Sequence[tuple[float, float]]) -> Area:
    everything = [*cloud.below, *cloud.reached, *named]
    across = scale_of((fd for fd, _ in everything), 62, WIDTH - 18, log=True, room=0.03)
    ceiling = _ceiling([up for _, up in everything], [up for _, up in named])
    return Area(across, Scale(-0.04 * ceiling, ceiling, HEIGHT - 62, 34))


def _ceiling(everything: Sequence[float], named: Sequence[float]) -> float:
    """The top of the axis of instability: a few losses that hardly train do not press the others together."""
    known = [value for value in everything if math.isfinite(value)]
    most = float(np.quantile(known, _WITHIN)) if known else 0.0
    return _MARGIN * max(most, _LEAST, *named)


def _held(area: Area, places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places in the drawing; what lies above it stands on its edge."""
    return [(x, max(y, area.y.end)) for x, y in area.points(places)]


def _dots(area: Area, places: Sequence[tuple[float, float]], class_: str) -> Markup:
    """Many points as one path of round caps, which takes ten letters a point."""
    dots = "".join(f"M{number(x)} {number(y)}h0" for x, y in _held(area, places))
    return tag("path", d=dots, class_=class_, aria_hidden="true")


def _point(area: Area, loss: ShownLoss, is_pick: bool, is_link: bool) -> Markup:
    assert loss.place is not None
    ((x, y),) = _held(area, [loss.place])
    kind = "published" if loss.published else "found"
    classes = ["point", kind, *(["on-front"] if loss.on_front else []), *(["pick"] if is_pick else [])]
    fd, instability = loss.place
    said = f"{shorten(loss.label, 40)}: fd {decimal(fd)}, instability {decimal2(instability)}"
    mark = (
        tag("rect", x=x - 5.5, y=y - 5.5, width=11, height=11, class_="mark")
        if loss.published
        else tag("circle", cx=x, cy=y, r=6 if loss.on_front else 5, class_="mark")
    )
    ring = [tag("circle", cx=x, cy=y, r=11, class_="ring")] if is_pick else []
    if not is_link:
        return tag("g", tag("title", said), mark, class_=" ".join(["still", *classes[1:]]), aria_hidden="true")
    return tag(
        "a",
        tag("title", said),
        tag("circle", cx=x, cy=y, r=13, class_="target"),
        *ring,
        mark,
        href=f"#{loss.anchor}",
        data_loss=loss.anchor,
        aria_label=said,
        class_=" ".join(classes),
    )


def _labels(area: Area, losses: Sequence[ShownLoss], pick: str) -> Iterator[Markup]:
    """Name points where there is room: the pick first, then the front, published losses and the others."""
    order = sorted(losses, key=lambda loss: (loss.anchor != pick, not loss.on_front, not loss.published))
    marks = [_held(area, [loss.place])[0] for loss in losses if loss.place]
    taken: list[tuple[float, float, float, float]] = [(x - 7, y - 7, x + 7, y + 7) for x, y in marks]
    named: set[str] = set()
    for loss in order:
        text = shorten(loss.name, 20)
        if loss.place is None or text in named or len(named) == _LABELLED:
            continue
        ((x, y),) = _held(area, [loss.place])
        for left, middle, anchor in _beside(x, y, len(text)):
            box = (left, middle - 9, left + 9.0 * len(text), middle + 9)
            if _fits(box, area) and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                named.add(text)
                yield tag("text", text, x=x + anchor[1], y=middle + 5, class_=f"name {anchor[0]}", aria_hidden="true")
                break


def _beside(x: float, y: float, length: int) -> Iterator[tuple[float, float, tuple[str, float]]]:
    """Left edge, middle and anchor of the places where a label may stand: right, left, above, below."""
    width = 9.0 * length
    yield x + 13, y, ("start", 13)
    yield x - 13 - width, y, ("end", -13)
    yield x - width / 2, y - 20, ("middle", 0)
    yield x - width / 2, y + 20, ("middle", 0)


def _fits(box: tuple[float, float, float, float], area: Area) -> bool:
    return box[0] > area.x.start and box[2] < area.x.end + 16 and box[1] > area.y.end - 12 and box[3] < area.y.start + 2


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
