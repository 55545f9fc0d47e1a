from pathlib import Path

import pytest

from ganetic.evolution.evolution import Evolution
from ganetic.evolution.ledger import ABOUT, results_of
from ganetic.evolution.proposal import Proposal
from ganetic.evolution.results import JOURNAL, open_run
from ganetic.jobs.journal import Journal

REFERENCE = Path(__file__).parents[2] / "runs" / "reference"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper", "paper-random", "logit", "logit-random"])
def test_the_search_asks_again_for_every_trial_of_the_shipped_runs(name: str) -> None:
    config = open_run(REFERENCE / name).config
    with Journal.open_readonly(REFERENCE / name / JOURNAL) as journal:
        searched = [one for one in journal.submissions() if one.kind != "final"]
        results = results_of(journal.records())
    asked = [(one.number, Proposal.model_validate(one.payload[ABOUT])) for one in searched]
    assert len(asked) >= 220
    evolution, window = Evolution(config.space, config.seed, config.scales), config.space.evolution.window
    for index, (_, proposal) in enumerate(asked):
        if index > window:
            number, told = asked[index - window - 1]
            evolution.tell(told, results[number])
        assert evolution.ask(index) == proposal, index
