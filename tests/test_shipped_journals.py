"""Journals that are shipped stay as they were written: a key that leaves the code becomes a migration instead."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganetic.evolution.results import open_run
from ganetic.evolution.search import SPACE_COPY
from ganetic.evolution.space import read_space
from ganetic.jobs.grid import read_grid
from ganetic.jobs.journal import Journal
from ganetic.studies.comparison import Comparison

ROOT = Path(__file__).parents[1]
DIGESTS = Path(__file__).parent / "golden" / "shipped.sha256"
"""As `sha256sum` writes them: a new journal gets a line, and no line is ever changed."""

PLACES = ("runs/reference", "analysis", "tests/golden/runs")
KINDS = ("*.db", "*.jsonl", "space.json", "training.json", "state.json")


def shipped(*kinds: str) -> Iterator[str]:
    for place in PLACES:
        for kind in kinds:
            yield from (str(path.relative_to(ROOT)) for path in (ROOT / place).rglob(kind))


def recorded() -> dict[str, str]:
    pairs = (line.split(maxsplit=1) for line in DIGESTS.read_text().splitlines())
    return {path: digest for digest, path in pairs}


def test_every_journal_is_as_it_was_written() -> None:
    found = {path: hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path in shipped(*KINDS)}
    assert found == recorded()


@pytest.mark.parametrize("path", sorted(shipped("*.db")))
def test_every_journal_opens(path: str) -> None:
    place = ROOT / path
    with Journal.open_readonly(place) as journal:
        meta, count = journal.meta, len(journal.submissions())
    if meta.get("kind") == "curves":  # a generation of analysis/curves.py
        assert len(read_grid(place)[2]) == count == 12
    elif "kind" in meta:
        study = Comparison(place, meta["kind"])
        assert study.total == count and len(study.summary()) > 0 and study.made_with
    elif place.name == "journal.db":
        run = open_run(place.parent)
        run.check()
        assert len(run.trials()) == count and run.states()
        assert read_space(place.parent / SPACE_COPY).name == run.config.space.name
    else:  # of full trainings: tests/training/full/test_old_trainings.py reads them
        assert "full_losses_journals" in path
