"""How many times as large the fd of one loss is as that of another on the same seeds, and what may be said of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ganetic.jobs.statistics import Verdict, family, paired_difference
from ganetic.studies.settings import Pair

WORDS = {Verdict.LOWER: "better", Verdict.HIGHER: "worse", Verdict.NOT_SHOWN: "no difference shown"}
"""Of fd less is better."""

_MOST_LOG = 700.0
"""exp of more is no finite number."""


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
        verdict: ``better``, ``worse`` or ``no difference shown``, by the adjusted p at 5 %.
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
    places, differences, troubles = [], [], []
    for proxy, table in tables.items():
        for pair in pairs:
            if not {pair.first, pair.second} <= set(table.columns):
                continue
            both = table[[pair.first, pair.second]].dropna()
            if len(both):
                places.append((proxy, *pair))
                logs = np.log(both)
                differences.append(paired_difference(logs[pair.first], logs[pair.second]))
                trouble = pd.Series(data=False, index=both.index)
                if failed is not None:
                    trouble = failed[proxy].loc[both.index, list(pair)].eq(other=True).any(axis=1)
                trained = (logs[pair.first] - logs[pair.second])[~trouble].mean()
                troubles.append((int(trouble.sum()), _exp(trained)))
    # A failure that counts as untrained lies far outside any normal distribution: then ranks alone are to be trusted.
    deciding = [
        difference.wilcoxon_p if failed_pairs else difference.t_p
        for difference, (failed_pairs, _) in zip(differences, troubles, strict=True)
    ]
    found = [
        Ratio(
            *place,
            pairs=finding.difference.pairs,
            ratio=_exp(finding.difference.mean),
            low=_exp(finding.difference.low),
            high=_exp(finding.difference.high),
            t_p=finding.difference.t_p,
            wilcoxon_p=finding.difference.wilcoxon_p,
            holm_p=finding.holm_p,
            verdict=WORDS[finding.verdict],
            detectable=math.nan if failed_pairs else _exp(-finding.difference.detectable),
            failed_pairs=failed_pairs,
            trained=trained,
        )
        for place, finding, (failed_pairs, trained) in zip(places, family(differences, deciding), troubles, strict=True)
    ]
    order = {proxy: place for place, proxy in enumerate(tables)}
    return sorted(found, key=lambda one: (order[one.proxy], one.ratio))


def default_reference(names: Sequence[str]) -> str:
    """With what losses are compared unless somebody says: bce, or else the first."""
    return "bce" if "bce" in names else names[0]


def _exp(value: float) -> float:
    return math.exp(max(-_MOST_LOG, min(_MOST_LOG, value))) if math.isfinite(value) else math.nan
