"""The page of the TOML keys, from the pydantic models that read them."""

import json
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from docs.tooling.markdown import code, page, table
from docs.tooling.source import attribute_docstring
from ganetic.augmenting.config import AugmentConfig
from ganetic.evolution.space import SpaceFile
from ganetic.training.config import TrainConfig

INTRODUCTION = """
Three kinds of files configure `ganetic`: a search space, a training, and a study of augmentation. Every key stands here
with what it takes and its default. An unknown key is an error that names the nearest known one. `--dry-run` prints a
configuration with all defaults.
"""
SPACE = """
## Search spaces

`ganetic search FILE` reads one. [quick.toml](../../search_spaces/quick.toml) explains every key in place; copy it to
begin.
"""
TRAINING = """
## Trainings

`ganetic train LOSS --config FILE` reads one. [demo.toml](../../ganetic/training/presets/demo.toml) is a commented
example.
"""
AUGMENTATION = """
## Studies of augmentation

`ganetic study augment FILE` reads one; [the how-to](../augment.md) shows an example.
"""


def configuration() -> str:
    """All keys of all kinds of files."""
    spaces, trainings = _tables(SpaceFile, "Keys of a search space"), _tables(TrainConfig, "Keys of a training")
    augmentation = _tables(AugmentConfig, "Keys of a study of augmentation")
    return page("Configuration keys", INTRODUCTION, SPACE, *spaces, TRAINING, *trainings, AUGMENTATION, *augmentation)


def _tables(model: type[BaseModel], title: str, place: str = "") -> Iterator[str]:
    """A section for the keys of a model, then one for every model inside it."""
    fields = model.model_fields
    inner = {name: _concrete(models_in(field.annotation)) for name, field in fields.items()}
    yield f"### {title}\n\n{table(['key', 'takes', 'default', 'meaning'], _rows(model))}"
    for name, models in inner.items():
        path = f"{place}.{name}" if place else name
        brackets = "[[{}]]" if _is_list(fields[name].annotation) else "[{}]"
        for one in models:
            kind = f" of {', '.join(_tags(one))}" if len(models) > 1 else ""
            yield from _tables(one, code(brackets.format(path)) + kind, path)


def _rows(model: type[BaseModel]) -> Iterator[list[str]]:
    for name, field in model.model_fields.items():
        takes = _takes(field)
        if takes:
            default = "required" if field.is_required() else _literal(field.get_default(call_default_factory=True))
            yield [code(name), takes, default, attribute_docstring(model, name)]


def _literal(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        value = list(value)
    return code(json.dumps(value, ensure_ascii=False))


def _takes(field: FieldInfo) -> str:
    """What a key takes, in words; nothing for a table of its own."""
    if models_in(field.annotation) and not _literals_in(field.annotation):
        return ""
    return words_of(field)


def words_of(field: FieldInfo) -> str:
    """What a field of a model takes, in words."""
    schema = TypeAdapter(field.rebuild_annotation()).json_schema()
    return _words(schema, schema.get("$defs", {}))


def _words(schema: dict[str, Any], named: dict[str, Any]) -> str:
    """A JSON schema in words; its references are to what is named."""
    if "$ref" in schema:
        return _words(named[schema["$ref"].rpartition("/")[2]], named)
    if "anyOf" in schema:
        parts = [_words(part, named) for part in schema["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(parts))
    if "const" in schema or "enum" in schema:
        return ", ".join(code(json.dumps(value)) for value in schema.get("enum", [schema.get("const")]))
    if "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])}: {_words(schema['prefixItems'][0], named)}"
    if schema.get("type") == "array":
        return f"list of {_words(schema['items'], named)}"
    return _NAMES[schema["type"]] + _range(schema)


_NAMES = {"integer": "integer", "number": "number", "string": "string", "boolean": "`true`, `false`", "object": "table"}


def _range(schema: dict[str, Any]) -> str:
    bounds = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
    said = [f"{sign} {schema[key]:,}" for key, sign in bounds if key in schema]
    return f" {' and '.join(said)}" if said else ""


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def _concrete(models: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The models that stand for these: for a base class of registered ones all of them that the package has."""
    found = []
    for model in models:
        members = [member for member in _subclasses(model) if _tags(member)]
        found += [model] if _tags(model) or not members else sorted(members, key=_tags)
    return found


def _subclasses(model: type[BaseModel]) -> list[type[BaseModel]]:
    """All subclasses within the package; the modules beside the class are imported first."""
    parent = import_module(model.__module__.rpartition(".")[0])
    for module in walk_packages(parent.__path__, f"{parent.__name__}."):
        if not module.name.endswith("__main__"):  # which is the command itself
            import_module(module.name)
    pending, found = [model], []
    while pending:
        below = [one for one in pending.pop().__subclasses__() if one.__module__.startswith("ganetic.")]
        found += below
        pending += below
    return found


def _literals_in(annotation: Any) -> bool:
    return get_origin(annotation) is Literal or any(_literals_in(argument) for argument in get_args(annotation))


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_is_list(argument) for argument in get_args(annotation))


def _tags(model: type[BaseModel]) -> list[str]:
    """The value of the key `name` of a model that is told apart by it."""
    field = model.model_fields.get("name")
    literal = field is not None and get_origin(field.annotation) is Literal
    return [code(str(value)) for value in get_args(field.annotation)] if field is not None and literal else []
