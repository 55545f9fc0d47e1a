"""What may be claimed of a loss that was trained on seeds that chose nothing, in words."""

from ganetic.studies.comparison import Comparison, LossSummary
from ganetic.studies.formatting import claim, listed, number


def claims(confirmation: Comparison) -> list[str]:
    """Say what may be claimed, a sentence a line: each comparison of fd, spread and instability, and their sum.

    Args:
        confirmation: of the loss that stands first in its settings, beside references.
    """
    settings, said = confirmation.settings, confirmation.ratios()
    seeds = f"{len(settings.seeds)} seeds" if len(settings.seeds) > 1 else "1 seed"
    lines = [f"{settings.names[0]} on {seeds} that chose nothing, {settings.steps} steps each:"]
    lines += [f"  {claim(ratio)}" for ratio in said]
    lines += [f"  {sentence}" for sentence in _spreads(confirmation)]
    better, worse, equal = (
        [ratio.second + (f" on {ratio.proxy}" if ratio.proxy else "") for ratio in said if ratio.verdict == verdict]
        for verdict in ("better", "worse", "no difference shown")
    )
    parts = [
        *([f"better than {listed(better)}"] if better else []),
        *([f"worse than {listed(worse)}"] if worse else []),
        *([f"not shown to differ from {listed(equal)}"] if equal else []),
    ]
    if parts:
        lines.append(f"May be claimed of {_protocol(confirmation)}, after these steps: {'; '.join(parts)}.")
    return lines


def _spreads(confirmation: Comparison) -> list[str]:
    """Worst over best and instability of every loss, the confirmed one first."""
    settings, sentences = confirmation.settings, []
    known = {(one.proxy, one.loss): one for one in confirmation.summaries()}
    for proxy in settings.proxies:
        where = f" on {proxy.name}" if settings.several_proxies else ""
        own = [known[proxy.name, name] for name in settings.names]
        sentences.append(f"worst/best over seeds{where}: {', '.join(map(_spread, own))}")
        unstable = ", ".join(f"{one.loss} {number(one.instability)}" for one in own)
        sentences.append(f"instability{where}: {unstable}")
    return sentences


def _spread(summary: LossSummary) -> str:
    failed = f" ({summary.failed} of {summary.trainings} failed)" if summary.failed else ""
    return f"{summary.loss} {number(summary.worst_over_best)}{failed}"


def _protocol(confirmation: Comparison) -> str:
    return listed([f"{measure.metric} and {measure.model}" for measure in confirmation.settings.measures])
