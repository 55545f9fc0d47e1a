"""Runs, losses and scores: as tables for people, as plain data for programs, and a loss as files."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ganetic.errors import UserError, typed
from ganetic.evolution.results import EXHAUSTED, Run
from ganetic.evolution.space import Genes
from ganetic.files import whole
from ganetic.loss.card import LossCard, card_text
from ganetic.loss.library import LIBRARY, LibraryLoss
from ganetic.loss.resemblance import published_name
from ganetic.progress.search import counts_line
from ganetic.studies.ratios import Pair, Ratio, default_reference, ratios
from ganetic.studies.wording import measured

if TYPE_CHECKING:  # not for a cycle: to show a run must not wait for Ray, which a score needs
    from ganetic.evolution.score import Score

Record = dict[str, Any]

_SHOWN = 12
"""Rows of a front on a terminal."""


def to_json(data: object) -> str:
    """Write plain data as strict JSON: UTF-8, no NaN, no infinity."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)


def records(frame: pd.DataFrame) -> list[Record]:
    """Turn a data frame into plain rows; what is missing or not finite becomes None."""
    # pandas writes NaN, infinity and NA alike as null, and numpy's numbers as plain ones.
    rows: list[Record] = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows


def run_record(run: Run) -> Record:
    """Say all that `ganetic show` knows about a run."""
    return {
        "run": str(run.directory),
        "status": run.status,
        "space": run.config.space.name,
        "random": run.config.space.evolution.random,
        "data": run.config.data,
        "seed": run.config.seed,
        "metric": run.config.metric,
        "floor_fd": run.config.floor_fd,
        "states": dict(run.states()),
        "under_way": run.under_way,
        "timing_affected": run.timing_affected,
        "rejections": dict(run.rejections()),
        "front": records(run.front()),
        **({"tuning": records(run.tuning())} if run.config.space.genes else {}),
        "finals": records(run.finals()),
    }


def run_page(run: Run) -> RenderableType:
    """Lay out where a run stands, its front and its finals, for a terminal of 80 columns or more."""
    states, rejections = run.states(), run.rejections()
    config = run.config
    kind = " (random search)" if config.space.evolution.random else ""
    head = [
        f"{run.directory}: {config.space.name}{kind} on {config.data}, seed {config.seed}: {run.status}",
        f"{run.config.metric} (real against real: {run.config.floor_fd:.1f})",
        f"trials: {counts_line(states) or 'none ended yet'}, {run.under_way} under way",
    ]
    if run.stop_reason == EXHAUSTED:
        head.append("stopped early: nothing that was drawn last was new and passed the screen")
    if rejections:
        head.append(f"not trained: {counts_line(rejections)}")
    if late := run.timing_affected:
        head.append(f"{len(late)} over the wall time twice, first #{late[0]}: from there on the clock has a say")
    parts: list[RenderableType] = [Text("\n".join(head)), Text(), front_table(run.front())]
    finals = run.finals()
    if len(finals):
        parts += [Text(), finals_table(finals, run.final_values())]
    if (genes := run.config.space.genes) and len(finals):
        parts.append(Text(tuned_line(run.tuning(), genes)))
    return Group(*parts)


def tuned_line(tuning: pd.DataFrame, genes: Genes) -> str:
    """Say how the rates of the contestants of the finals were chosen."""
    rates, beta1s = (sorted(tuning[name].unique()) for name in ("learning_rate", "beta1"))
    named = (
        f"learning rate {', '.join(f'{rate:g}' for rate in rates)}; β₁ {', '.join(f'{beta1:g}' for beta1 in beta1s)}"
    )
    seeds = f"{genes.tuning_seeds} seed{'' if genes.tuning_seeds == 1 else 's'}"
    return f"Each at its best rates of {named}, chosen on {seeds} of their own."


def front_table(front: pd.DataFrame) -> RenderableType:
    """Lay out a front, the lowest fd first."""
    if not len(front):
        return Text("Front: empty so far; no loss has been trained to the end")
    title = f"Front: {len(front)} {'loss' if len(front) == 1 else 'losses'}"
    table = _table(title, ("loss", *_rates_heads(front), "fd", "instability", "nodes"))
    for row in front.head(_SHOWN).to_dict("records"):
        label = row["name"] or f"#{row['individual']}"
        values = (f"{row['fd']:.1f}", f"{row['instability']:.2f}", str(row["nodes"]))
        table.add_row(label, *_rates_cells(row), *values, Text(row["readable"]))
    if len(front) > _SHOWN:
        return Group(table, Text(f"… and {len(front) - _SHOWN} more; --json lists all"))
    return table


