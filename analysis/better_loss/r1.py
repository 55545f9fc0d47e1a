"""The winner of a set beside rivals, all with R1."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.better_loss.confirmation import winner
from analysis.better_loss.plan import RELATIVISTIC_HINGE, SETS, Seeds, compared, data_set, ended
from ganetic.studies.compare import Comparison
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, ratios

R1_SEEDS = Seeds(7601, 12, 2)
R1_WEIGHTS = (0.1, 1.0, 10.0)
R1_LOWER = 0.03
"""Added for all losses of a set where the lowest of the weights is best for one of them."""
R1_RIVALS = ("bce", RELATIVISTIC_HINGE)


def penalised(name: str, folder: Path, workers: int | None) -> None:
    """Compare the winner of a set with BCE and relativistic hinge, all with R1, at each of the weights."""
    losses = [str(winner(name, folder)), *R1_RIVALS]

    def at(weight: float) -> Comparison:
        return compared(losses, data_set(name), folder / f"{name}-r1-{weight:g}", R1_SEEDS, workers, r1=weight)

    made = {weight: at(weight) for weight in R1_WEIGHTS}
    if min(R1_WEIGHTS) in best_weights(made).values():
        at(R1_LOWER)


def best_weights(made: dict[float, Comparison]) -> dict[str, float]:
    """The weight of R1 at which each loss has its lowest fd on the tuning seeds."""
    losses = next(iter(made.values())).settings.names
    return {loss: min(made, key=lambda weight: tuned_fd(made[weight], loss)) for loss in losses}


def penalised_tables(folder: Path) -> Iterator[str]:
    """Yield the losses with R1, each at the weight and the rates that the tuning seeds choose, a line each."""
    for name in SETS:
        directories = {weight: folder / f"{name}-r1-{weight:g}" for weight in (R1_LOWER, *R1_WEIGHTS)}
        if not all(directories[weight].is_dir() for weight in R1_WEIGHTS):
            continue
        opened = {weight: ended(directory) for weight, directory in directories.items() if directory.is_dir()}
        losses = next(iter(opened.values())).settings.names
        chosen = best_weights(opened)
        runs = {loss: opened[weight].runs() for loss, weight in chosen.items()}
        runs = {loss: own[own["loss"] == loss] for loss, own in runs.items()}
        table = pd.DataFrame({loss: own.set_index("seed")["counted_fd"] for loss, own in runs.items()})
        failed = pd.DataFrame({loss: own.set_index("seed")["state"] != "completed" for loss, own in runs.items()})
        yield f"{name}, with R1"
        for loss, weight in chosen.items():
            own = opened[weight].summary().set_index("loss").loc[loss]
            rates = f"{own['learning_rate']:g}, {own['beta1']:g}"
            found = f"fd {own['geometric_mean']:.0f}, failed {own['failed']}"
            yield f"  {loss:20} weight {weight:4g}  rates {rates:10} {found}"
        for one in ratios({name: table}, [Pair(losses[0], rival) for rival in R1_RIVALS], {name: failed}):
            yield f"  over {one.second:15} {one.ratio:6.3f} {interval(one.low, one.high)}, Holm p {p_value(one.holm_p)}"


def tuned_fd(comparison: Comparison, loss: str) -> float:
    """The lowest fd of a loss over its rates on the tuning seeds."""
    tuning = comparison.tuning()
    return float(tuning[tuning["loss"] == loss]["geometric_mean"].min())
