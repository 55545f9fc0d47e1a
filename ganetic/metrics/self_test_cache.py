"""Self-tests that were done before: a file of JSON each."""

import hashlib
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from ganetic.data import Indices, cache_directory
from ganetic.errors import UserError
from ganetic.files import write_whole
from ganetic.metrics.self_test import VERSION, SelfTest


def self_test_file(fingerprint: str, chosen: Indices, features: str, labels: bool) -> Path:
    """The place of a test, named after all that it depends on.

    Args:
        fingerprint: of the images.
        chosen: which of them are tested with.
        features: hex digits that change with the features.
        labels: whether classes are the modes.
    """
    text = repr((VERSION, fingerprint, len(chosen), chosen.tobytes(), features, labels))
    return cache_directory() / "self_tests" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


def read_self_test(file: Path) -> SelfTest | None:
    """Read a test; None where there is none, or what is there is none."""
    try:
        return SelfTest.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def keep_self_test(file: Path, test: SelfTest) -> None:
    """Write a test, if its place can be written."""
    with suppress(OSError, UserError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, test.model_dump_json(indent=1) + "\n")
