"""A calibration: as a page for people, as plain data for programs."""

import math
from collections import Counter
from collections.abc import Sequence

from ganetic.evolution.calibration import RANKING_CORRELATION, Calibration, PruningThreshold, Reading
from ganetic.evolution.calibration_store import Kept
from ganetic.report.cells import decimal, decimal2, share
from ganetic.report.renderers.json import Record, finite
from ganetic.report.table import Column, Page, Paragraph, Row, Table
from ganetic.training.spec import ProxySpec

PAIRS = (3, 5, 10, 20, 25)
"""Seeds of a comparison whose smallest detectable ratio is named."""

_LEGEND = """\
seeds: sd of ln fd between the seeds of a loss; noise: the part of it that equal
seeds do not take out; signal: sd between the means of losses; s/n: signal over
noise, with its 90 % interval; speed: (s/n)² a minute of training; rank: rank
correlation with the last step; 1:1: the same of one seed with another one;
worst: highest fd / fd at start in the better half of the viable losses; kill:
a rule above it, and how many of the failed trainings it stops"""


def calibration_page(kept: Kept, measured: Sequence[int]) -> Page:
    """Say what a calibration found, and what follows from it.

    Args:
        kept: the calibration and its place.
        measured: steps at which trials of the space's first rung are measured; the last ends them.
    """
    calibration = kept.calibration
    follows = (
        *_noisiest(calibration),
        *_rules(calibration, measured),
        _ranking(calibration, measured[-1]),
        _detectable(calibration),
    )
    return Page(
        (
            Paragraph(tuple(_head(calibration))),
            _checkpoints(calibration),
            Paragraph(follows),
            Paragraph((str(kept.place or "not kept"),)),
        )
    )


def calibration_record(kept: Kept, measured: Sequence[int]) -> Record:
    """Say all that follows from a calibration; see `calibration_page` for the arguments."""
    calibration = kept.calibration
    conditions = calibration.conditions
    return {
        "file": None if kept.place is None else str(kept.place),
        "metric": conditions.metric,
        "data": conditions.data,
        "proxy": conditions.proxy.model_dump(mode="json"),
        "steps": conditions.steps,
        "seeds": list(calibration.seeds),
        "start_fd": calibration.start_fd,
        "floor_fd": calibration.floor_fd,
        "seconds": finite(calibration.seconds),
        "viable": list(calibration.viable),
        "failures": calibration.failures,
        "checkpoints": [_reading_record(calibration, reading) for reading in calibration.readings],
        "without_noisiest": _noisiest_record(calibration),
        "kill": [_threshold_record(threshold) for threshold in calibration.kill_thresholds(measured)],
        "first_rung": measured[-1],
        "first_ranking_step": calibration.first_ranking_step,
        "detectable_ratios": {str(pairs): finite(calibration.detectable_ratio(pairs)) for pairs in PAIRS},
    }


def proxy_line(proxy: ProxySpec) -> str:
    """Name the settings of a proxy that are chosen for it."""
    norm = "batch norm" if proxy.batch_norm else "no batch norm"
    parts = [f"width {proxy.width}, batch {proxy.batch}, learning rate {proxy.learning_rate:g}, {norm}"]
    parts += [] if proxy.upsampling == "transposed" else ["enlarged by interpolation"]
    parts += [] if proxy.augmentation == "none" else [f"augmentation {proxy.augmentation}"]
    parts += [f"average {proxy.ema_decay:g}"] if proxy.ema_decay else []
    return ", ".join(parts)


def _head(calibration: Calibration) -> list[str]:
    conditions, seeds = calibration.conditions, len(calibration.seeds)
    trained = (
        f"{len(calibration.viable)} of {len(conditions.losses)} losses viable; {seeds} seed{'s' * (seeds > 1)} each"
    )
    failed = [(loss, count) for loss, count in calibration.failures.items() if count]
    return [
        f"{conditions.metric} on {conditions.data}",
        f"proxy: {proxy_line(conditions.proxy)}; {conditions.steps} steps, {decimal(calibration.seconds)} s",
        f"untrained generator {decimal(calibration.start_fd)}, real images against real ones "
        f"{decimal2(calibration.floor_fd)}",
        f"{trained}; {'failed:' if failed else 'none failed'}",
        *(f"  {loss}: {count} of {seeds} ({_reasons(calibration, loss)})" for loss, count in failed),
    ]


def _reasons(calibration: Calibration, loss: str) -> str:
    ended = [one for one in calibration.trainings if one.loss == loss and not one.completed]
    return ", ".join(sorted(Counter((one.reason or str(one.state)).replace("_", " ") for one in ended)))


def _interval(low: float, high: float) -> str:
    return f"{decimal(low)}-{decimal(high)}" if math.isfinite(high) else "-"


