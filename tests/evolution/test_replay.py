import random
from pathlib import Path

import pytest

from analysis.bench_replay import proposals, replayed, write_run
from ganetic.evolution.results import open_run

COUNT = 2000


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    write_run(folder, COUNT)
    return folder


def test_a_long_journal_is_taken_in_as_it_was_written(directory: Path) -> None:
    run = open_run(directory)
    config = run.config
    evolution = replayed(directory, config, COUNT).evolution
    table = run.individuals()
    assert [one.text for one in evolution.individuals] == table["formula"].tolist()
    assert run.asked == COUNT == len(run.results)
    assert 0.3 < table["viable"].mean() < 0.5
    assert set(table["rung"]) == {-1, 0, 1}
    agreeing = [one for one in evolution.individuals if one.rung == table["rung"][one.number]]
    # The results of the window are not told yet; of all others evolution knows what the tables know.
    assert len(table) - config.space.evolution.window <= len(agreeing) < len(table)
    for one in agreeing:
        if one.fitnesses:
            assert table["fd"][one.number] == one.fitness.fd
            assert table["instability"][one.number] == one.fitness.instability
    assert len(evolution.population) == config.space.evolution.population
    assert all(one.viable for one in evolution.population)


def test_two_replays_agree_and_go_on_alike(directory: Path) -> None:
    config = open_run(directory).config
    first, second = (replayed(directory, config, COUNT).evolution for _ in range(2))
    assert first.individuals == second.individuals
    assert first.population == second.population
    assert first.ask(COUNT) == second.ask(COUNT)


def test_the_made_up_journal_is_a_realistic_mix(directory: Path) -> None:
    trials = list(proposals(open_run(directory).config.space, COUNT, random.Random(0)))
    assert len({proposal.text for proposal, _ in trials if proposal.kind == "child"}) == trials[-1][0].individual + 1
    assert 0.35 < sum(completes for _, completes in trials) / COUNT < 0.7
