"""The image sets of GANETIC_DATA."""

import os
from pathlib import Path

import pytest


def shared_set(name: str) -> str:
    """What ``--data`` names a set of them by; the test is skipped where it is not there."""
    file = Path(os.environ.get("GANETIC_DATA", "")) / name / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"GANETIC_DATA names no folder with {name}")
    return f"npz:{file}"
