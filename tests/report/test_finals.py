import math
import statistics
from pathlib import Path

import pandas as pd
import pytest

from ganetic.evolution.search import search
from ganetic.evolution.selection import pick_card
from ganetic.report.finals import final_ratios, finals_table, verdict
from tests.evolution.fakes import SPACE, runtime
from tests.plots.frames import final_values, finals
from tests.report.printed import lines_of
from tests.small_run import small_run


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


def test_verdict_names_the_pick_and_the_best_reference() -> None:
    run = small_run()
    finals = run.finals()
    best = finals[finals["reference"]].iloc[0]
    card = pick_card(run, "fd")
    text = verdict(run, card)
    assert f"The pick is #{finals[~finals['reference']].iloc[0]['individual']}: fd" in text
    assert f"the best published loss, {best['name']}: fd {best['fd']:.1f}" in text
    assert f"times {best['name']}'s (95 % interval " in text and "3 pairs); the seeds that chose it flatter it" in text
    outside = next(n for n in range(len(run.individuals())) if n not in set(finals["individual"]))
    assert "it was in no finals" in verdict(run, pick_card(run, str(outside)))


def test_verdict_without_references_says_how_the_pick_did(tmp_path: Path) -> None:
    finals = SPACE.finals.model_copy(update={"references": ()})
    run = search(SPACE.model_copy(update={"finals": finals}), run=tmp_path / "run", seed=7, runtime=runtime())
    said = verdict(run, pick_card(run))
    assert said.startswith("The pick is #") and "fd " in said and "in no finals" not in said
