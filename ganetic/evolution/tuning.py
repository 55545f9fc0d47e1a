"""With which rates each contestant of the finals is best, told from trainings on seeds that choose nothing else."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from statistics import fmean

from ganetic.evolution.finals import FinalTrial
from ganetic.evolution.individual import Scales
from ganetic.evolution.space import Genes
from ganetic.metrics.fitness import SeedTrace
from ganetic.training.rates import RateList, Rates

Distances = Mapping[str, Mapping[Rates, Sequence[float]]]
"""For each contestant, at each of the rates, the Fréchet distance on each seed."""


def distances(
    names: Iterable[str], seeds: int, scales: Scales, trials: Iterable[tuple[FinalTrial, SeedTrace]]
) -> Distances:
    """What was measured at the rates at which all trainings of a contestant have ended.

    Args:
        names: of the contestants.
        seeds: trainings of each at each of the rates, on every proxy.
        scales: of the proxies; over several, a seed's distance is the geometric mean.
        trials: those that have ended; a failed one counts as the untrained generator.
    """
    values: dict[tuple[str, Rates], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for about, trace in trials:
        assert about.rates is not None
        fd = scales[about.proxy].start_fd if trace.failed else trace.points[-1][1]
        values[about.contestant, about.rates][about.seed].append(math.log(fd))
    found: dict[str, dict[Rates, Sequence[float]]] = {name: {} for name in names}
    for (name, rates), by_seed in values.items():
        whole = [math.exp(fmean(own)) for _, own in sorted(by_seed.items()) if len(own) == len(scales)]
        if len(whole) == seeds and name in found:
            found[name][rates] = whole
    return found


def planned(stop: int, names: Sequence[str], rates: RateList, genes: Genes, proxies: int) -> list[FinalTrial]:
    """All trainings that choose among the rates of a list: every contestant on one seed before the next seed."""
    return [
        FinalTrial(stop=stop, contestant=name, seed=seed, proxy=proxy, rates=pair)
        for seed, pair, name, proxy in product(range(genes.tuning_seeds), rates.pairs, names, range(proxies))
    ]


def said_of(given: RateList, found: RateList, best: Mapping[str, Rates]) -> list[str]:
    """What people should know of a list of rates: that it was extended, and who is still best at its end."""
    lines = []
    if new := sorted(set(found.learning_rates) - set(given.learning_rates)):
        more = ", ".join(f"{rate:g}" for rate in new)
        lines.append(f"best learning rates lay at the end of the list, which was extended by {more}")
    ends = (found.learning_rates[0], found.learning_rates[-1]) if len(found.learning_rates) > 1 else ()
    if late := [name for name, rates in best.items() if rates.learning_rate in ends]:
        lines.append(f"the best learning rate of {', '.join(late)} lies at the end of the list even so")
    return lines
