"""Numbers and findings in words that say no more than was measured."""

import math
from collections.abc import Sequence

from ganetic.studies.ratios import Ratio
from ganetic.training.rates import RateList


def number(value: float) -> str:
    """Write a positive number with three digits or more, or a dash where there is none."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.0f}" if value >= 999.5 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def ratio_number(value: float) -> str:
    """Write a ratio, with three decimals where it is near 1, or a dash where there is none."""
    return f"{value:.3f}" if value < 9.9995 else number(value)  # NaN is below nothing


def interval(low: float, high: float) -> str:
    """Write an interval of ratios, or a dash where there is none."""
    return f"{ratio_number(low)}-{ratio_number(high)}" if math.isfinite(low) else "-"


def p_value(value: float) -> str:
    """Write a p value."""
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def listed(names: Sequence[str]) -> str:
    """Write names as ``bce``, ``bce and lsgan``, ``bce, hinge and lsgan``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(count: int, name: str) -> str:
    """Write ``1 loss``, ``2 losses``, ``3 seeds``."""
    several = "es" if name.endswith("s") else "s"
    return f"{count} {name}{'' if count == 1 else several}"


def rates_listed(rates: RateList) -> str:
    """Write a list as ``learning rates 0.001 and 0.002, β₁ 0.5``."""
    several = "s" if len(rates.learning_rates) > 1 else ""
    learning_rates, beta1s = (listed([f"{one:g}" for one in ones]) for ones in (rates.learning_rates, rates.beta1s))
    return f"learning rate{several} {learning_rates}, β₁ {beta1s}"


def measured(ratio: Ratio) -> str:
    """Say what came out for two losses: ``fd 0.871 times bce's (95 % interval 0.793-0.957, 20 pairs)``."""
    where = f" on {ratio.proxy}" if ratio.proxy else ""
    pairs = f"{ratio.pairs} pair{'' if ratio.pairs == 1 else 's'}"
    if not math.isfinite(ratio.low):
        return f"fd {ratio_number(ratio.ratio)} times {ratio.second}'s{where} ({pairs}: no interval)"
    said = interval(ratio.low, ratio.high)
    trouble = ""
    if ratio.failed_pairs:
        rest = f"; {ratio_number(ratio.trained)} over the others" if math.isfinite(ratio.trained) else ""
        trouble = f", {ratio.failed_pairs} with a failed training, which counts as untrained{rest}"
    return f"fd {ratio_number(ratio.ratio)} times {ratio.second}'s{where} (95 % interval {said}, {pairs}{trouble})"


def claim(ratio: Ratio) -> str:
    """Say what may be said of two losses, with the smallest difference that would have been found where none was."""
    test = f"{measured(ratio)}, Holm p {p_value(ratio.holm_p)}"
    if ratio.verdict != "no difference shown":
        return f"{ratio.verdict} than {ratio.second}: {test}"
    if not math.isfinite(ratio.detectable):
        return f"no difference from {ratio.second} shown: {test}"
    return (
        f"no difference from {ratio.second} shown: {test}; a true ratio of {ratio_number(ratio.detectable)} or its "
        "inverse would have been found in 80 % of such studies, one test at 5 %"
    )
