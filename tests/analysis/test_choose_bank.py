from pathlib import Path
from typing import Any

from ganetic.evolution.search import search
from ganetic.loss.library import LIBRARY
from tests.analysis.scripts import script
from tests.evolution.fakes import SPACE, runtime

choose_bank: Any = script("choose_bank")


def test_losses_that_searches_found_come_after_those_that_were_recorded(tmp_path: Path) -> None:
    run = search(SPACE, run=tmp_path / "run", runtime=runtime())
    table = run.individuals().set_index("formula")
    found = [formula.text for formula in choose_bank.trained_in([tmp_path / "run"])]
    assert found and (table.loc[found, "failed"] == 0).all() and table.loc[found, "viable"].all()
    seeds = table.loc[found, "seeds"].tolist()
    assert seeds == sorted(seeds, reverse=True) and seeds[0] > 1

    chosen = choose_bank.Chosen()
    chosen.offer("library", LIBRARY["bce"].formula)
    recorded = [("search", f"loss {number}") for number in range(choose_bank.FOUND_AFTER)]
    rows = [*recorded, ("search", "not recorded yet")]
    listed = choose_bank.with_found(chosen, rows, choose_bank.trained_in([tmp_path / "run"]))
    assert listed[: len(recorded)] == recorded and listed[-1] == rows[-1]
    added = listed[len(recorded) : -1]
    assert {origin for origin, _ in added} == {"found"}
    assert {text for _, text in added} <= set(found) and len(added) > 3
    apart = choose_bank.Chosen()
    assert all(apart.offer("found", choose_bank.Formula.from_text(text)) for _, text in added)
    assert choose_bank.with_found(chosen, rows, []) == rows, "nothing is taken twice"
