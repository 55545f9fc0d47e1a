"""How trainings were stored before: from each format of a run's metadata, and of a configuration, to the next."""

from ganetic.formats import Format, Plain, renamed

KEYS_OF_2 = {"average": "ema_decay", "keep": "keep_last", "measured": "eval_images", "optimiser": "optimizer"}
"""Keys of a configuration that were called otherwise in format 1."""

RATES_OF_2 = {"generator_rate": "generator_lr", "discriminator_rate": "discriminator_lr"}
"""Keys of its optimizer that were."""


def _new_names(config: Plain) -> Plain:
    """1 to 2: a configuration has the field's names."""
    changed = renamed(config, KEYS_OF_2)
    return {**changed, "optimizer": renamed(changed["optimizer"], RATES_OF_2)} if "optimizer" in changed else changed


def _of_metadata(metadata: Plain) -> Plain:
    return {**metadata, "config": _new_names(metadata["config"])}


CONFIG = Format("training's configuration", (_new_names,))
"""A configuration by itself, as the jobs of a study have it."""

TRAINING = Format("training", (_of_metadata,))
"""The metadata of a run."""

CHECKPOINT = Format("checkpoint")
"""The state beside a checkpoint's tensors."""


def with_config_of_today(stored: Plain) -> Plain:
    """What a study of trainings stored, of itself or of a job, with its configuration as it is stored today."""
    return {**stored, "config": CONFIG.migrated(stored["config"], "config")} if "config" in stored else stored
