"""Figures of a run by name."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from ganetic.data import load_images
from ganetic.errors import UserError, unknown
from ganetic.plots.loss import draw_loss
from ganetic.plots.pareto import Protocol, draw_pareto
from ganetic.plots.progress import draw_progress
from ganetic.plots.samples import SIDE, draw_samples
from ganetic.plots.style import check_format, save
from ganetic.proxy.materials import prepare
from ganetic.proxy.spec import TrialSpec
from ganetic.proxy.trial import sample_images
from ganetic.search.results import Run
from ganetic.search.seeds import training_seed
from ganetic.search.winner import pick_card


def plot(run: Run, kind: str, path: Path | None = None) -> Path:
    """Draw a figure of a run and write it.

    Args:
        run: the run, which may still be at work.
        kind: one of `KINDS`.
        path: where to; its suffix chooses PNG, SVG or PDF. Without it ``<run>/<kind>.png``.

    Returns:
        Where it was written.

    Raises:
        UserError: an unknown kind or format, or a run that has nothing of this kind to show yet.
    """
    if kind not in KINDS:
        raise unknown("kind of plot", kind, KINDS)
    path = run.directory / f"{kind}.png" if path is None else path
    check_format(path)
    save(KINDS[kind](run), path)
    return path


def _pareto(run: Run) -> Figure:
    front, finals, space = run.front(), run.finals(), run.config.space
    if not len(front):
        raise UserError(f"{run.directory}: the front is empty so far; plot it when losses have been trained")
    top = space.rungs[int(front["rung"].max())]
    # Finals that were interrupted have fewer seeds than planned.
    final_seeds = int(finals["seeds"].max()) if len(finals) else 0
    protocol = Protocol(
        run.config.metric,
        run.config.floor_fd,
        search=_budget(top.steps, top.seeds),
        finals=_budget(space.finals.steps, final_seeds),
    )
    return draw_pareto(run.individuals(), front, finals, run.final_values(), protocol)


def _progress(run: Run) -> Figure:
    ranked = run.individuals().dropna(subset="fd")
    rung = run.config.space.rungs[int(ranked["rung"].max()) if len(ranked) else 0]
    return draw_progress(run.trials(), run.config.metric, rung.steps, rung.seeds)


def _loss(run: Run) -> Figure:
    card = pick_card(run)
    return draw_loss(card.formula, f"#{card.provenance.individual}")


def _samples(run: Run) -> Figure:
    """Train the winner once more, on the first seed of the finals: the images are not chosen by how they look."""
    card, space = pick_card(run), run.config.space
    images = load_images(run.config.data)
    seed = training_seed(run.config.seed, "final", 0)
    trial = TrialSpec(formula=card.formula.text, seed=seed, steps=space.finals.steps, proxy=space.proxies[0].spec)
    generated = sample_images(trial, prepare(images, space.proxies[0].spec), SIDE * SIDE)
    title = f"#{card.provenance.individual} after {trial.steps} steps (seed {seed})"
    return draw_samples(
        generated, images.images[:: len(images.images) // SIDE**2][: SIDE**2], title, card.formula.readable
    )


def _budget(steps: int, seeds: int) -> str:
    return f"{steps} steps, {seeds} seed{'' if seeds == 1 else 's'}"


KINDS: dict[str, Callable[[Run], Figure]] = {
    "pareto": _pareto,
    "progress": _progress,
    "loss": _loss,
    "samples": _samples,
}
