from pathlib import Path

import pytest

from ganetic.evolution.finals import AFTER_SEARCH
from ganetic.evolution.results import JOURNAL, open_run
from ganetic.evolution.sampler import NSGA2Sampler
from ganetic.evolution.trial_queue import ABOUT, results_of, submissions_in
from ganetic.evolution.trial_request import TrialRequest
from ganetic.jobs.journal import Journal

ROOT = Path(__file__).parents[2]
RUNS = (
    *(f"runs/reference/{name}" for name in ("paper", "paper-random", "logit", "logit-random")),
    # With rates as genes and a choice among children. The others such took some losses that train alike for two.
    "runs/reference/better-loss/colour-neighbours-s7101",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_search_asks_again_for_every_trial_of_the_shipped_runs(name: str) -> None:
    config = open_run(ROOT / name).config
    with Journal.open_readonly(ROOT / name / JOURNAL) as journal:
        searched = [one for one in submissions_in(journal) if one.kind not in AFTER_SEARCH]
        results = results_of(journal.records())
    asked = [(one.number, TrialRequest.model_validate(one.payload[ABOUT])) for one in searched]
    assert len(asked) >= 100
    evolution, window = NSGA2Sampler(config.space, config.seed, config.scales), config.space.evolution.window
    for index, (_, proposal) in enumerate(asked):
        if index > window:
            number, told = asked[index - window - 1]
            evolution.tell(told, results[number])
        assert evolution.ask(index) == proposal, index
