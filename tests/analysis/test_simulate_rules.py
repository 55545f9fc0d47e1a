from typing import Any

import numpy as np
import pytest

from analysis.bank_worlds import Model
from ganetic.studies.bank import Bank, bank
from tests.analysis.scripts import script
from tests.studies.made_up_bank import made_up_bank

simulate_rules: Any = script("simulate_rules")
BANK = made_up_bank()


def printed(capsys: pytest.CaptureFixture[str], searches: int) -> list[str]:
    bench = simulate_rules.Bench(Model.of(BANK), map)
    policies = [simulate_rules.ONE_SEED, simulate_rules.FLAT, simulate_rules.RACING]
    bench.show(simulate_rules.Setting(searches, budget=40_000), policies, "some policies")
    return capsys.readouterr().out.splitlines()


def test_a_table_fits_the_page_and_is_printed_again_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, 4)
    assert lines[1] == "some policies"
    assert len(lines) == 3 + 3
    assert max(map(len, lines)) <= 80
    assert printed(capsys, 4) == lines


def test_what_the_bank_holds_and_what_rules_do_to_it_fits_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    simulate_rules.about(BANK, Model.of(BANK))
    simulate_rules.kill_rules(BANK)
    lines = capsys.readouterr().out.splitlines()
    assert "210 trainings of 45 losses" in lines[0]
    assert max(map(len, lines)) <= 80


def test_a_rule_that_stops_all_the_dead_saves_their_steps(capsys: pytest.CaptureFixture[str]) -> None:
    simulate_rules.kill_rules(BANK)
    rows = {line[:34].strip(): line[34:].split() for line in capsys.readouterr().out.splitlines()[1:]}
    # A third of the losses is dead; of their 400 steps 300 are saved.
    assert rows["100: > 0.7"] == ["25%", "100%", "0.0%", "0.0%"]


def test_rules_at_steps_that_were_not_measured_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    kept = [0, 2, 4, 6, 8]
    steps = BANK.steps[kept].tolist()
    sparse = Bank.of(BANK.losses, steps, BANK.fd[:, :, kept], BANK.outcomes, BANK.seconds, BANK.about)
    simulate_rules.about(sparse, Model.of(sparse))
    simulate_rules.kill_rules(sparse)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("100: > 0.7 ") for line in lines)
    assert not any("50: >" in line for line in lines)


def test_a_bank_of_x_rays_gets_rules_of_its_own_in_all_policies(capsys: pytest.CaptureFixture[str]) -> None:
    x_rays = bank("pneumonia")
    rules = simulate_rules.rules_of(x_rays)
    assert rules.kill != simulate_rules.rules_of(BANK).kill == simulate_rules.KILL
    bench = simulate_rules.Bench(Model.of(x_rays), map, rules.kill)
    policies = [simulate_rules.ONE_SEED, simulate_rules.KILLING]
    bench.show(simulate_rules.Setting(3, budget=40_000, close=True), policies, "two policies")
    patient, killing = (line.split() for line in capsys.readouterr().out.splitlines()[-2:])
    assert int(killing[5]) > int(patient[6])  # losses tried


def test_pages_are_named_after_the_bank() -> None:
    assert simulate_rules.page_of("mnist5k").name == "simulate_rules.md"
    assert simulate_rules.page_of("pneumonia").name == "simulate_rules_pneumonia.md"
    assert simulate_rules.page_of("some/other.npz").name == "simulate_rules_other.md"


def test_every_policy_costs_what_its_finals_say() -> None:
    for policies in (
        simulate_rules.climbing(simulate_rules.PAPER, 2, 3),
        simulate_rules.ending(simulate_rules.FLAT, ((8, 3),), ((8, 1), (4, 3), (2, 7))),
    ):
        assert len({policy.name for policy in policies}) == len(policies)
    staged = simulate_rules.ending(simulate_rules.FLAT, ((8, 1), (4, 3), (2, 7)))[0]
    assert staged.final_trials == 8 + 4 * 2 + 2 * 4


def test_two_policies_are_compared_in_the_same_worlds() -> None:
    mine, theirs = np.zeros((20, 6)), np.zeros((20, 6))
    mine[:9, 1] = theirs[8:10, 1] = 1.0
    mine[:, 4] = np.log(2) + np.tile((0.1, -0.1), 10)
    said = simulate_rules.side_by_side(mine, theirs)
    assert "8:1, p = 0.039" in said and "fd x 2.0000 (" in said


def test_the_front_is_covered_by_its_own_members_and_by_nobody_else() -> None:
    points = [(0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (3.0, 3.0)]
    # Below the nadir, moved to (2.2, 2.2), the front covers 2.2 * 0.2 + 1.2 * 1 + 0.2 * 1 = 1.84.
    assert simulate_rules.coverage(points, [0, 1, 2]) == pytest.approx(1.0)
    assert simulate_rules.coverage(points, [1]) == pytest.approx(1.2 * 1.2 / 1.84)
    assert simulate_rules.coverage(points, [0]) == pytest.approx(2.2 * 0.2 / 1.84)
    assert simulate_rules.coverage(points, [3]) == 0
