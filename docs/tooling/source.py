"""The package as griffe reads it: docstrings and signatures from the source, nothing is run."""

import re
from functools import cache

import griffe


@cache
def package() -> griffe.Module:
    """The package `ganetic`."""
    loaded = griffe.load("ganetic", docstring_parser="google", resolve_aliases=True)
    assert isinstance(loaded, griffe.Module)
    return loaded


def find(path: str) -> griffe.Object | griffe.Alias:
    """An object by its dotted path, such as ``ganetic.loss.card.LossCard``."""
    found: griffe.Object | griffe.Alias = package()[path.removeprefix("ganetic.")]
    return found


def attribute_docstring(owner: type, name: str) -> str:
    """What stands below an attribute of a class, or of the base that defines it.

    A docstring that only refers to another is followed.
    """
    for base in owner.__mro__:
        if not base.__module__.startswith("ganetic"):
            continue
        member = find(f"{base.__module__}.{base.__qualname__}").members.get(name)
        if member is not None and member.docstring is not None:
            return _followed(member.docstring.value)
    raise LookupError(f"{owner.__qualname__}.{name} has no docstring")


def _followed(text: str) -> str:
    reference = re.fullmatch(r"See `(ganetic[\w.]+)`\.", text)
    if reference is None:
        return text
    target = find(reference[1]).docstring
    assert target is not None, text
    return target.value