def finals_table(finals: pd.DataFrame, values: pd.DataFrame) -> Table:
    """Lay out the finals, the lowest fd first: fresh seeds, references beside the finalists.

    Args:
        finals: as `ganetic.evolution.results.Run.finals` gives them.
        values: as its `final_values` does.
    """
    names = finals[finals["reference"].astype(bool)]["contestant"].tolist()
    reference = default_reference(names) if names else None
    found = {ratio.first: ratio for ratio in final_ratios(values, reference)} if reference else {}
    numbers = (
        "loss",
        *_rates_heads(finals),
        "fd",
        *((f"/ {reference} (95 %)",) if reference else ()),
        "instability",
        "failed",
    )
    table = _table("Finals on fresh seeds", numbers)
    for row in finals.sort_values("fd", na_position="last").to_dict("records"):
        label, style = row["name"] or f"#{row['individual']}", "dim" if row["reference"] else ""
        said = ["1" if row["contestant"] == reference else _with_interval(found.get(row["contestant"]))]
        table.add_row(
            label,
            *_rates_cells(row),
            number(row["fd"]),
            *(said if reference else ()),
            number(row["instability"], 2),
            f"{row['failed']}/{row['trainings']}",
            Text(row["readable"], style=style),
        )
    return table


def _rates_heads(table: pd.DataFrame) -> tuple[str, ...]:
    return ("rate, β₁",) if "learning_rate" in table else ()


def _rates_cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    return (f"{row['learning_rate']:g}, {row['beta1']:g}",) if "learning_rate" in row else ()


def final_ratios(values: pd.DataFrame, reference: str) -> list[Ratio]:
    """Every contestant of the finals against one of them, seed by seed; over several proxies by the mean of ln fd.

    A seed on which a training failed on any proxy is one that failed.

    Args:
        values: columns ``contestant``, ``seed``, ``failed``, ``fd``; a row for each proxy.
        reference: a contestant.
    """
    trainings = values.assign(log=np.log(values["fd"])).groupby(["seed", "contestant"])
    seeds = trainings.agg(log=("log", "mean"), failed=("failed", "any"), proxies=("log", "size"))
    whole = seeds[seeds["proxies"] == seeds["proxies"].max()]  # a seed counts once it has ended on every proxy
    table, failed = np.exp(whole["log"]).unstack("contestant"), whole["failed"].unstack("contestant")
    pairs = [Pair(name, reference) for name in table.columns if name != reference]
    return ratios({"": table}, pairs, {"": failed})


def verdict(run: Run, card: LossCard) -> Text:
    """Say in a sentence or two how a loss did in the finals, beside the best reference where there are any."""
    finals = run.finals()
    mine = finals[finals["individual"] == card.provenance.individual].to_dict("records")
    references = finals[finals["reference"].astype(bool)].sort_values("fd").to_dict("records")
    if not mine:
        return Text(f"The pick is #{card.provenance.individual}; it was in no finals.")
    ours = mine[0]
    at = f" at learning rate {ours['learning_rate']:g}, β₁ {ours['beta1']:g}" if "learning_rate" in ours else ""
    pick = (
        f"The pick is #{ours['individual']}{at}: fd {number(ours['fd'])}, instability {number(ours['instability'], 2)}"
    )
    if not references:
        return Text(f"{pick}.{_resemblance(card)}")
    best = references[0]
    found = {ratio.first: ratio for ratio in final_ratios(run.final_values(), best["contestant"])}
    paired = found.get(ours["contestant"])
    return Text(
        f"{pick}; the best published loss, {best['name']}: fd {number(best['fd'])}, "
        f"instability {number(best['instability'], 2)}.{_paired(paired)}{_resemblance(card)}"
    )


def _paired(ratio: Ratio | None) -> str:
    # What was chosen for its numbers looks better in them than it is.
    return f" Seed by seed: {measured(ratio)}; the seeds that chose it flatter it." if ratio else ""


