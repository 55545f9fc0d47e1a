"""Texts on consoles that cannot print every character."""

import codecs
import io
import unicodedata
from typing import TextIO

_ASCII = {
    "²": "^2",
    "³": "^3",
    "·": "*",
    "×": "x",
    "−": "-",
    "–": "-",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "λ": "lambda",
    "√": "sqrt",
}
"""What stands for characters of our texts of which Unicode has no plain form, or one that means something else."""


def print_what_can_be(*streams: TextIO) -> None:
    """Let streams write plain characters in place of those that their encoding lacks, where they would fail."""
    codecs.register_error("ganetic.plain", _plain)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="ganetic.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain_character, error.object[error.start : error.end])), error.end


def _plain_character(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    known = _ASCII.get(character) or unicodedata.normalize("NFKD", character)
    return "".join(one for one in known if one.isascii()) or "?"
