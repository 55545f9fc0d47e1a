import math

import numpy as np
import pandas as pd
import pytest

from ganetic.studies.formatting import claim, interval, listed, measured, number, p_value, ratio_number
from ganetic.studies.ratios import Pair, Ratio, default_reference, ratios


def table(better: float = 0.8, seeds: int = 20) -> pd.DataFrame:
    stream = np.random.default_rng(0)
    common = 50 * np.exp(stream.normal(0, 0.1, seeds))
    noise = np.exp(stream.normal(0, 0.05, (3, seeds)))
    return pd.DataFrame({"bce": common * noise[0], "good": better * common * noise[1], "equal": common * noise[2]})


PAIRS = [Pair("equal", "bce"), Pair("good", "bce")]


def test_a_ratio_is_that_of_geometric_means() -> None:
    data = table()
    good, equal = ratios({"": data}, PAIRS)
    means = np.exp(np.log(data).mean())
    assert (good.first, equal.first) == ("good", "equal"), "by rising ratio"
    assert good.ratio == pytest.approx(means["good"] / means["bce"])
    assert good.low < good.ratio < good.high < 1 and good.verdict == "better"
    assert equal.verdict == "no difference shown" and equal.low < 1 < equal.high
    (inverse,) = ratios({"": data}, [Pair("bce", "good")])
    assert inverse.ratio == pytest.approx(1 / good.ratio) and inverse.verdict == "worse"
    assert inverse.low == pytest.approx(1 / good.high) and inverse.detectable == pytest.approx(good.detectable)


def test_units_do_not_matter() -> None:
    first, scaled = ratios({"": table()}, PAIRS), ratios({"": 1000 * table()}, PAIRS)
    for one, other in zip(first, scaled, strict=True):
        assert one.holm_p == pytest.approx(other.holm_p) and one.ratio == pytest.approx(other.ratio)


def test_only_seeds_that_both_have_are_paired() -> None:
    data = table()
    data.loc[0, "good"] = math.nan
    data.loc[1, "bce"] = math.nan
    assert {one.first: one.pairs for one in ratios({"": data}, PAIRS)} == {"good": 18, "equal": 19}
    data["bce"] = math.nan
    assert ratios({"": data}, PAIRS) == []
    assert ratios({"": table()[["good"]]}, PAIRS) == []


def test_a_family_spans_the_proxies() -> None:
    alone = ratios({"main": table()}, PAIRS)
    both = ratios({"main": table(), "plain": table(1.0)}, PAIRS)
    assert [one.proxy for one in both] == ["main", "main", "plain", "plain"]
    assert both[0].holm_p == pytest.approx(2 * alone[0].holm_p)


def test_huge_differences_stay_finite() -> None:
    data = pd.DataFrame({"a": [1e-300, 1e300], "b": [1e300, 1e-300]})
    (one,) = ratios({"": data}, [Pair("a", "b")])
    assert all(math.isfinite(value) for value in (one.ratio, one.low, one.high, one.detectable))


def test_default_reference() -> None:
    assert default_reference(["hinge", "bce"]) == "bce"
    assert default_reference(["hinge", "lsgan"]) == "hinge"


def one(verdict: str, pairs: int = 20) -> Ratio:
    spread = (math.nan, math.nan, math.nan) if pairs == 1 else (0.793, 0.957, 0.9)
    return Ratio("", "mine", "bce", pairs, 0.871, *spread[:2], 0.001, 0.002, 0.0042, verdict, spread[2], 0, 0.871)


def test_a_failed_training_is_told_and_no_bound_is_given() -> None:
    data = table()
    data.loc[3, "good"] = data.loc[4, "bce"] = 500.0
    failed = pd.DataFrame(data=False, index=data.index, columns=data.columns)
    failed.loc[3, "good"] = failed.loc[4, "bce"] = True
    found = {one.first: one for one in ratios({"": data}, PAIRS, {"": failed})}
    good = found["good"]
    assert good.failed_pairs == 2 and found["equal"].failed_pairs == 1
    assert math.isnan(good.detectable)
    rest = data.drop(index=[3, 4])
    assert good.trained == pytest.approx(math.exp(np.log(rest["good"] / rest["bce"]).mean()))
    assert f"20 pairs, 2 with a failed training, which counts as untrained; {good.trained:.3f} over" in measured(good)


def test_one_failure_does_not_turn_a_better_loss_into_a_worse_one() -> None:
    stream = np.random.default_rng(0)
    bce = np.exp(4 + stream.normal(0, 0.1, 25))
    mine = bce * np.exp(stream.normal(-0.08, 0.03, 25))
    mine[3] = 900.0
    failed = pd.DataFrame({"mine": np.arange(25) == 3, "bce": False})
    (found,) = ratios({"": pd.DataFrame({"mine": mine, "bce": bce})}, [Pair("mine", "bce")], {"": failed})
    assert found.wilcoxon_p < 0.001 and found.ratio > 1 > found.trained
    assert found.verdict == "no difference shown"


def test_equal_differences_say_nothing_of_their_spread() -> None:
    for factor in (1.0, 2.0):
        (one,) = ratios(
            {"": pd.DataFrame({"a": [50.0, 60.0] * 3, "b": [50.0 * factor, 60.0 * factor] * 3})}, [Pair("a", "b")]
        )
        assert all(map(math.isnan, (one.low, one.high, one.detectable)))
        assert one.verdict == ("no difference shown" if factor == 1 else "better")


def test_claims_carry_interval_and_p() -> None:
    said = "fd 0.871 times bce's (95 % interval 0.793-0.957, 20 pairs)"
    assert measured(one("better")) == said
    assert claim(one("better")) == f"better than bce: {said}, Holm p 0.004"
    assert claim(one("worse")).startswith("worse than bce: ")
    null = claim(one("no difference shown"))
    assert null.startswith(f"no difference from bce shown: {said}") and "a true ratio of 0.900" in null
    assert claim(one("no difference shown", 1)).endswith("(1 pair: no interval), Holm p 0.004")


def test_numbers() -> None:
    assert [number(value) for value in (1.234, 9.994, 9.996, 45.27, 904.2, 1234.5, math.nan)] == [
        *("1.23", "9.99", "10.0", "45.3", "904.2", "1234", "-"),
    ]
    assert [ratio_number(value) for value in (0.8714, 9.9996, 13.88, math.nan)] == ["0.871", "10.0", "13.9", "-"]
    assert [p_value(value) for value in (1.0, 0.0491, 0.00049, 0.0)] == ["1.000", "0.049", "<0.001", "<0.001"]
    assert (interval(0.5, 1.5), interval(math.nan, math.nan)) == ("0.500-1.500", "-")
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
