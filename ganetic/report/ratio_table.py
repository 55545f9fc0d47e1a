"""Ratios of fd as a table."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from ganetic.report.table import Column, Table
from ganetic.studies.formatting import interval, p_value, ratio_number
from ganetic.studies.ratios import Ratio

LOSS = Column("loss", ("loss",), align="left", fit="cut", widest=18)
ARM = Column("arm", ("proxy",), align="left", fit="cut", widest=18)
"""A configuration that is compared with others."""

_RATIOS = (
    Column("ratio", ("ratio",), ratio_number),
    Column("95 %\ninterval", ("low", "high"), interval),
    Column("t test\np", ("t_p",), p_value, spare=True),  # Holm's is the same p, adjusted
    Column("Wilcoxon\np", ("wilcoxon_p",), p_value),
    Column("Holm\np", ("holm_p",), p_value),
    Column("detects", ("detectable",), ratio_number),
    Column("verdict", ("verdict",), fit="wrap"),
)


def ratio_table(said: Sequence[Ratio], where: str, what: Column = LOSS) -> Table:
    """Lay out ratios that have one side in common.

    Args:
        said: the ratios, one or more.
        where: what stands behind the title, such as `` on cifar10``.
        what: the column of what is compared.
    """
    if len({ratio.second for ratio in said}) == 1:
        title, own = f"fd over that of {said[0].second}, seed by seed{where}", "first"
    else:
        title, own = f"fd of {said[0].first} over that of each, seed by seed{where}", "second"
    return Table((replace(what, keys=(own,)), *_RATIOS), tuple(map(asdict, said)), title, compact=True)
