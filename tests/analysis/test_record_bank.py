from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganetic.errors import UserError
from ganetic.evolution.seeds import training_seed
from ganetic.jobs.executor import Payload, SerialExecutor
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.studies.bank import bank
from tests.analysis.scripts import script
from tests.evolution.fakes import PROXY_DATA

record_bank: Any = script("record_bank")
DIGITS, X_RAYS = record_bank.RECIPES["mnist5k"], record_bank.RECIPES["pneumonia"]
LOSSES = record_bank.entries()[:12]
TRAINED: Counter[tuple[str, int]] = Counter()


def pretended(context: None, payload: Payload) -> Payload:
    """Odd losses of the file do not train."""
    text, seed = payload["formula"], payload["seed"]
    TRAINED[text, seed] += 1
    number = [loss.text for loss in LOSSES].index(text)
    end = 500.0 if number % 2 else 70.0 + number + seed % 10
    steps = (0, *payload["checkpoints"])
    trace = [[step, 550.0 + (end - 550.0) * step / steps[-1]] for step in steps]
    state = {"state": "failed", "reason": "learnt_nothing"} if number % 2 else {"state": "completed"}
    raw = [[step, 1.5 * fd] for step, fd in trace] if payload["proxy"].get("ema_decay") else []
    return {**state, "trace": trace, "raw_trace": raw, "steps": steps[-1], "seconds": 2.0, "peak_memory_bytes": 0}


class Killed(Exception):  # noqa: N818 - an end, not an error
    """The recorder was."""


def record(directory: Path, jobs: int | None = None, recipe: Any = DIGITS) -> None:
    """Record, and die after so many jobs."""
    left = iter(range(10**6 if jobs is None else jobs))

    def work(context: None, payload: Payload) -> Payload:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return pretended(context, payload)

    TRAINED.clear()
    with SerialExecutor(work, None) as executor:
        try:
            record_bank.record(recipe, directory, LOSSES, PROXY_DATA, executor)
        except KeyboardInterrupt:
            raise Killed from None


def test_losses_that_do_not_train_get_two_seeds_and_the_others_six(tmp_path: Path) -> None:
    record(tmp_path)
    seeds = {loss.text: sorted(seed for text, seed in TRAINED if text == loss.text) for loss in LOSSES}
    every = [training_seed(900, "search", number) for number in range(6)]
    assert [seeds[loss.text] for loss in LOSSES] == [every[:2] if loss.number % 2 else every for loss in LOSSES]
    assert set(TRAINED.values()) == {1}


def test_a_recording_goes_on_where_it_was(tmp_path: Path) -> None:
    for jobs in (5, 21, 10):
        with pytest.raises(Killed):
            record(tmp_path, jobs)
    record(tmp_path)
    assert sum(TRAINED.values()) == 6 * 6 + 6 * 2 - 5 - 21 - 10
    assert set(TRAINED.values()) == {1}


def test_only_whole_blocks_are_exported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no complete block"):
        record_bank.collected(DIGITS, tmp_path, LOSSES)
    with pytest.raises(Killed):
        record(tmp_path, 42)
    found = record_bank.collected(DIGITS, tmp_path, LOSSES)
    assert len(found.losses) == record_bank.BLOCK
    record(tmp_path)
    assert len(record_bank.collected(DIGITS, tmp_path, LOSSES).losses) == len(LOSSES)


def test_an_export_is_a_bank_and_says_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path)
    monkeypatch.setattr(record_bank, "STUDIES", tmp_path)
    DIGITS.card.write_text(f"before {record_bank.BEGIN}\nold\n{record_bank.END} after")
    for _ in range(2):
        record_bank.export(DIGITS, tmp_path, LOSSES)
    card = DIGITS.card.read_text()
    assert card.startswith("before ")
    assert card.endswith(" after")
    assert "old" not in card
    assert "library" in card
    exported = bank(DIGITS.shipped)
    assert exported.losses["text"].tolist() == [loss.text for loss in LOSSES]
    assert exported.losses["viable"].tolist() == [loss.number % 2 == 0 for loss in LOSSES]
    np.testing.assert_allclose(exported.fd[2, :, -1], [72, 73, 74, 75, 76, 77])
    assert exported.metric == PROXY_DATA.protocol


def test_distances_of_the_trained_generator_are_exported_where_it_was_averaged(tmp_path: Path) -> None:
    record(tmp_path / "digits")
    assert not np.isfinite(record_bank.collected(DIGITS, tmp_path / "digits", LOSSES).raw).any()
    record(tmp_path / "x-rays", recipe=X_RAYS)
    x_rays = record_bank.collected(X_RAYS, tmp_path / "x-rays", LOSSES)
    assert x_rays.losses["seeds"].tolist() == [1 if number % 2 else 3 for number in range(12)]
    np.testing.assert_allclose(x_rays.raw, 1.5 * x_rays.fd)


def test_another_list_of_losses_is_refused(tmp_path: Path) -> None:
    record(tmp_path)
    with pytest.raises(UserError, match="restore that file"):
        record_bank.collected(DIGITS, tmp_path, [*LOSSES[2:10], *LOSSES[:2]])


def test_the_list_of_losses_is_one_of_distinct_losses_with_the_library_first() -> None:
    losses = record_bank.entries()
    assert [loss.text for loss in losses[: len(LIBRARY)]] == [one.formula.text for one in LIBRARY.values()]
    formulas = [Formula.from_text(loss.text) for loss in losses]
    assert [formula.text for formula in formulas] == [loss.text for loss in losses]
    assert len({fingerprint(formula) for formula in formulas}) == len(losses)
    origins = Counter(loss.origin for loss in losses)
    assert origins["copy"] == 4
    assert set(origins) == {
        "library", "search", "prototype", "copy", "found", "random paper", "random logit", "bred paper", "bred logit",
    }  # fmt: skip
