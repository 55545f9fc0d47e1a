"""Figures of a run by name."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ganetic.errors import UserError, unknown
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.seeds import training_seed
from ganetic.evolution.selection import knee_of_the_finals, pick_card
from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.plots.beside import MOST_COURSES, draw_beside
from ganetic.plots.courses import budget, courses, finals_budgets
from ganetic.plots.loss import draw_loss
from ganetic.plots.pareto import Protocol, draw_pareto
from ganetic.plots.progress import draw_progress
from ganetic.plots.samples import SIDE, draw_samples
from ganetic.plots.style import check_format, save
from ganetic.training.proxy_data import load_for, roles_of
from ganetic.training.rates import Rates
from ganetic.training.spec import TrialSpec, with_rates
from ganetic.training.trainer import NonFiniteError
from ganetic.training.trial import sample_images


def plot(run: Run, kind: str, path: Path | None = None, beside: Sequence[Run] = ()) -> Path:
    """Draw a figure of a run and write it.

    Args:
        run: the run, which may still be at work.
        kind: one of `KINDS`.
        path: where to; its suffix chooses PNG, SVG or PDF. Without it ``<run>/<kind>.png``.
        beside: other runs to draw beside it, as ``progress``.

    Returns:
        Where it was written.

    Raises:
        UserError: an unknown kind or format, a run that has nothing of this kind to show yet, or runs that cannot be
            drawn beside one another.
    """
    if kind not in KINDS:
        raise unknown("kind of plot", kind, KINDS)
    path = run.directory / f"{kind}.png" if path is None else path
    check_format(path)
    if beside and kind != "progress":
        raise UserError(f'kind "{kind}" shows one run; only "progress" draws others beside it')
    save(_beside([run, *beside]) if beside else KINDS[kind](run), path)
    return path


def figure(run: Run | Path | str, kind: str = "pareto") -> Figure:
    """Draw a figure of a run, as a figure of matplotlib, which notebooks show.

    Args:
        run: the run of a search, or its directory.
        kind: one of `KINDS`.

    Raises:
        UserError: there is no run, an unknown kind, or a run that has nothing of this kind to show yet.
    """
    if kind not in KINDS:
        raise unknown("kind of plot", kind, KINDS)
    return KINDS[kind](run if isinstance(run, Run) else open_run(run))


def _pareto(run: Run) -> Figure:
    front, finals, space = run.front(), _with_published_names(run.finals()), run.config.space
    if not len(front):
        raise UserError(f"{run.directory}: the front is empty so far; plot it when losses have been trained")
    top = space.rungs[int(front["rung"].max())]
    # Finals that were interrupted have fewer seeds than planned.
    final_seeds = int(finals["seeds"].max()) if len(finals) else 0
    protocol = Protocol(
        run.config.metric,
        run.config.floor_fd,
        search=budget(top.steps, top.seeds),
        finals=budget(space.finals.steps, final_seeds),
    )
    return draw_pareto(_named(run), front, finals, run.final_values(), protocol, knee_of_the_finals(run))


def _with_published_names(finals: pd.DataFrame) -> pd.DataFrame:
    """Finals in which a finalist that is a published loss has its name, as on the front."""
    found = [published_name(Formula.from_text(str(text))) for text in finals["formula"]]
    return finals.assign(name=finals["name"].where(finals["name"] != "", pd.Series(found, dtype=object)))


def _named(run: Run) -> pd.DataFrame:
    """All individuals, with names only for those that got furthest: to find the names of all takes most of the time."""
    table = run.scores()
    viable = table[table["viable"].astype(bool)]
    furthest = viable[viable["rung"] == viable["rung"].max()]
    names = run.individuals(furthest["individual"].tolist()).set_index("individual")["name"]
    return table.assign(name=table["individual"].map(names).fillna(""))


def _progress(run: Run) -> Figure:
    ranked = run.scores().dropna(subset="fd")
    rung = run.config.space.rungs[int(ranked["rung"].max()) if len(ranked) else 0]
    return draw_progress(run.trials(), run.config.metric, rung.steps, rung.seeds, len(run.config.space.proxies))


def _beside(runs: Sequence[Run]) -> Figure:
    if len(runs) > MOST_COURSES:
        raise UserError(f"{len(runs)} runs are too many for one figure; draw at most {MOST_COURSES}")
    first = runs[0].config
    drawn, rung = courses(runs)
    return draw_beside(drawn, first.metric, first.start_fd, budget(rung.steps, rung.seeds), finals_budgets(runs))


def _loss(run: Run) -> Figure:
    card = pick_card(run)
    return draw_loss(card.formula, f"#{card.provenance.individual}")


def _samples(run: Run) -> Figure:
    """Train the winner once more, on the first seed of the finals: the images are not chosen by how they look.

    It may be one of the few on which the loss does not stay finite; then it is the next one.
    """
    card, space = pick_card(run), run.config.space
    assert card.training is not None
    rates = Rates(learning_rate=card.training.learning_rate, beta1=card.training.beta1)
    proxy = with_rates(space.proxies[0].spec, rates)
    images = load_for(proxy, space.proxies[0].data or run.config.data)
    training = images.images[roles_of(images, proxy).gan]
    for number in range(space.finals.seeds):
        seed = training_seed(run.config.seed, "final", number)
        trial = TrialSpec(formula=card.formula.text, seed=seed, steps=space.finals.steps, proxy=proxy)
        with suppress(NonFiniteError):
            generated = sample_images(trial, training, SIDE * SIDE)
            break
    else:
        raise UserError(f"{run.directory}: #{card.provenance.individual} stays finite on none of the final seeds")
    title = f"#{card.provenance.individual} after {trial.steps} steps (seed {seed})"
    return draw_samples(
        generated, images.images[:: len(images.images) // SIDE**2][: SIDE**2], title, card.formula.readable
    )


KINDS: dict[str, Callable[[Run], Figure]] = {
    "pareto": _pareto,
    "progress": _progress,
    "loss": _loss,
    "samples": _samples,
}
