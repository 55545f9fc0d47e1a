"""From a run to the card of a loss: who is picked, and what is said of it."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from ganetic.config import note_renamed
from ganetic.errors import UserError, typed
from ganetic.evolution.individual import DEAD_SHARE
from ganetic.evolution.results import Run
from ganetic.loss.card import MAX_NAME, LossCard, Provenance, Reference, Result, Role, Training
from ganetic.loss.formula import Formula
from ganetic.loss.simplify import reduce
from ganetic.metrics.fitness import Fitness
from ganetic.training.rates import Rates

PICKS = ("knee", "fd", "stability")

OLD_PICKS = {"fid": "fd"}
"""What picks were called, and are called now: a distance is an FID in InceptionV3's features alone."""

Row = dict[str, Any]
"""A row of a table of `Run`, by column."""


def pick_card(run: Run, pick: str = "knee") -> LossCard:
    """The card of one of a run's losses, in its reduced form, with its results and those of the references.

    Args:
        run: the run.
        pick: ``fd``: the smallest Fréchet distance; ``stability``: the smallest instability among those that are not
            worse than the best reference; ``knee``: the nearest to both minima; or an individual's number. The finals
            decide, among those who survived them; or the front while they are not over.

    Raises:
        UserError: an unknown pick, or nobody to pick.
    """
    finals = _final_rows(run)
    (individual,) = _rows(run.individuals([_number(run, pick, finals)]))
    return _card(run, individual, finals)


def pick_number(run: Run, pick: str = "knee") -> int:
    """The number of the individual that a pick means; see `pick_card`, which also says what was measured of it.

    Raises:
        UserError: an unknown pick, or nobody to pick.
    """
    return _number(run, pick, _final_rows(run))


def _number(run: Run, pick: str, finals: Sequence[Row]) -> int:
    number = int(pick) if re.fullmatch(r"\d{1,9}", pick) else _picked(run, pick, finals)
    if number >= run.bred:
        raise UserError(f"{run.directory}: there is no individual {number}; expected 0 to {run.bred - 1}")
    return number


def knee_of_the_finals(run: Run) -> int | None:
    """The number of the individual that is picked when nothing else is asked for; None before the finals are over.

    It is None, too, where no finalist survived them.
    """
    finals = _final_rows(run)
    with suppress(UserError):
        return _picked(run, "knee", finals) if finals else None
    return None


def _final_rows(run: Run) -> list[Row]:
    return _rows(run.finals()) if run.status_when_idle == "finished" else []


def _picked(run: Run, pick: str, finals: Sequence[Row]) -> int:
    candidates = [row for row in finals if not row["reference"] and _survived(run, row)]
    if not finals:
        candidates = _rows(run.front())
    return choose(candidates, [row for row in finals if row["reference"]], pick, str(run.directory))


def _survived(run: Run, row: Row) -> bool:
    """Whether a contestant failed on no more than the tolerated share of the seeds of any proxy."""
    known = run.final_fitnesses(row["contestant"]).values()
    return all(one.failed <= DEAD_SHARE * row["seeds"] for one in known)


def _pick_of_today(pick: str) -> str:
    today = OLD_PICKS.get(pick, pick)
    if today != pick:
        note_renamed(f"--pick {pick}", f"--pick {today}")
    return today


def choose(candidates: Sequence[Row], references: Sequence[Row], pick: str, where: str) -> int:
    """The number of the individual that a pick means.

    Args:
        candidates: individual, fd and instability of those who may be picked.
        references: fd of the published losses trained beside them, if any.
        pick: one of `PICKS`.
        where: the run, for errors.

    Raises:
        UserError: an unknown pick, or nobody to pick.
    """
    pick = _pick_of_today(pick)
    if pick not in PICKS:
        raise UserError(f'unknown pick "{pick}"; expected {", ".join(PICKS)} or the number of an individual')
    go_on = typed("ganetic", "resume", where)
    if not candidates and references:  # there were finals
        raise UserError(
            f"{where}: no finalist survived the finals; search on (`{go_on} --max-trials N`), "
            "or pick a loss by its number"
        )
    if not candidates:
        raise UserError(f"{where}: no loss has trained yet; let the search run on (`{go_on}`)")
    if pick == "fd":
        picked = min(candidates, key=lambda row: row["fd"])
    elif pick == "stability":
        picked = min(_not_worse(candidates, references, where), key=lambda row: row["instability"])
    else:
        picked = candidates[knee([row["fd"] for row in candidates], [row["instability"] for row in candidates])]
    return int(picked["individual"])


