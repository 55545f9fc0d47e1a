"""Formats of what is stored and read back: a version beside the data, and a migration from each version to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ganetic.config import ConfigT, one_line, unknown_keys, validate
from ganetic.errors import UserError

FORMAT = "format"
"""The key under which the version stands. Data without it is of the oldest version, or was written before versions."""

Plain = dict[str, Any]
"""Data as JSON has it."""
Migration = Callable[[Plain], Plain]
"""A pure function that takes plain data of one version to the next.

Data without a version may be of any version that was written before there were versions. A migration of those therefore
leaves alone what it does not find.
"""


@dataclass(frozen=True)
class Format:
    """How one kind of data is stored, today and before.

    A key that is renamed or removed in the code gets a migration here, and a directory under ``tests/golden/runs``.
    Migrations say names literally, and never change: the code they speak of does.

    Attributes:
        kind: what is stored, for errors, such as ``search``.
        migrations: the first takes version 1 to 2, the next 2 to 3, and so on.
        remedy: what to do about what a newer version wrote.
    """

    kind: str
    migrations: tuple[Migration, ...] = ()
    remedy: str = "install that version to read it"

    @property
    def version(self) -> int:
        """The version that is written today."""
        return len(self.migrations) + 1

    def stamped(self, data: Mapping[str, Any]) -> Plain:
        """The data with the version of today, ready to be stored."""
        return {FORMAT: self.version, **data}

    def read(self, data: object, model: type[ConfigT], where: str) -> ConfigT:
        """Migrate stored data to today's version, and validate it.

        Args:
            data: as it was stored.
            model: what it is today.
            where: the file, for errors.

        Raises:
            UserError: it does not fit the model, or a newer version wrote keys that are not understood.
        """
        if not isinstance(data, dict):
            return validate(data, model, where)
        version = _version(data, where)
        if version > self.version:
            return self._read_newer(_without_version(data), version, model, where)
        return validate(self.migrated(data, where), model, where)

    def migrated(self, data: Mapping[str, Any], where: str) -> Plain:
        """Bring stored data to today's version, and drop the number; data of a newer version stays as it is.

        Args:
            data: as it was stored.
            where: the file, for errors.

        Raises:
            UserError: a migration does not find what its version has.
        """
        version, plain = _version(data, where), _without_version(data)
        try:
            for migration in self.migrations[version - 1 :]:
                plain = migration(plain)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            what = " ".join(str(error).split())[:100]
            raise UserError(
                f"{where}: is damaged, or no {self.kind} of format {version} ({type(error).__name__}: {what}); "
                "restore it from a copy"
            ) from None
        return plain

    def _read_newer(self, plain: Plain, version: int, model: type[ConfigT], where: str) -> ConfigT:
        """Take what a newer version wrote where every key of it is known: nothing is passed over."""
        try:
            return model.model_validate(plain)
        except ValidationError as error:
            unknown = unknown_keys(error)
            what = f"keys not understood: {', '.join(unknown)}" if unknown else one_line(error, model, plain)
            raise UserError(
                f"{where}: written by a newer ganetic (format {version} of a {self.kind}, this one reads up to "
                f"{self.version}), {what}; {self.remedy}"
            ) from None


def numbered(data: object, layout: str) -> object:
    """Data that names its layout, as ``ganetic.choice/1``, with the number of it as its version, too.

    Args:
        data: as it was stored.
        layout: the key of that name.
    """
    name = data.get(layout) if isinstance(data, dict) else None
    number = str(name).rpartition("/")[2]
    return {**data, FORMAT: int(number)} if isinstance(data, dict) and number.isdecimal() else data


def renamed(table: Plain, names: Mapping[str, str]) -> Plain:
    """The table with new names for old keys, in its order; a key that is not there is passed over."""
    return {names.get(key, key): value for key, value in table.items()}


def _version(data: Mapping[str, Any], where: str) -> int:
    version = data.get(FORMAT, 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise UserError(f'{where}: "{FORMAT}" is {str(version)[:60]!r}; expected 1, 2, …; restore it from a copy')
    return version


def _without_version(data: Mapping[str, Any]) -> Plain:
    return {key: value for key, value in data.items() if key != FORMAT}
