"""Frozen, documented configuration models, read from TOML with one-line errors."""

import json
import logging
import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from ganetic.errors import UserError, did_you_mean

_log = logging.getLogger(__name__)
_noted: set[tuple[str, str, str]] = set()
"""Files, old names and new names of which this process has said that they are one key."""


class Config(BaseModel):
    """Base of every configuration model: frozen; unknown keys, NaN and infinity are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed_keys: ClassVar[Mapping[str, str]] = {}
    """Keys that TOML files may still give under their old names, and what they are called now. What was stored is
    migrated instead, see `ganetic.formats`."""

    @classmethod
    def member_for(cls, data: object) -> type[BaseModel]:  # noqa: ARG003 - for classes that look at it
        """Return the class that plain data becomes: this one, unless the class stands for a union."""
        return cls


ConfigT = TypeVar("ConfigT", bound=Config)


def read_toml(path: Path | Traversable, model: type[ConfigT]) -> ConfigT:
    """Read a TOML file into a validated model; old names of keys are accepted, see `Config.renamed_keys`.

    Raises:
        UserError: the file cannot be read, is not TOML, gives a key under both of its names, or does not fit the model.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None
    return validate(_with_new_names(data, model, str(path)), model, where=str(path))


def load_json(path: Path | Traversable, remedy: str) -> object:
    """Read a JSON file that this package wrote as plain data.

    Args:
        path: the file.
        remedy: what to do where it cannot be read.

    Raises:
        UserError: the file cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}; {remedy}") from None


def validate(data: object, model: type[ConfigT], where: str) -> ConfigT:
    """Validate plain data against a model; the first problem becomes a one-line `UserError`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{where}: {one_line(error, model, data)}") from None


def one_line(error: ValidationError, model: type[BaseModel], data: object) -> str:
    """What is wrong first, in one line."""
    # A misspelt key is both unknown and missing; the unknown one tells more.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    return _one_line(problems[0], model, data)


def unknown_keys(error: ValidationError) -> list[str]:
    """The keys that the model does not have, as ``evolution.tunring``."""
    problems = [problem for problem in error.errors() if problem["type"] == "extra_forbidden"]
    return [_dotted(_without_union_members(problem["loc"])) for problem in problems]


def note_renamed(old: str, new: str, where: str = "") -> None:
    """Say, once in a process for each file and old name, that something is called otherwise now."""
    if (where, old, new) not in _noted:
        _noted.add((where, old, new))
        _log.warning("%s%s is now %s; the old name is still read", f"{where}: " if where else "", old, new)


def _with_new_names(data: object, model: type[BaseModel], where: str, place: str = "") -> object:
    """Plain data of a file with today's names for old keys, in this table and those inside it.

    Raises:
        UserError: a key is given under both of its names.
    """
    if isinstance(data, list):
        return [_with_new_names(one, model, where, place) for one in data]
    if not (isinstance(data, dict) and issubclass(model, Config)):
        return data
    table = {}
    for key, value in data.items():
        name = model.renamed_keys.get(key, key)
        if name != key:
            _refuse_both(place, key, name, data, where)
            note_renamed(f"{place}{key}", f"{place}{name}", where)
        field = model.model_fields.get(name)
        inner = None if field is None else _model_in(field.annotation)
        table[name] = value if inner is None else _with_new_names(value, inner, where, f"{place}{name}.")
    return table


def _refuse_both(place: str, old: str, new: str, table: Mapping[str, object], where: str) -> None:
    if new in table:
        raise UserError(
            f'{where}: "{place}{old}" is the old name of "{new}", and both are given; leave out the old one'
        )


def _one_line(problem: ErrorDetails, model: type[BaseModel], data: object) -> str:
    location = _without_union_members(problem["loc"])
    place = _dotted(location)
    if problem["type"] == "extra_forbidden":
        key, allowed = str(location[-1]), _keys_at(model, location[:-1], data)
        expected = f"; expected one of {', '.join(allowed)}" if allowed else ""
        return f'unknown key "{place}"{expected}{did_you_mean(key, allowed)}'
    if problem["type"] == "missing":
        return f'key "{place}" is missing'
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place} is {str(problem['input'])[:60]!r}: {message}" if place else message


def _without_union_members(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Of a key that may be of several types pydantic names the type, too, as in ``tuple[PruningRule, ...]``."""
    inner = tuple(part for part in location[:-1] if isinstance(part, int) or not part.endswith("]"))
    last = location[-1:]
    return inner if last and str(last[0]).endswith("]") else inner + last


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...], data: Any) -> list[str]:
    """The keys allowed at a place in a nested model; empty when the place is not a model."""
    current: Any = _member(model, data)
    for part in location:
        data = data[part]
        if isinstance(part, int):
            continue
        field = current.model_fields.get(part)
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            return []
        current = _member(inner, data)
    return sorted(current.model_fields)


def _member(model: type[BaseModel], data: object) -> type[BaseModel]:
    return model.member_for(data) if issubclass(model, Config) else model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
