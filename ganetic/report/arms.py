"""Configurations that are compared with one another: their tables at equal images and at equal seconds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ganetic.report.cells import decimal2, share
from ganetic.report.frames import table_of
from ganetic.report.ratio_table import ARM, LOSS, ratio_table
from ganetic.report.renderers.json import Record, records
from ganetic.report.table import Column, Table
from ganetic.studies.comparison import Comparison
from ganetic.studies.config import FullSetup
from ganetic.studies.equal_seconds import EqualSeconds, equal_seconds
from ganetic.studies.formatting import counted, listed, number
from ganetic.studies.ratios import Ratio

MOVED = 0.2
"""Above this p has moved: an arm counts as one with adaptive augmentation only there."""

_REAL = "real images"
_MEASURES = {
    "pretrained_fd": Column("fd in\nother net", ("pretrained_fd",), number),
    "pretrained_kd": Column("KD", ("pretrained_kd",), number),
    "recall": Column("recall", ("recall",), decimal2),
    "copies": Column("copies", ("copies",), decimal2),
    "nearer_in_features": Column("near-\ner", ("nearer_in_features",), decimal2),
    "auc": Column("AUC\nof D", ("auc",), decimal2),
}
"""Columns of what trainings ended with, by its name."""


def arm_head(comparison: Comparison) -> list[str]:
    """Say what was trained, how it was measured, and how far the comparison has come."""
    settings = comparison.settings
    losses, seeds = (counted(len(one), name) for one, name in ((settings.losses, "loss"), (settings.seeds, "seed")))
    lines = [f"{losses} in {len(settings.proxies)} configurations, {seeds}, on {settings.data}"]
    untrained = listed([f"{measure.proxy} {number(measure.start_fd)}" for measure in settings.measures])
    first = settings.measures[0]
    lines.append(f"{first.metric}: real against real {number(first.floor_fd)}; untrained {untrained}")
    if not comparison.finished:
        lines.append(f"{comparison.ended} of {comparison.total} trainings have ended")
    return lines


def arm_tables(comparison: Comparison) -> list[Table]:
    """Fd of each configuration after all steps, and after equally many seconds; then what else is known of each."""
    tables = [_summary_table(comparison), *_ratio_tables(comparison.ratios(), comparison, "")]
    if (equal := equal_seconds(comparison)) is not None:
        where = f" after about {number(equal.seconds)} seconds"
        tables.append(_seconds_table(comparison, equal, where))
        tables += _ratio_tables(comparison.ratios(at=equal.steps), comparison, where)
    if not comparison.measures().empty:
        tables.append(_ends_table(comparison))
    return tables


def arm_notes(comparison: Comparison) -> list[str]:
    """How to read the tables of configurations, and what they do not say."""
    return [*_on_images(comparison), *_on_seconds(comparison), *_on_measures(comparison), *_on_p(comparison)]


def arm_records(comparison: Comparison) -> Record:
    """Say what is known of configurations as plain data; nothing of other comparisons."""
    if not comparison.settings.has_arms:
        return {}
    equal = equal_seconds(comparison)
    return {
        "equal_seconds": None if equal is None else asdict(equal),
        "ratios": records(ratio_rows(comparison)),
        "measures": records(table_of(comparison.measures())),
        "strengths": records(table_of(comparison.strengths())),
    }


def ratio_rows(comparison: Comparison) -> Table:
    """Give a row a ratio, after all steps and after equally many seconds, as ``at`` says."""
    equal = equal_seconds(comparison)
    taken = [("steps", comparison.ratios())]
    if equal is not None:
        taken.append(("seconds", comparison.ratios(at=equal.steps)))
    return table_of(pd.DataFrame([{"at": at, **asdict(ratio)} for at, said in taken for ratio in said]))


def _summary_table(comparison: Comparison) -> Table:
    images = _images(comparison)
    rows = [{**asdict(one), "images": images[one.proxy]} for one in comparison.summaries()]
    rows.sort(key=lambda row: (not row["trainings"], row["geometric_mean"]))
    equal = " and equally many images" * (len(set(images.values())) == 1)
    columns = (
        *_named(comparison),
        Column("images", ("images",), "{:,}".format),
        Column("geom.\nmean", ("geometric_mean",), number),
        Column("best", ("best",), number),
        Column("worst", ("worst",), number),
        Column("failed", ("failed", "trainings"), share),
        Column("insta-\nbility", ("instability",), decimal2),
        Column("secs", ("seconds",), number),
    )
    title = f"fd over seeds after all steps{equal}, a failed training counting as untrained"
    return Table(columns, tuple(rows), title, compact=True)


def _seconds_table(comparison: Comparison, equal: EqualSeconds, where: str) -> Table:
    runs = comparison.runs(equal.steps)
    groups: Iterator[tuple[Any, pd.DataFrame]] = iter(runs.groupby(["proxy", "loss"], sort=False))
    rows: list[dict[str, Any]] = [
        {"proxy": proxy, "loss": loss, **_reached(comparison, equal, proxy), **_spread(own["counted_fd"].dropna())}
        for (proxy, loss), own in groups
    ]
    rows.sort(key=lambda row: row["geometric_mean"])
    columns = (
        *_named(comparison),
        Column("step", ("step",), "{:,}".format),
        Column("secs", ("seconds",), number),
        Column("geom.\nmean", ("geometric_mean",), number),
        Column("best", ("best",), number),
        Column("worst", ("worst",), number),
    )
    return Table(columns, tuple(rows), f"fd over seeds{where} of training", compact=True)


def _reached(comparison: Comparison, equal: EqualSeconds, proxy: str) -> dict[str, float]:
    step = equal.steps[proxy]
    return {"step": step, "seconds": equal.whole[proxy] * step / _configs(comparison)[proxy]["steps"]}


def _spread(fds: "pd.Series[float]") -> dict[str, float]:
    if fds.empty:
        return dict.fromkeys(("geometric_mean", "best", "worst"), math.nan)
    return {"geometric_mean": math.exp(np.log(fds).mean()), "best": fds.min(), "worst": fds.max()}


def _ratio_tables(said: Sequence[Ratio], comparison: Comparison, when: str) -> list[Table]:
    """A table for each group of ratios that are compared in one place: losses in a configuration, or the reverse."""
    arms = {setup.name for setup in comparison.settings.proxies}
    groups: dict[str, list[Ratio]] = {}
    for ratio in said:
        groups.setdefault(ratio.proxy, []).append(ratio)
    return [
        ratio_table(own, (f" in {place}" if place else "") + when, LOSS if place in arms else ARM)
        for place, own in groups.items()
    ]


def _ends_table(comparison: Comparison) -> Table:
    measures, strengths = comparison.measures(), comparison.strengths()
    names, known = list(dict.fromkeys(measures["name"])), measures.groupby(["proxy", "loss", "name"])["value"].mean()
    arms = comparison.runs()[["proxy", "loss"]].drop_duplicates().itertuples(index=False, name=None)
    rows = [
        {
            **{"proxy": proxy, "loss": loss},
            **{name: known.get((proxy, loss, name), math.nan) for name in names},
            **_p_of(comparison, proxy, loss, strengths),
        }
        for proxy, loss in arms
    ]
    floors: dict[Any, Any] = measures.groupby("name")["floor"].first().to_dict()
    real: dict[str, Any] = {"proxy": _REAL, "loss": "", **floors, "p": "", "moved": ""}
    columns = (
        *_named(comparison),
        *(column for name, column in _MEASURES.items() if name in names),
        Column("largest\np", ("p",)),
        Column("p above\n0.2 in", ("moved",)),
    )
    title = "what trainings ended with, means over those that did not fail"
    return Table(columns, (*rows, real), title, compact=True)


def _p_of(comparison: Comparison, proxy: str, loss: str, strengths: pd.DataFrame) -> dict[str, str]:
    """The largest p of the trainings of an arm with a loss, and in how many of them it moved."""
    own = strengths[(strengths["proxy"] == proxy) & (strengths["loss"] == loss)]["most"]
    if own.empty:
        return {"p": f"{_fixed_p(comparison, proxy):g}", "moved": ""}
    ends = sorted({f"{own.min():.2f}", f"{own.max():.2f}"})
    return {"p": "-".join(ends), "moved": f"{int((own > MOVED).sum())}/{len(own)}"}


def _fixed_p(comparison: Comparison, proxy: str) -> float:
    from ganetic.training.adaptation import fixed_p  # noqa: PLC0415 - it imports torch, which other pages do without
    from ganetic.training.config import TrainConfig  # noqa: PLC0415

    spec = TrainConfig.model_validate(_configs(comparison)[proxy]).augmentation
    return 0.0 if spec.resolved_kind == "none" else fixed_p(spec)


def _on_images(comparison: Comparison) -> list[str]:
    images = _images(comparison)
    if len(set(images.values())) == 1:
        return []
    said = listed([f"{name} {count:,}" for name, count in images.items()])
    return [f"images: these configurations do not train on equally many ({said})"]


def _on_seconds(comparison: Comparison) -> list[str]:
    if (equal := equal_seconds(comparison)) is None:
        return []
    whole = listed([f"{name} {number(seconds)}" for name, seconds in equal.whole.items()])
    return [
        f"seconds: of a whole training, measurements included: {whole} (the median seconds a step of its trainings, "
        "as they ran here beside others, times its steps); each is read at the measurement nearest to the "
        "least of these"
    ]


def _on_measures(comparison: Comparison) -> list[str]:
    protocols = comparison.measures().drop_duplicates("name")
    if protocols.empty:
        return []
    said = listed([f"{one.protocol}" for one in protocols.itertuples()])
    return [
        f"ends: after the last step, by {said}; copies and nearer (0.5 is none) tell memorisation of the generator, "
        "AUC of D (0.5 is none) that of the discriminator"
    ]


def _on_p(comparison: Comparison) -> list[str]:
    """Which arms may be called adaptive."""
    strengths, notes = comparison.strengths(), []
    for proxy, own in strengths.groupby("proxy", sort=False):
        moved = int((own["most"] > MOVED).sum())
        if moved < len(own):
            notes.append(
                f"p of {proxy} moved above {MOVED:g} in {moved} of {len(own)} trainings: the others do not count as "
                "adaptive augmentation"
            )
    return notes


def _named(comparison: Comparison) -> tuple[Column, ...]:
    return (ARM, LOSS) if len(comparison.settings.losses) > 1 else (ARM,)


def _images(comparison: Comparison) -> dict[str, int]:
    """Real images that each configuration shows to D."""
    return {name: config["steps"] * config["batch"] for name, config in _configs(comparison).items()}


def _configs(comparison: Comparison) -> dict[str, Mapping[str, Any]]:
    return {setup.name: setup.config for setup in comparison.settings.proxies if isinstance(setup, FullSetup)}