_CHECKPOINTS = (
    Column("step", ("step",)),
    Column("seeds", ("seed_sd",), decimal2),
    Column("noise", ("noise_sd",), decimal2),
    Column("signal", ("signal_sd",), decimal2),
    Column("s/n", ("signal_to_noise",), decimal2),
    Column("90 %", ("low", "high"), _interval),
    Column("speed", ("per_minute",), decimal),
    Column("rank", ("correlation",), decimal2),
    Column("1:1", ("reliability",), decimal2),
    Column("worst", ("worst",), lambda worst: "-" if worst is None else f"{worst:.2f}"),
    Column("kill", ("above",), lambda above: "-" if above is None else f"{above:.3g}"),
    Column("of", ("caught", "failed"), lambda caught, failed: "-" if caught is None else share(caught, failed)),
)


def _checkpoints(calibration: Calibration) -> Table:
    rows = tuple(_checkpoint(reading, calibration.threshold(reading.step)) for reading in calibration.readings)
    return Table(_CHECKPOINTS, rows, legend=_LEGEND, compact=True)


def _checkpoint(reading: Reading, threshold: PruningThreshold | None) -> Row:
    spread = reading.spread
    low, high = spread.interval
    return {
        "step": reading.step,
        "seed_sd": spread.seed_sd,
        "noise_sd": spread.noise_sd,
        "signal_sd": spread.signal_sd,
        "signal_to_noise": spread.signal_to_noise,
        "low": low,
        "high": high,
        "per_minute": reading.per_minute,
        "correlation": reading.correlation,
        "reliability": reading.reliability,
        "worst": threshold and threshold.worst,
        "above": threshold and threshold.rule.above,
        "caught": threshold and threshold.caught,
        "failed": threshold and threshold.failed,
    }


def _noisiest(calibration: Calibration) -> list[str]:
    loss = calibration.noisiest
    if loss is None:
        return []
    left = calibration.spread_without(loss)
    low, high = left.interval
    return [
        f"Without {loss}, the noisiest, at step {calibration.conditions.steps}: noise {decimal2(left.noise_sd)},",
        f"  s/n {decimal2(left.signal_to_noise)} ({decimal(low)}-{decimal(high)}), "
        f"speed {decimal(left.per_minute(calibration.seconds))}",
    ]


def _rules(calibration: Calibration, measured: Sequence[int]) -> list[str]:
    thresholds, first_rung = calibration.kill_thresholds(measured), measured[-1]
    if not thresholds:
        why = "the better half leaves no margin" if calibration.viable else "no loss is viable"
        return [f"Kill: no rule, for a first rung of {first_rung} steps: {why}"]
    return [f"Kill, for a first rung of {first_rung} steps (no training of the better half is touched):"] + [
        f"  at step {one.rule.step} above {one.rule.above:g} of the start (worst {one.worst:.3f}): "
        f"{one.caught} of {one.failed} failures, {one.slow} slow"
        for one in thresholds
    ]


def _ranking(calibration: Calibration, first_rung: int) -> str:
    first = calibration.first_ranking_step
    if first is None:
        return "Rank: too few viable losses to say"
    if first_rung >= calibration.conditions.steps:
        return f"Rank: not known, these trainings are no longer than a first rung of {first_rung} steps"
    verdict = "may rank" if first <= first_rung else "ranks too early"
    return (
        f"Rank: from step {first} on (rank correlation {RANKING_CORRELATION:g} with step "
        f"{calibration.conditions.steps});\n  a first rung of {first_rung} {verdict}"
    )


def _detectable(calibration: Calibration) -> str:
    ratios = ", ".join(f"{_ratio(calibration.detectable_ratio(pairs))} with {pairs}" for pairs in PAIRS)
    return (
        f"Smallest ratio of fd at step {calibration.conditions.steps} that paired seeds detect\n"
        f"(80 % power, 5 %, noise of the better half):\n  {ratios}"
    )


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 100 else "over 100" if math.isfinite(ratio) else "-"


def _reading_record(calibration: Calibration, reading: Reading) -> Record:
    threshold, spread = calibration.threshold(reading.step), reading.spread
    return {
        "step": reading.step,
        "seed_sd": finite(spread.seed_sd),
        "noise_sd": finite(spread.noise_sd),
        "signal_sd": finite(spread.signal_sd),
        "signal_to_noise": finite(spread.signal_to_noise),
        "interval": [finite(end) for end in spread.interval],
        "per_minute": finite(reading.per_minute),
        "correlation": finite(reading.correlation),
        "reliability": finite(reading.reliability),
        "kill": None if threshold is None else _threshold_record(threshold),
    }


def _threshold_record(threshold: PruningThreshold) -> Record:
    return {
        "step": threshold.rule.step,
        "above": threshold.rule.above,
        "worst_leading": threshold.worst,
        "slow": threshold.slow,
        "caught": threshold.caught,
        "failed": threshold.failed,
    }


def _noisiest_record(calibration: Calibration) -> Record | None:
    loss = calibration.noisiest
    if loss is None:
        return None
    left = calibration.spread_without(loss)
    return {
        "loss": loss,
        "noise_sd": finite(left.noise_sd),
        "signal_sd": finite(left.signal_sd),
        "signal_to_noise": finite(left.signal_to_noise),
        "interval": [finite(end) for end in left.interval],
        "per_minute": finite(left.per_minute(calibration.seconds)),
    }
