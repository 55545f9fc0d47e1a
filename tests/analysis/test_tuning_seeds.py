from typing import Any

import numpy as np
import pytest

from tests.analysis.scripts import script

tuning_seeds: Any = script("tuning_seeds")


def drawn(spread: float, count: int = 4000) -> np.ndarray[Any, Any]:
    return spread * np.random.default_rng(0).normal(size=(count, 6))


def test_noise_and_spread_are_told_apart_and_seeds_do_not_count() -> None:
    stream = np.random.default_rng(1)
    truth, found = 0.1, []
    for _ in range(300):
        ln_fd = truth * stream.normal(size=(6, 1)) + stream.normal(size=3) + 0.05 * stream.normal(size=(6, 3))
        found.append(tuning_seeds.Effects.of(ln_fd))
    assert np.mean([one.noise**2 for one in found]) == pytest.approx(0.05**2, rel=0.05)
    assert np.mean([one.spread**2 for one in found]) == pytest.approx(truth**2, rel=0.15)
    assert np.std(found[0].shrunk, ddof=1) == pytest.approx(found[0].spread)


def test_what_was_measured_is_there() -> None:
    effects = tuning_seeds.measured()
    assert list(effects) == ["bce", "relativistic-hinge"]
    assert all(one.means.shape == (6,) for one in effects.values())
    assert effects["relativistic-hinge"].spread > 3 * effects["bce"].spread


def test_without_noise_the_best_is_chosen_and_with_much_anyone() -> None:
    truth = drawn(0.1)
    for plan in tuning_seeds.PLANS:
        assert tuning_seeds.regrets(truth, 0.0, plan, np.random.default_rng(0)).max() == 0
    lost = tuning_seeds.regrets(truth, 1e6, (6,), np.random.default_rng(7)).mean()
    assert lost == pytest.approx((truth.mean(axis=1) - truth.min(axis=1)).mean(), rel=0.05)


def test_more_seeds_lose_less_and_the_best_few_nearly_as_little_as_all() -> None:
    truth = drawn(0.1)
    means = {
        plan: tuning_seeds.regrets(truth, 0.07, plan, np.random.default_rng(1)).mean() for plan in tuning_seeds.PLANS
    }
    one, two, three, four = (means[(6,) * count] for count in (1, 2, 3, 4))
    assert one > two > three > four > 0
    assert means[(6, 2, 2)] < one


def test_plans_say_what_they_are() -> None:
    assert [tuning_seeds.said(plan) for plan in ((6,), (6, 6), (6, 2, 2))] == ["1 seed", "2 seeds", "6+2+2"]


def test_a_confirmation_errs_by_noise_alone_where_rates_do_nothing_and_by_both_otherwise() -> None:
    alone = tuning_seeds.confirmation(0.0, 0.067, 4, np.random.default_rng(0))
    assert alone == pytest.approx(0.067 * np.sqrt(2 / 60))
    assert tuning_seeds.confirmation(0.06, 0.067, 4, np.random.default_rng(0)) > 1.1 * alone


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_seeds, "DRAWS", 80)
    monkeypatch.setattr("sys.argv", ["tuning_seeds.py"])
    tuning_seeds.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("bce ")
    assert sum(line.startswith("4 seeds") for line in lines) == 1 + 2 * 3
