"""A training's configuration as the TOML file that ``ganetic train --config`` reads."""

import json
from typing import Any

from ganetic.training.config import TrainConfig


def config_text(config: TrainConfig) -> str:
    """Write a configuration, every key of it. Plain values as JSON writes them are TOML."""
    top, tables = dict[str, Any](), dict[str, dict[str, Any]]()
    for key, value in config.model_dump(mode="json", exclude_none=True).items():
        if isinstance(value, dict):
            tables[key] = value
        else:
            top[key] = value
    return "\n".join([_lines(top), *(f"[{name}]\n{_lines(table)}" for name, table in tables.items() if table)])


def _lines(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())