def knee(fds: Sequence[float], instabilities: Sequence[float]) -> int:
    """The place of the point that is nearest to both minima.

    Both axes, ln fd and instability, are scaled so that the points reach from 0 to 1.

    Args:
        fds: of at least one point.
        instabilities: of the same points.
    """
    across, up = _scaled([math.log(fd) for fd in fds]), _scaled(instabilities)
    return min(range(len(fds)), key=lambda place: math.hypot(across[place], up[place]))


def _not_worse(candidates: Sequence[Row], references: Sequence[Row], where: str) -> Sequence[Row]:
    best = min((row["fd"] for row in references), default=math.inf)
    good = [row for row in candidates if row["fd"] <= best]
    if not good:
        raise UserError(
            f"{where}: no finalist is as good as the best reference (fd {best:.4g}), and a stable but worse loss is "
            "not worth exporting; use --pick knee or --pick fd to export one all the same"
        )
    return good


def _scaled(values: Sequence[float]) -> list[float]:
    """Values between 0 for the smallest and 1 for the largest."""
    low, spread = min(values), max(values) - min(values)
    return [(value - low) / (spread or 1.0) for value in values]


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _card(run: Run, individual: Row, finals: list[Row]) -> LossCard:
    config, number, formula = run.config, int(individual["individual"]), Formula.from_text(individual["formula"])
    proxy, short = config.space.proxies[0], reduce(formula)
    values = _rows(run.final_values())
    measured = {row["contestant"]: _final_results(run, row["contestant"], values) for row in finals}
    final = measured.get(f"individual {number}")
    rates = _rates(run, individual, is_finalist=final is not None)
    return LossCard.of(
        name=_name(run, number),
        formula=short,
        results=final or _search_results(run, individual),
        references=[
            Reference(name=row["name"], results=measured[row["contestant"]])
            for row in finals
            if row["reference"] and final  # beside a result of the search they would compare other seeds and steps
        ],
        provenance=Provenance(
            run=run.directory.resolve().name,
            space=config.space.name,
            seed=config.seed,
            individual=number,
            ganetic=run.made_with.get("ganetic"),
            torch=run.made_with.get("torch"),
        ),
        training=Training(
            learning_rate=rates.learning_rate,
            beta1=rates.beta1,
            beta2=proxy.beta2,
            batch=proxy.batch,
            batch_norm=proxy.batch_norm,
        ),
        found_as=None if short == formula else formula.text,
    )


def _rates(run: Run, individual: Row, is_finalist: bool) -> Rates:
    """With which rates its results were measured: those that were chosen for the finals, its own, or the proxy's."""
    chosen = run.final_rates(f"individual {individual['individual']}") if is_finalist else None
    if chosen is not None:
        return chosen
    own = individual if run.config.space.genes is not None else run.config.space.proxies[0].model_dump()
    return Rates(learning_rate=own["learning_rate"], beta1=own["beta1"])


def _name(run: Run, number: int) -> str:
    """The space, the seed and the individual; of a very long space's name its beginning."""
    space, kind = run.config.space, "-random" if run.config.space.evolution.random else ""
    end = f"{kind}-s{run.config.seed}-{number}"
    return space.name[: MAX_NAME - len(end)] + end


def _final_results(run: Run, contestant: str, values: list[Row]) -> tuple[Result, ...]:
    """One for each proxy."""
    own = [value for value in values if value["contestant"] == contestant]
    steps, rates = run.config.space.finals.steps, run.final_rates(contestant)
    return _results(run, "final", steps, own, run.final_fitnesses(contestant), rates)


def _search_results(run: Run, row: Row) -> tuple[Result, ...]:
    """What the search itself measured, for one that was in no finals."""
    if row["rung"] < 0:
        return ()
    number, steps = int(row["individual"]), run.config.space.rungs[int(row["rung"])].steps
    rates = None if run.config.space.genes is None else _rates(run, row, is_finalist=False)
    return _results(run, "search", steps, _rows(run.search_values(number)), run.search_fitnesses(number), rates)


def _results(
    run: Run, role: Role, steps: int, values: list[Row], known: dict[str, Fitness], rates: Rates | None
) -> tuple[Result, ...]:
    by_proxy = {name: [value for value in values if value["proxy"] == name] for name in known}
    return tuple(
        measure.result(
            role,
            steps,
            [value["seed"] for value in by_proxy[measure.proxy]],
            [value["fd"] for value in by_proxy[measure.proxy]],
            known[measure.proxy].failed,
            known[measure.proxy].instability,
            rates,
        )
        for measure in run.config.measures
        if measure.proxy in known
    )
