"""The section on what a run is a function of: its protocol, seeds, versions, command and settings."""

import json
from collections.abc import Mapping, Sequence

from ganetic.errors import typed
from ganetic.evolution.config import Measure
from ganetic.evolution.results import Run
from ganetic.evolution.seeds import training_seed
from ganetic.loss.library import LIBRARY
from ganetic.plots.courses import budget
from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import Section
from ganetic.studies.comparison import Comparison
from ganetic.studies.config import FullSetup
from ganetic.studies.formatting import listed

Facts = list[tuple[str, str]]
"""What is said under which name."""


def search_settings(run: Run) -> Section:
    """Say how a search was set up."""
    config, space = run.config, run.config.space
    rungs = "; then ".join(budget(rung.steps, rung.seeds) for rung in space.rungs)
    facts: Facts = [
        ("space", f"{space.name}{' (random search)' if space.evolution.random else ''}"),
        *([("about it", space.description)] if space.description else []),
        ("data", config.data),
        *_protocol(config.measures),
        ("rungs", rungs),
        ("finals", f"{space.finals.steps} steps, {listed(space.finals.references) or 'no references'} beside"),
        ("seed of the search", str(config.seed)),
        ("seeds of trainings", _seeds(run)),
    ]
    command = typed(
        *("ganetic", "search", space.name, "--data", config.data, "--seed", config.seed),
        *(["--random"] if space.evolution.random else []),
        *("--max-trials", _most_trials(run)),
    )
    return settings_section(facts, run.made_with, command, space.model_dump(mode="json"))


def _most_trials(run: Run) -> int:
    """How many trials were asked for. A space keeps that only since some version; where it stopped says it, too."""
    stopped_there = run.stop_reason == "max_trials"
    return run.asked if stopped_there else run.limit or run.config.space.stop.max_trials


def comparison_settings(comparison: Comparison) -> Section:
    """Say how a comparison was set up."""
    settings = comparison.settings
    facts: Facts = [
        ("space or preset", settings.space),
        ("data", settings.data),
        *_protocol(settings.measures),
        ("trainings", f"{settings.steps} steps on {len(settings.seeds)} seeds"),
        ("seeds of trainings", ", ".join(map(str, settings.seeds))),
    ]
    return settings_section(facts, comparison.made_with, typed(*_words(comparison)), settings.meta())


def _words(comparison: Comparison) -> list[object]:
    """The command that asks for a comparison: published losses by name, others as expressions."""
    settings = comparison.settings
    if settings.kind == "confirmation":
        return ["ganetic", "confirm", comparison.directory.parent.parent, "--seeds", len(settings.seeds)]
    losses = [loss.name if loss.name in LIBRARY else loss.text for loss in settings.losses]
    full = any(isinstance(setup, FullSetup) for setup in settings.proxies)
    words: list[object] = ["ganetic", "compare", *losses, "--data", settings.data]
    if settings.has_arms:  # each with its own steps
        words += [word for setup in settings.proxies for word in ("--config", setup.name)]
        return [*words, "--seeds", len(settings.seeds)]
    words += ["--config" if full else "--space", settings.space]
    words += ["--seeds", len(settings.seeds), "--steps", settings.steps]
    if settings.tuned is not None:
        rates, beta1s = settings.tuned.given.learning_rates, settings.tuned.given.beta1s
        words += ["--rates", _joined(rates), "--beta1s", _joined(beta1s), "--tuning-seeds", settings.tuned.seeds]
    return words


def _joined(numbers: Sequence[float]) -> str:
    return ",".join(f"{one:g}" for one in numbers)


def _protocol(measures: Sequence[Measure]) -> Facts:
    """How losses are measured on each proxy."""
    facts: Facts = []
    for measure in measures:
        where = f" ({measure.proxy})" if len(measures) > 1 else ""
        facts += [
            (f"protocol{where}", f"{measure.metric} of {measure.model}"),
            (f"images{where}", measure.images),
            (f"floor{where}", f"{measure.floor_fd:.4g}, real images against real ones"),
            (f"untrained{where}", f"{measure.start_fd:.4g}"),
        ]
    return facts


def _seeds(run: Run) -> str:
    """The seeds of trainings by role."""
    space, seed = run.config.space, run.config.seed
    counts = {"search": max(rung.seeds for rung in space.rungs), "final": space.finals.seeds}
    names = {"search": "search", "final": "finals"}
    said = (
        f"{names[role]} {', '.join(str(training_seed(seed, role, number)) for number in range(count))}"  # type: ignore[arg-type]
        for role, count in counts.items()
    )
    return "; ".join(said)


def settings_section(
    facts: Facts, made_with: Mapping[str, str], command: str, settings: Mapping[str, object]
) -> Section:
    """Lay out what a run is a function of.

    Args:
        facts: what is said in words.
        made_with: versions and hardware.
        command: asks for the same.
        settings: all of them, as plain data.
    """
    content = filled(
        "settings.html",
        facts=facts,
        made_with=made_with,
        command=command,
        settings=json.dumps(settings, indent=1, ensure_ascii=False),
    )
    return Section("settings", "How it was made", content)
