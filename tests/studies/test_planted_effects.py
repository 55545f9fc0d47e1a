"""What studies of the default size find, and how often they are wrong: the statistics of every study, simulated."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from ganetic.studies.ratios import Pair, Ratio, ratios

STUDIES, SEEDS, LOSSES = 1000, 25, 10
"""Of the size that `ganetic compare` has by default with the library's losses."""
START_FD = 900.0


def study(stream: np.random.Generator, effect: float = 0.0, failing: float = 0.0) -> list[Ratio]:
    """A comparison: fd has a part of the seed, which all losses share, a loss's own, and trainings that fail.

    The last loss differs from the first, the reference, by `effect` sds of the paired difference.
    """
    sd = stream.uniform(0.12, 0.2)
    shared = stream.uniform(0, 0.7)  # share of the variance
    common = stream.normal(0, sd * shared**0.5, (SEEDS, 1))
    own = stream.normal(0, sd * (1 - shared) ** 0.5, (SEEDS, LOSSES))
    own[:, -1] += effect * (2 * (1 - shared)) ** 0.5 * sd
    failed = pd.DataFrame(stream.random((SEEDS, LOSSES)) < failing)
    fd = pd.DataFrame(np.exp(4.0 + common + own)).mask(failed, START_FD)
    names = [f"loss {number}" for number in range(LOSSES)]
    fd.columns = failed.columns = pd.Index(names)
    return ratios({"": fd}, [Pair(name, names[0]) for name in names[1:]], {"": failed})


def differs(found: list[Ratio], but: str = "") -> bool:
    return any(one.verdict != "no difference shown" for one in found if one.first != but)


@pytest.mark.slow
def test_an_effect_of_one_sd_is_found_and_nothing_else() -> None:
    stream = np.random.default_rng(1)
    last = f"loss {LOSSES - 1}"
    found = [study(stream, effect=-1.0) for _ in range(STUDIES)]
    right = sum(one.verdict == "better" for study in found for one in study if one.first == last)
    assert right >= 0.8 * STUDIES
    assert sum(differs(study, but=last) for study in found) <= 0.05 * STUDIES


@pytest.mark.slow
@pytest.mark.parametrize("failing", [0.0, 0.04, 0.1])
def test_where_nothing_differs_few_studies_say_that_anything_does(failing: float) -> None:
    stream = np.random.default_rng(2)
    wrong = sum(differs(study(stream, failing=failing)) for _ in range(2 * STUDIES))
    assert wrong <= 0.05 * 2 * STUDIES
    assert failing or wrong > 0, "a test that is never wrong has no power"


@pytest.mark.slow
@pytest.mark.parametrize(("failing", "share"), [(0.04, 0.65), (0.1, 0.35)])
def test_failures_cost_power(failing: float, share: float) -> None:
    stream = np.random.default_rng(3)
    last = f"loss {LOSSES - 1}"
    studies = [study(stream, effect=-1.0, failing=failing) for _ in range(STUDIES)]
    found = [one for one in itertools.chain(*studies) if one.first == last]
    assert sum(one.verdict == "better" for one in found) >= share * STUDIES
    assert sum(one.verdict == "worse" for one in found) <= 0.001 * STUDIES
    assert sum(differs(one, but=last) for one in studies) <= 0.05 * STUDIES
    assert all(math.isnan(one.detectable) for one in found if one.failed_pairs)
