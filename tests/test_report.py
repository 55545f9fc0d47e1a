import io
import json
import math
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console, RenderableType

from ganetic.evolution import breeding
from ganetic.evolution.run import search
from ganetic.evolution.score import Score
from ganetic.evolution.winner import pick_card
from ganetic.loss.library import LIBRARY
from ganetic.metrics.stability import Fitness
from ganetic.report import (
    final_ratios,
    finals_table,
    front_table,
    losses_record,
    losses_table,
    next_steps,
    number,
    print_text,
    records,
    run_page,
    run_record,
    score_page,
    score_record,
    to_json,
    verdict,
)
from tests.evolution.fakes import SPACE, runtime
from tests.evolution.test_driver import Notes
from tests.plots.frames import final_values, finals, front
from tests.small_run import small_run


def lines_of(part: RenderableType, width: int = 80) -> list[str]:
    file = io.StringIO()
    print_text(Console(file=file, width=width), part)
    return file.getvalue().splitlines()


def test_records_are_plain_and_hold_no_nan() -> None:
    table = pd.DataFrame({"a": np.array([1, 2]), "b": [0.1, math.nan], "c": ["x", None], "d": [math.inf, 2.5]})
    rows = records(table)
    assert rows == [{"a": 1, "b": 0.1, "c": "x", "d": None}, {"a": 2, "b": None, "c": None, "d": 2.5}]
    assert type(rows[0]["a"]) is int


def test_json_is_strict() -> None:
    assert json.loads(to_json({"formula": "p³"})) == {"formula": "p³"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"fd": math.nan})


def test_front_fits_eighty_columns_and_shortens_formulas() -> None:
    lines = lines_of(front_table(front()))
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "Front: 9 losses"
    assert lines[2].split()[:4] == ["#100", "40.0", "0.50", "7"]
    assert lines[2].rstrip().endswith("…")


def test_a_long_front_says_how_many_are_left_out() -> None:
    lines = lines_of(front_table(front(40)))
    assert lines[-1] == "… and 28 more; --json lists all"
    assert len(lines) == 1 + 1 + 12 + 1


def test_an_empty_front() -> None:
    assert lines_of(front_table(front().iloc[:0]))[0].startswith("Front: empty so far")


def test_finals_are_ordered_and_nothing_is_taken_for_markup() -> None:
    table = finals()
    table.loc[0, "readable"] = "[red]p[/red]"
    lines = lines_of(finals_table(table, final_values()))
    assert [line.split()[0] for line in lines[2:]] == ["#12", "bce", "#33"]
    assert "[red]p[/red]" in lines[2]
    assert "1/3" in lines[4]


def test_finals_say_how_much_better_with_an_interval() -> None:
    lines = lines_of(finals_table(finals(), final_values()))
    assert max(map(len, lines)) <= 80
    assert "/ bce (95 %)" in lines[1]
    logs = [math.log(a / b) for a, b in ((44, 52), (48, 58), (52, 66))]
    half = 4.302653 * statistics.stdev(logs) / 3**0.5
    low, middle, high = (math.exp(statistics.fmean(logs) + step) for step in (-half, 0, half))
    assert f" {middle:.2f} ({low:.2f}-{high:.2f}) " in lines[2]
    assert lines[3].split()[2] == "1", "the reference itself"
    alone = finals().query("~reference")
    assert "95 %" not in lines_of(finals_table(alone, final_values()))[1]


def test_final_ratios_over_several_proxies_pair_the_mean_of_a_seed() -> None:
    main = final_values().assign(proxy="main")
    both = pd.concat([main, main.assign(proxy="plain", fd=2 * main["fd"])])
    for one, other in zip(final_ratios(main, "bce"), final_ratios(both, "bce"), strict=True):
        assert one.ratio == pytest.approx(other.ratio) and one.pairs == other.pairs
    alone = both.assign(failed=both["failed"] & (both["proxy"] == "main"))
    assert {one.first: one.failed_pairs for one in final_ratios(alone, "bce")} == {
        "individual 12": 0,
        "individual 33": 1,
    }
    partly = both[~((both["seed"] == 2) & (both["proxy"] == "plain"))]
    assert {one.pairs for one in final_ratios(partly, "bce")} == {2}


