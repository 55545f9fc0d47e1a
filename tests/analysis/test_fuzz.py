"""Two hundred damaged files of every kind: read or refused in one line, in two seconds and a gibibyte."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.scripts import script

fuzz = script("fuzz")


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    cases = list(fuzz.fuzz(200, 7, tmp_path))
    assert len(cases) == 200
    assert {case.kind for case in cases} == set(fuzz.KINDS)
    assert [case for case in cases if not case.is_fine] == []
    assert {case.outcome for case in cases} == {"read", "refused"}


def test_every_good_file_is_read(tmp_path: Path) -> None:
    for name, kind in fuzz.KINDS.items():
        file = tmp_path / f"{name}{kind.suffix}"
        file.write_bytes(kind.good())
        kind.read(file)


@pytest.mark.slow
def test_a_reader_that_hangs_dies_or_raises_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(file: Path) -> None:
        raise KeyError(file)

    readers = {
        "png": lambda file: os._exit(3),
        "gif": lambda file: time.sleep(60),
        "npz": raises,
        "dicom": lambda file: np.ones(2**27, np.uint8),
    }
    kinds = {name: fuzz.Kind(".x", lambda: b"abcdefgh" * 9, read) for name, read in readers.items()}
    monkeypatch.setattr(fuzz, "KINDS", kinds)
    monkeypatch.setattr(fuzz, "DEAD_SECONDS", 5)
    monkeypatch.setattr(fuzz, "MEBIBYTES", 100.0)
    cases = list(fuzz.fuzz(4, 0, tmp_path))
    assert [case.is_fine for case in cases] == [False] * 4
    assert [case.outcome for case in cases] == ["hung or died", "hung or died", "raised KeyError", "read"]
    assert cases[3].mebibytes > fuzz.MEBIBYTES
