from pathlib import Path

import pytest


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
