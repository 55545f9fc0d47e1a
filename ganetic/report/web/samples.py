"""The samples of a training: what its generator drew from the same latents at each checkpoint, beside real images."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import Section
from ganetic.report.web.pictures import Picture, embedded, opened
from ganetic.report.web.trained import TrainingRun
from ganetic.training.samples import COLUMNS, GAP, MIDDLE, SAMPLES, row_labels

MOST = 24
"""Steps of which samples are shown."""
_BYTES = 28_000
"""Of a picture."""
_PIXELS = 560
"""Across a picture; of larger images fewer are shown."""


@dataclass(frozen=True)
class Frame:
    """The samples of a step.

    Attributes:
        step: at which they were drawn.
        said: the step, and the fd there.
        picture: a grid of generated images.
        x: where the step stands across the drawing of fd; None where fd was not measured.
    """

    step: int
    said: str
    picture: Picture
    x: float | None


def samples_section(training: TrainingRun, anchor: str, places: Mapping[int, float]) -> Section:
    """Show samples, one step at a time where scripts run, else all.

    Args:
        training: whose samples.
        anchor: of its chapter.
        places: where steps stand across the drawing of fd.
    """
    files = training.samples()
    steps = thinned_steps(sorted(files), _kept(training))
    frames = [frame for step in steps if (frame := _frame(training, step, files[step], places)) is not None]
    real = _real(training, [files[step] for step in reversed(steps)])
    content = filled(
        "samples.html",
        anchor=anchor,
        frames=frames,
        real=real,
        of=len(files),
        shown=columns_shown(training.metadata.size) ** 2,
        drawn=_drawn(len(training.metadata.classes)),
        exact=all(frame.picture.exact for frame in frames) and (real is None or real.exact),
    )
    return Section("samples", "Samples", content)


def thinned_steps(steps: Sequence[int], kept: Collection[int], most: int = MOST) -> list[int]:
    """Give so many steps at most, evenly chosen, those that are to be kept among them."""
    if len(steps) <= most:
        return list(steps)
    wanted = {step for step in steps if step in kept}
    room = max(most - len(wanted), 0)
    even = {steps[round(place * (len(steps) - 1) / (room - 1))] for place in range(room)} if room > 1 else set()
    return sorted(wanted | even)


def columns_shown(size: int) -> int:
    """Give how many images of this side stand beside and above one another in a picture."""
    return max(1, min(COLUMNS, (_PIXELS - GAP) // (size + GAP)))


def _drawn(classes: int) -> int:
    """How many images a grid has."""
    return len(row_labels(classes)) if classes else SAMPLES


def _kept(training: TrainingRun) -> set[int]:
    """Steps that are shown in any case: the first, the best, the last."""
    steps = sorted(training.samples())
    return {*steps[:1], *steps[-1:], *([training.best[0]] if training.best is not None else [])}


@lru_cache(maxsize=256)
def _grid(path: Path, changed: int, size: int, left: int) -> Picture | None:  # noqa: ARG001 - it tells files apart
    """A part of a grid, as many images as are shown; see `ganetic.training.samples.beside`."""
    whole = opened(path)
    if whole is None or whole.width <= left:
        return None
    side = GAP + columns_shown(size) * (size + GAP)
    box = (left, 0, min(left + side, whole.width), min(side, whole.height))
    return embedded(whole.crop(box), _BYTES)


def _frame(training: TrainingRun, step: int, path: Path, places: Mapping[int, float]) -> Frame | None:
    picture = _picture(path, training.metadata.size, 0)
    if picture is None:
        return None
    fd, best = dict(training.trace).get(step), training.best
    said = f"step {step:,}" + (f", fd {fd:.1f}" if fd is not None else "")
    note = ", the best" if best is not None and best[0] == step else ""
    return Frame(step, said + note, picture, places.get(step))


def _real(training: TrainingRun, paths: Sequence[Path]) -> Picture | None:
    """The real images, which every grid has on its right."""
    size = training.metadata.size
    left = GAP + COLUMNS * (size + GAP) + MIDDLE
    return next((found for path in paths if (found := _picture(path, size, left)) is not None), None)


def _picture(path: Path, size: int, left: int) -> Picture | None:
    try:
        return _grid(path, path.stat().st_mtime_ns, size, left)
    except OSError:  # it is gone
        return None
