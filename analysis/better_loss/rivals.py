"""Relativistic hinge with the margin beside the other published losses, on sets that had no say in the margin."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.better_loss.margin import ALONE_LEARNING_RATES, ALONE_SEEDS, PAIR_ARMS, alone_in
from analysis.better_loss.plan import COLOUR, RATES, RELATIVISTIC_HINGE, RIVALS, compared, data_set, ended
from ganetic.studies.compare import Comparison
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, ratios
from ganetic.training.rates import RateList

OTHERS = tuple(loss for loss in RIVALS if loss != RELATIVISTIC_HINGE)
ON_SETS = {COLOUR: OTHERS, "histology": ("bce", "hinge"), "mnist5k": OTHERS}
"""The sets, in this order, and who is trained there; a training on histology takes twice as long as on the others."""


def rivals(folder: Path, workers: int | None) -> None:
    """Train the other published losses at their own rates on the seeds on which relativistic hinge met the margin."""
    rates = RateList(learning_rates=ALONE_LEARNING_RATES, beta1s=RATES.beta1s)
    for name, losses in ON_SETS.items():
        compared(losses, data_set(name), rivals_in(folder, name), ALONE_SEEDS, workers, rates=rates)


def rivals_in(folder: Path, name: str) -> Path:
    """Where the other published losses are trained on a set."""
    return folder / f"{name}-margin-rivals"


def rivals_table(folder: Path) -> Iterator[str]:
    """Yield how the margin does beside the other published losses, a line each, and all as one family of Holm's."""
    names = [name for name in ON_SETS if rivals_in(folder, name).is_dir()]
    if not names:
        return
    yield "the margin beside other published losses"
    tables, failed = {}, {}
    for name in names:
        others = ended(rivals_in(folder, name))
        for row in others.summary().to_dict("records"):
            rates = f"{row['learning_rate']:g}, {row['beta1']:g}"
            fd = f"fd {row['geometric_mean']:.1f}, failed {row['failed']}"
            yield f"  {name:10} {row['loss']:10} rates {rates:10} {fd}"
        with_margin = ended(alone_in(folder, name))
        own = _counted(with_margin).replace({"loss": {with_margin.settings.names[1]: PAIR_ARMS[1]}})
        both = pd.concat([own[own["loss"] == PAIR_ARMS[1]], _counted(others)])
        tables[name], failed[name] = (
            both.pivot(index="seed", columns="loss", values=values).reindex(columns=[PAIR_ARMS[1], *OTHERS])
            for values in ("counted_fd", "untrained")
        )
    for found in ratios(tables, [Pair(PAIR_ARMS[1], rival) for rival in OTHERS], failed):
        ends = f"{found.ratio:.3f} {interval(found.low, found.high)}, Holm p {p_value(found.holm_p)}"
        yield f"  {found.proxy:10} over {found.second}: {ends}"


def _counted(comparison: Comparison) -> pd.DataFrame:
    """The trainings of a comparison, a row each, and which of them count as untrained."""
    runs = comparison.runs()
    return runs.assign(untrained=runs["state"] != "completed")