def _with_interval(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    ends = f" ({number(ratio.low, 2)}-{number(ratio.high, 2)})" if math.isfinite(ratio.low) else ""
    return f"{number(ratio.ratio, 2)}{ends}"


def _resemblance(card: LossCard) -> str:
    name = published_name(card.formula)
    return f" Its gradients are those of {name}: the search found it again." if name else ""


def next_steps(run: Run, best: Path | None) -> Text:
    """Name the commands that go on from here, with this run's paths."""
    directory = run.directory
    if best is None:
        more = ("--max-trials", 2 * run.asked) if run.status == "finished" else ()
        go_on = (typed("ganetic", "resume", directory, *more), "go on where it stopped")
        steps = [
            *([go_on] if run.stop_reason != EXHAUSTED else ()),
            (typed("ganetic", "show", directory), "look again"),
            (typed("ganetic", "plot", directory, "--kind", "progress"), "see how it went"),
        ]
    else:
        steps = [
            (typed("ganetic", "plot", directory, "--kind", "samples"), "images made with the winner"),
            (typed("ganetic", "export", "stable.json", "--run", directory, "--pick", "stability"), "another pick"),
            (typed("ganetic", "confirm", directory), "what may be claimed: the winner on seeds that chose nothing"),
        ]
    return Text("What next:\n" + "\n".join(f"  {command}\n      {purpose}" for command, purpose in steps))


def losses_record() -> list[Record]:
    """Say all that the library knows."""
    return [_loss_record(loss) for loss in LIBRARY.values()]


def losses_table() -> Table:
    """Lay the library out: formulas slot by slot, what they are, and where they come from."""
    table = Table(box=None, show_header=False, pad_edge=False, expand=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(ratio=1, overflow="fold")
    for loss in LIBRARY.values():
        about = Text(loss.formula.readable.replace("; ", "\n"))
        about.append(f"\n{loss.summary}\n{loss.source.paper}, {loss.source.place}\n{loss.source.url}\n", style="dim")
        table.add_row(loss.name, about)
    return table


def score_record(score: "Score") -> Record:
    """Say all that a score knows."""
    return {
        "name": score.name,
        "readable": score.readable,
        "metric": score.metric,
        "floor_fd": score.floor_fd,
        "steps": score.steps,
        "fd": _finite(score.fitness.fd),
        "fd_low": _finite(score.fd_low),
        "fd_high": _finite(score.fd_high),
        "instability": _finite(score.fitness.instability),
        "failed": score.fitness.failed,
        "seeds": records(score.seeds),
    }


def score_page(score: "Score") -> RenderableType:
    """Lay out a row a seed, and what they say together beside the floor."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("seed", "fd", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for row in score.seeds.to_dict("records"):
        state = f"{row['state']}: {row['reason']}" if row["reason"] else row["state"]
        table.add_row(str(row["seed"]), number(row["fd"]), number(row["seconds"]), state.replace("_", " "))
    interval = f", 95 % interval {number(score.fd_low)}-{number(score.fd_high)}" if len(score.seeds) > 1 else ""
    summary = (
        f"{score.metric}: {number(score.fitness.fd)}{interval} (real against real: {number(score.floor_fd)})\n"
        f"instability {number(score.fitness.instability, 2)}; "
        f"{score.fitness.failed} of {len(score.seeds)} seeds failed; {score.steps} steps each"
    )
    return Group(Text(f"{score.name}: {score.readable}"), table, Text(summary))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def number(value: float, digits: int = 1) -> str:
    """Write a number, or a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def write_loss(card: LossCard, path: Path) -> list[Path]:
    """Write a card, and beside it a stand-alone torch module and a formula.

    Returns:
        The three files, the card first.

    Raises:
        UserError: the name does not end in ``.json``, or the place cannot be written.
    """
    if path.suffix != ".json":
        raise UserError(f"{path}: a loss card is written to a file that ends in .json; .py and .tex go beside it")
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist")
    from ganetic.loss.export import latex, python_module  # noqa: PLC0415 - to show a run must not wait for torch

    texts = {path: card_text(card), path.with_suffix(".py"): python_module(card), path.with_suffix(".tex"): latex(card)}
    with ExitStack() as stack:  # all of them, or none
        for file, text in texts.items():
            stack.enter_context(whole(file)).write_text(text, encoding="utf-8")
    return [*texts]


def print_text(console: Console, part: RenderableType) -> None:
    """Print without markup, so that no formula or path is taken for style."""
    console.print(part, markup=False, highlight=False)


def _table(title: str, numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, expand=True, header_style="dim")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("formula", ratio=1, no_wrap=True, overflow="ellipsis")
    return table


def _loss_record(loss: LibraryLoss) -> Record:
    return {
        "name": loss.name,
        "form": loss.formula.form,
        "expressions": dict(loss.formula.expressions),
        "infix": dict(loss.formula.infix),
        "summary": loss.summary,
        "paper": loss.source.paper,
        "place": loss.source.place,
        "url": loss.source.url,
        "deviation": loss.deviation,
        "fails_screen": None if loss.exempt is None else str(loss.exempt),
        "reference_only": loss.reference_only,
    }
