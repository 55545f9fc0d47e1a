"""The sections on what a training, and an evaluation, are a function of."""

from dataclasses import replace
from pathlib import Path

from ganetic.data.data_source import DATA
from ganetic.data.source import Source
from ganetic.errors import UserError, typed
from ganetic.evaluation.kept import KeptEvaluation
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.report.web.chapter import Section
from ganetic.report.web.settings import Facts, settings_section
from ganetic.report.web.trained import TrainingRun
from ganetic.shipped import shipped_presets
from ganetic.training.config import TrainConfig, configured

FILE = "settings.toml"
"""Stands in a command for the configuration of a training that is no preset's."""


def training_settings(training: TrainingRun) -> Section:
    """Say how a training was set up."""
    metadata, config = training.metadata, shown_config(training.metadata.config)
    optimizer = config.optimizer
    facts: Facts = [
        ("loss", metadata.name),
        ("formula", Formula.from_text(metadata.formula).readable),
        *([("about it", config.description)] if config.description else []),
        ("data", metadata.data),
        ("classes", ", ".join(config.data.classes) or "all"),
        *([("conditional", "both nets are told the class of every image")] if config.data.conditional else []),
        ("images", f"{metadata.size}×{metadata.size} pixels, {'grey' if metadata.channels == 1 else 'colour'}"),
        ("model", config.model.name),
        ("steps", f"{config.steps:,} of {config.batch} images"),
        (
            "Adam",
            f"learning rate {optimizer.generator_lr:g} of G, {optimizer.discriminator_lr:g} of D; "
            f"β₁ {optimizer.beta1:g}, β₂ {optimizer.beta2:g}",
        ),
        ("seed", str(config.seed)),
        ("protocol", f"{metadata.protocol}, of the averaged generator every {config.checkpoint_every} steps"),
        ("floor", f"{metadata.floor_fd:.4g} (real images against real ones)"),
    ]
    return settings_section(facts, metadata.made_with, training_command(training), config.model_dump(mode="json"))


def training_command(training: TrainingRun) -> str:
    """Write the command that asks for a training; see `FILE`."""
    metadata = training.metadata
    loss = metadata.name if metadata.name in LIBRARY else training.directory / "loss.json"
    return typed("ganetic", "train", loss, *_options(shown_config(metadata.config)))


def shown_config(config: TrainConfig) -> TrainConfig:
    """Leave out of a configuration in which folder the images lie: a page is for the eyes of others, too.

    A training keeps an absolute path, which may tell who made it.
    """
    name = config.data.name
    try:
        source = Source.parse(name)
    except UserError:  # a name of another version
        return config
    if not source.kind or not DATA[source.kind].is_path:
        return config
    shown = replace(source, place=Path(source.place).name).name
    return config.model_copy(update={"data": config.data.model_copy(update={"name": shown})})


def evaluation_settings(kept: KeptEvaluation) -> Section:
    """Say what was evaluated, and how."""
    evaluation = kept.evaluation
    facts: Facts = [
        ("of", kept.generated),
        *([("loss", kept.loss)] if kept.loss else []),
        *([("step", f"{kept.step:,}")] if kept.step is not None else []),
        ("generated images", f"{evaluation.generated:,}"),
        ("real images", evaluation.data),
        ("seed", str(kept.seed)),
        *((f"protocol of {one.name.replace('_', ' ')}", one.protocol) for one in evaluation.measures),
    ]
    asked = kept.model_dump(mode="json", exclude={"evaluation", "made_with"})
    return settings_section(facts, kept.made_with, evaluation_command(kept), asked)


def evaluation_command(kept: KeptEvaluation) -> str:
    """Write the command that asks for an evaluation."""
    words: list[object] = ["ganetic", "evaluate", kept.generated]
    words += ["--data", kept.data] if kept.data is not None else []
    words += ["-n", kept.count] if kept.count is not None else []
    words += ["--seed", kept.seed] if kept.seed else []
    words += ["--inception-weights", kept.inception_weights] if kept.inception_weights is not None else []
    return typed(*words)


def _options(config: TrainConfig) -> list[object]:
    """The options that make a configuration out of a preset, or else the file that would."""
    for name in shipped_presets():
        changes = {
            "model": config.model.name,
            "data": config.data.name,
            "classes": list(config.data.classes),
            "size": config.data.size,
            "steps": config.steps,
            "batch": config.batch,
            "seed": config.seed,
            "stop_when_failed": config.stop_when_failed,
        }
        try:
            preset, made = configured(name), configured(name, **changes)  # type: ignore[arg-type]
        except UserError:
            continue
        if made == config:
            return ["--config", name, *_changed(preset, config)]
    return ["--config", FILE]


def _changed(preset: TrainConfig, config: TrainConfig) -> list[object]:
    """What is otherwise than in a preset."""
    pairs: list[tuple[str, object, object]] = [
        ("--model", preset.model.name, config.model.name),
        ("--data", preset.data.name, config.data.name),
        ("--classes", ",".join(preset.data.classes), ",".join(config.data.classes)),
        ("--size", preset.data.size, config.data.size),
        ("--steps", preset.steps, config.steps),
        ("--batch", preset.batch, config.batch),
        ("--seed", preset.seed, config.seed),
    ]
    words = [word for option, before, now in pairs if before != now for word in (option, now)]
    return [*words, *(["--stop-when-failed"] if config.stop_when_failed else [])]
