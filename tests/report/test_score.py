import math

import pandas as pd
import pytest

from ganetic.metrics.fitness import Fitness
from ganetic.report.score import score_page, score_record
from ganetic.studies.score import Score
from tests.report.printed import lines_of


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
