"""How many times as large the fd of one loss is as that of another on the same seeds, and what may be said of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ganetic.stats import Difference, Finding, Verdict, family, paired_difference

WORDS = {Verdict.LOWER: "better", Verdict.HIGHER: "worse", Verdict.NOT_SHOWN: "no difference shown"}
"""What verdicts on ratios of fd are called, where less is better."""

_MOST_LOG = 700.0
"""exp of more is no finite number."""


class Pair(NamedTuple):
    """Two losses, by name, of which the first is compared with the second."""

    first: str
    second: str


@dataclass(frozen=True)
class Ratio:
    """Two losses on the same seeds, compared by ln fd.

    Attributes:
        proxy: where; empty where it is clear.
        first: the loss that is compared …
        second: … with this one.
        pairs: seeds that both have trained on.
        ratio: geometric mean of first's fd over second's; below 1 the first is better.
        low: end of the ratio's 95 % interval (of the paired t test); NaN of a single pair.
        high: the other end.
        t_p: of the paired t test.
        wilcoxon_p: of Wilcoxon's signed-rank test, which cannot go below 2^(1 - pairs).
        holm_p: the t test's p, or Wilcoxon's where a training failed, adjusted for all comparisons made together.
        verdict: ``better``, ``worse`` or ``no difference shown``, by the adjusted p at 5 %; none is shown where
            mean and ranks of the differences point to different sides, as they may where a training failed.
        detectable: a true ratio as far from 1 as this one (or its inverse) is found by a t test at 5 % in 80 % of
            studies with as many pairs and as much noise; 1 or less. NaN of a single pair, and where a training failed:
            the bound is for normal differences, and a failure that counts as untrained is far outside.
        failed_pairs: pairs in which a training failed.
        trained: the same ratio over the other pairs, in which both trained; NaN without any.
    """

    proxy: str
    first: str
    second: str
    pairs: int
    ratio: float
    low: float
    high: float
    t_p: float
    wilcoxon_p: float
    holm_p: float
    verdict: str
    detectable: float
    failed_pairs: int
    trained: float


def ratios(
    tables: Mapping[str, pd.DataFrame], pairs: Sequence[Pair], failed: Mapping[str, pd.DataFrame] | None = None
) -> list[Ratio]:
    """Compare losses pair by pair, all as one family; in order of the tables, and by rising ratio in each.

    Args:
        tables: by proxy, fd with a row a seed and a column a loss; NaN where a training has not ended. A training that
            failed has the untrained generator's fd.
        pairs: which losses; a pair without a common seed is left out.
        failed: by proxy, which of these trainings failed, with the same rows and columns; None where nobody knows.
    """
    found = [
        pairing
        for proxy, table in tables.items()
        for pairing in _pairings(proxy, table, None if failed is None else failed[proxy], pairs)
    ]
    differences = [pairing.difference for pairing in found]
    # A failure that counts as untrained lies far outside any normal distribution: then ranks alone are to be trusted.
    deciding = [pairing.difference.wilcoxon_p if pairing.failed_pairs else pairing.difference.t_p for pairing in found]
    judged = [_ratio(pairing, finding) for pairing, finding in zip(found, family(differences, deciding), strict=True)]
    order = {proxy: place for place, proxy in enumerate(tables)}
    return sorted(judged, key=lambda one: (order[one.proxy], one.ratio))


def default_reference(names: Sequence[str]) -> str:
    """Name what losses are compared with unless somebody says: bce, or else the first."""
    return "bce" if "bce" in names else names[0]


class _Pairing(NamedTuple):
    """Two losses of a proxy and what their common seeds say, before others are looked at."""

    proxy: str
    pair: Pair
    difference: Difference
    failed_pairs: int
    trained: float


def _pairings(
    proxy: str, table: pd.DataFrame, failed: pd.DataFrame | None, pairs: Sequence[Pair]
) -> Iterator[_Pairing]:
    """The pairs that have a seed in common."""
    logs = {name: np.log(table[name].to_numpy(dtype=np.float64)) for name in table}
    nobody = np.zeros(len(table), dtype=np.bool_)
    troubled = {name: nobody if failed is None else failed[name].eq(other=True).to_numpy() for name in table}
    for pair in pairs:
        if not {pair.first, pair.second} <= set(logs):
            continue
        first, second = logs[pair.first], logs[pair.second]
        common = np.isfinite(first) & np.isfinite(second)
        if common.any():
            trouble = (troubled[pair.first] | troubled[pair.second])[common]
            trained = (first - second)[common][~trouble]
            mean = float(trained.mean()) if len(trained) else math.nan
            difference = paired_difference(first[common], second[common])
            yield _Pairing(proxy, pair, difference, int(trouble.sum()), _exp(mean))


def _ratio(pairing: _Pairing, finding: Finding) -> Ratio:
    difference = pairing.difference
    return Ratio(
        proxy=pairing.proxy,
        first=pairing.pair.first,
        second=pairing.pair.second,
        pairs=difference.pairs,
        ratio=_exp(difference.mean),
        low=_exp(difference.low),
        high=_exp(difference.high),
        t_p=difference.t_p,
        wilcoxon_p=difference.wilcoxon_p,
        holm_p=finding.holm_p,
        verdict=WORDS[finding.verdict],
        detectable=math.nan if pairing.failed_pairs else _exp(-difference.detectable),
        failed_pairs=pairing.failed_pairs,
        trained=pairing.trained,
    )


def _exp(value: float) -> float:
    return math.exp(max(-_MOST_LOG, min(_MOST_LOG, value))) if math.isfinite(value) else math.nan
