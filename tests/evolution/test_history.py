from ganetic.evolution.finals import assess
from ganetic.evolution.history import history
from ganetic.evolution.trial_queue import ABOUT
from ganetic.jobs.journal import Submission
from tests.evolution.fakes import SCALE
from tests.evolution.test_sampler import THREE_RUNGS, play


def test_history_says_with_which_trial_evolution_could_know() -> None:
    _, trials = play(THREE_RUNGS, 11, 100)
    submissions = [
        Submission(n, p.kind, p.individual, p.text, {ABOUT: p.model_dump(mode="json"), "steps": p.steps}, 0.0)
        for n, (p, _) in enumerate(trials)
    ]
    final = Submission(100, "final", 0, "p", {ABOUT: {}, "steps": 999}, 0.0)
    results = {n: result for n, (_, result) in enumerate(trials)}
    everyone = assess(THREE_RUNGS, (SCALE,), submissions, results)
    table = history(THREE_RUNGS, everyone, [*submissions, final], {**results, 100: results[0]})

    assert len(table) == sum(len(one.objectives_by_rung) for one in everyone) > 40
    assert table["trial"].is_monotonic_increasing and table["steps"].is_monotonic_increasing
    for trial in (10, 37, 80, 100):
        then = assess(THREE_RUNGS, (SCALE,), submissions[:trial], results)
        rows = table[table["trial"] <= trial]
        assert len(rows) == sum(len(one.objectives_by_rung) for one in then)
        for row in rows.to_dict("records"):
            fitness = then[int(row["individual"])].fitnesses[int(row["rung"])]
            assert (row["fd"], row["instability"]) == (fitness.fd, fitness.instability)
        assert (rows["steps"] <= sum(result.steps for _, result in trials[:trial])).all()


def test_what_is_still_training_has_no_history() -> None:
    _, trials = play(THREE_RUNGS, 11, 4)
    submissions = [
        Submission(n, p.kind, p.individual, p.text, {ABOUT: p.model_dump(mode="json"), "steps": p.steps}, 0.0)
        for n, (p, _) in enumerate(trials)
    ]
    assert len(history(THREE_RUNGS, assess(THREE_RUNGS, (SCALE,), submissions, {}), submissions, {})) == 0
