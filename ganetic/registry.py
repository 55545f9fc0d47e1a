"""Classes by name: each registers itself in the file that defines it, and other packages bring more by entry points.

Entry points are those of the packaging standard (https://packaging.python.org/en/latest/specifications/entry-points/),
as pytest and xarray have them. One is loaded when its name is asked for, so that a package that cannot be loaded
harms nothing else.
"""

import logging
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Generic, TypeVar, cast

from ganetic.errors import UserError, unknown

T = TypeVar("T")
ClassT = TypeVar("ClassT", bound=type)

_logger = logging.getLogger(__name__)


class Registry(Generic[T]):
    """The classes of one kind by name; `T` is what all of them inherit from.

    Args:
        base: the class that they inherit from.
        kind: what they are called in errors, such as ``"model"``.
        package: a package of ours; each of its modules is imported before the first look-up and registers its classes.
        group: of the entry points by which other packages bring classes; empty where they cannot.
    """

    def __init__(self, base: type, kind: str, package: str, group: str = "") -> None:
        self.group = group
        self._base, self._kind, self._package = base, kind, package
        self._classes: dict[str, type[T]] = {}
        self._brought: dict[str, list[EntryPoint]] | None = None
        self._told = set[str]()

    def register(self, name: str) -> Callable[[ClassT], ClassT]:
        """Register the decorated class under a name. A class that is defined again, as in a notebook, is replaced.

        Raises:
            UserError: another class has this name.
        """

        def add(cls: ClassT) -> ClassT:
            there = self._classes.get(name)
            if there is not None and _place(there) != _place(cls):
                raise self._twice(name, [_place(there), _place(cls)])
            self._classes[name] = cls
            return cls

        return add

    def names(self) -> list[str]:
        """All names in alphabetical order; nothing of another package is loaded for it."""
        outside = self._outside()  # first: it registers our own
        return sorted({*self._classes, *outside})

    def __contains__(self, name: object) -> bool:
        """Whether something is registered under this name; it may still be refused when it is loaded."""
        return name in self._outside() or name in self._classes

    def __getitem__(self, name: str) -> type[T]:
        """Return the class of a name.

        Raises:
            UserError: there is none, several register the name, or its package cannot be loaded.
        """
        brought = self._outside().get(name, [])
        places = [_origin(point) for point in brought]
        if len(brought) > 1:
            raise self._twice(name, places)
        found = self._loaded(name, brought[0]) if brought else None
        own = self._classes.get(name, found)
        if own is None:
            raise unknown(self._kind, name, self.names())
        if found is not None and found is not own:
            raise self._twice(name, [_place(own), *places])
        return own

    def items(self) -> Iterator[tuple[str, type[T]]]:
        """Yield names and classes in alphabetical order. What cannot be loaded is left out, and said once."""
        for name in self.names():
            try:
                found = self[name]
            except UserError as error:
                if name not in self._told:
                    _logger.warning("%s; it is left out", error)
                self._told.add(name)
            else:
                yield name, found

    def _outside(self) -> dict[str, list[EntryPoint]]:
        """The entry points of other packages by name. Before the first look-up our own modules register themselves."""
        if self._brought is None:
            for module in iter_modules(import_module(self._package).__path__):
                import_module(f"{self._package}.{module.name}")
            self._brought = {}
            for point in entry_points(group=self.group) if self.group else ():
                self._brought.setdefault(point.name, []).append(point)
        return self._brought

    def _loaded(self, name: str, point: EntryPoint) -> type[T]:
        expected = f"a subclass of {_place(self._base)}"
        try:
            found = point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever another package does when it is imported
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise UserError(
                f'{self._kind} "{name}" of {_origin(point)} cannot be loaded ({reason}); mend or uninstall the package'
            ) from None
        if not (isinstance(found, type) and issubclass(found, self._base)):
            raise UserError(f'{self._kind} "{name}" of {_origin(point)} is {found!r:.80}; expected {expected}')
        return cast(type[T], found)

    def _twice(self, name: str, places: list[str]) -> UserError:
        return UserError(
            f'{self._kind} "{name}" is registered by {" and by ".join(places)}; rename one of them, or uninstall it'
        )


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _origin(point: EntryPoint) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"
    return f"{package} ({point.value})"