def test_page_of_a_run() -> None:
    run = small_run()
    lines = lines_of(run_page(run))
    text = "\n".join(lines)
    assert max(len(line.replace(str(run.directory), "RUN")) for line in lines) <= 80
    for part in ("small on digits, seed 0: finished", "fd@digits-cnn64/64", "Front:", "Finals on fresh seeds", "bce"):
        assert part in text


def test_record_of_a_run_survives_strict_json() -> None:
    record = json.loads(to_json(run_record(small_run())))
    assert record["status"] == "finished"
    assert sum(record["states"].values()) == 40 + 5 * 3
    assert {row["name"] for row in record["finals"] if row["reference"]} == {"bce", "ganetic"}
    assert record["front"][0]["readable"]


def test_every_loss_is_listed_with_its_formula_and_source() -> None:
    text = "\n".join(lines_of(losses_table()))
    rows = {row["name"]: row for row in losses_record()}
    assert set(rows) == set(LIBRARY)
    for name, loss in LIBRARY.items():
        assert name in text and loss.source.url in text
        assert rows[name]["expressions"] == loss.formula.expressions
    assert rows["bce-minimax"]["fails_screen"] == "vanishing"
    to_json(losses_record())


def test_next_steps_name_real_paths() -> None:
    run = small_run()
    assert f"ganetic resume {run.directory}" in next_steps(run, None).plain
    best = run.directory / "best.json"
    assert f"ganetic confirm {run.directory}" in next_steps(run, best).plain


def test_verdict_names_the_pick_and_the_best_reference() -> None:
    run = small_run()
    finals = run.finals()
    best = finals[finals["reference"]].iloc[0]
    card = pick_card(run, "fid")
    text = verdict(run, card).plain
    assert f"The pick is #{finals[~finals['reference']].iloc[0]['individual']}: fd" in text
    assert f"the best published loss, {best['name']}: fd {best['fd']:.1f}" in text
    assert f"times {best['name']}'s (95 % interval " in text and "3 pairs); the seeds that chose it flatter it" in text
    outside = next(n for n in range(len(run.individuals())) if n not in set(finals["individual"]))
    assert "it was in no finals" in verdict(run, pick_card(run, str(outside))).plain


def test_verdict_without_references_says_how_the_pick_did(tmp_path: Path) -> None:
    finals = SPACE.finals.model_copy(update={"references": ()})
    run = search(SPACE.model_copy(update={"finals": finals}), run=tmp_path / "run", seed=7, runtime=runtime())
    said = verdict(run, pick_card(run)).plain
    assert said.startswith("The pick is #") and "fd " in said and "in no finals" not in said


def test_an_exhausted_search_says_so_and_does_not_advise_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breeding, "MAX_DRAWS", 300)
    notes = Notes()
    run = search(
        SPACE.model_copy(update={"operators": ("neg",)}), run=tmp_path / "run", runtime=runtime(), listener=notes
    )
    assert any("of 300 draws none is new and passes the screen (" in message for message in notes.messages)
    assert any(line.startswith("stopped early") for line in lines_of(run_page(run)))
    assert "resume" not in next_steps(run, None).plain and "ganetic show" in next_steps(run, None).plain


@pytest.mark.parametrize(("seeds", "part"), [(3, ", 95 % interval 40.0-55.0 (real"), (1, ": 47.0 (real")])
def test_a_score_has_an_interval_where_there_is_one(seeds: int, part: str) -> None:
    known = Fitness(47.0, 0.1, 0)
    table = pd.DataFrame({"seed": range(seeds), "state": "completed", "reason": None, "fd": 47.0, "seconds": 1.0})
    ends = (40.0, 55.0) if seeds > 1 else (math.nan, math.nan)
    score = Score("bce", "softplus(-d)", "fd@x", 2.3, 100, table, known, *ends)
    assert part in "\n".join(lines_of(score_page(score)))
    assert (score_record(score)["fd_low"], score_record(score)["fd_high"]) == (
        (40.0, 55.0) if seeds > 1 else (None, None)
    )


def test_number() -> None:
    assert (number(1.26), number(1.264, 2), number(math.nan)) == ("1.3", "1.26", "-")
