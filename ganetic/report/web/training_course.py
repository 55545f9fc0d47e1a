"""How a training went: fd, the losses of both players, and whatever else was logged, over the steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ganetic.plots.style import shorten
from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import Section
from ganetic.report.web.lines import HEIGHT, MOST, Line, draw_lines, legend, thinned
from ganetic.report.web.svg import WIDTH, Area, drawing, number, path_of, scale_of, tag
from ganetic.report.web.trained import TrainingRun

_LOSSES = {"d_loss": "of the discriminator", "g_loss": "of the generator"}
_SAID = {
    "update": "update of the generator, as a share of a full Adam step",
    "p": "p, the probability of each change of an image that D sees",
    "auc": "AUC: how often D ranks training above held-out images (0.5: no memory)",
    "r_t": "r_t, the mean sign of D's outputs on training images",
}
_ENDS = {"p": (0.0, 1.0), "auc": (0.0, 1.0), "r_t": (-1.0, 1.0)}
"""What can be."""
_NAME, _METRIC = 40, 64


@dataclass(frozen=True)
class FdDrawing:
    """The drawing of fd over steps.

    Attributes:
        markup: the drawing.
        places: where each measured step stands across it.
    """

    markup: Markup
    places: dict[int, float]


def course_section(training: TrainingRun) -> Section | None:
    """Draw what was logged; None where nothing was yet."""
    if not training.names:
        return None
    losses = [Line(said, training.series(name)) for name, said in _LOSSES.items() if name in training.names]
    others = [name for name in training.names if name not in ("fd", *_LOSSES)]
    content = filled(
        "training_course.html",
        fd=draw_fd(training).markup if training.trace else None,
        fd_legend=legend(["averaged generator", "real images against real ones"]),
        has_failures=any(found for _, found in training.failures),
        losses=draw_lines(losses, "steps", "loss of a batch", "the losses of both players over steps")
        if losses
        else None,
        losses_legend=legend([line.label for line in losses]),
        others=[_other(training, name) for name in others[:MOST]],
    )
    return Section("course", "How the training went", content)


def draw_fd(training: TrainingRun) -> FdDrawing:
    """Draw fd over steps beside its floor, with the best measurement and those that found a failure marked."""
    trace, floor = training.trace, training.metadata.floor_fd
    area = Area(
        scale_of([0.0, *(float(step) for step, _ in trace)], 62, WIDTH - 18, room=0.0),
        scale_of([floor, *(fd for _, fd in trace)], HEIGHT - 62, 34, log=True),
    )
    points, failed = dict(trace), {step for step, found in training.failures if found}
    level = path_of(area.points([(0.0, floor), (float(trace[-1][0]), floor)]))
    parts = [
        tag("path", d=level, class_="line s2"),
        tag("path", d=path_of(area.points(thinned(trace))), class_="line s1"),
    ]
    marks = [_cross(area, step, points[step]) for step in sorted(failed & points.keys())]
    marks += [_dot(area, training.best)] if training.best is not None else []
    here = tag("line", x1=0, x2=0, y1=number(area.y.end), y2=number(area.y.start), class_="here")
    label = f"fd over steps: {_in_words(training)}"
    up = shorten(training.metadata.protocol, _METRIC)
    markup = drawing(HEIGHT, area.axes("steps", up), area.inside(*parts), here, *marks, label=label)
    return FdDrawing(markup, {step: area.x(step) for step, _ in trace})


def together_section(trainings: Sequence[TrainingRun]) -> Section | None:
    """Draw the fd of trainings that are measured alike in one drawing; None where fewer than two are."""
    protocol = trainings[0].metadata.protocol
    alike = [one for one in trainings if one.metadata.protocol == protocol and one.trace]
    if len(alike) < 2:
        return None
    lines = [Line(one.directory.resolve().name, one.trace) for one in alike[:MOST]]
    content = filled(
        "trainings.html",
        fd=draw_lines(lines, "steps", protocol, "fd of each training over steps", log=True),
        legend=legend([shorten(line.label, _NAME) for line in lines]),
        left_out=len(trainings) - len(lines),
    )
    return Section("trainings", "How the trainings went", content)


def _other(training: TrainingRun, name: str) -> Markup:
    said = _SAID.get(name, name.replace("_", " "))
    points = training.series(name)
    log = name == "update" and all(value > 0 for _, value in points)
    up = shorten(said, 80)
    return draw_lines([Line(name, points)], "steps", up, f"{up}, over steps", log=log, within=_ENDS.get(name, ()))


def _in_words(training: TrainingRun) -> str:
    trace, best = training.trace, training.best
    said = f"{trace[0][1]:.4g} at step {trace[0][0]}, {trace[-1][1]:.4g} at step {trace[-1][0]}"
    return said if best is None else f"{said}, lowest {best[1]:.4g} at step {best[0]}"


def _dot(area: Area, point: tuple[int, float]) -> Markup:
    return tag("circle", cx=area.x(point[0]), cy=area.y(point[1]), r=5, class_="mark")


def _cross(area: Area, step: int, fd: float) -> Markup:
    x, y = area.x(step), area.y(fd)
    return tag("path", d=f"M{x - 5:.1f} {y - 5:.1f}l10 10m-10 0l10 -10", class_="failed")
