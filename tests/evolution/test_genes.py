"""Rates as genes, in a search whose children are chosen by their neighbours."""

import logging
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.evolution.resources import Context
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import plan, resume, search
from ganetic.evolution.selection import pick_card
from ganetic.evolution.space import Genes, SearchSpace
from ganetic.jobs.executor import Executor, Payload, SerialExecutor
from ganetic.loss.export import python_module
from ganetic.report.renderers.markdown import markdown
from ganetic.report.run import run_page, run_record
from ganetic.training.rates import MOST_EXTENSIONS, Rates
from tests.evolution.fakes import KILL, SPACE, journal_of, runtime, serial_with_mishaps, simulated, trials_of
from tests.evolution.victim import drive_until

GENES = Genes(learning_rates=(1e-3, 2e-3, 4e-3), beta1s=(0.0, 0.5), tuning_seeds=2)
CHOOSY = SPACE.evolution.model_copy(update={"candidates": 6})
WITH_GENES = SPACE.model_copy(update={"genes": GENES, "evolution": CHOOSY})
SEEDED = SearchSpace.model_validate(
    {
        **WITH_GENES.model_dump(),
        "form": "logit",
        "operators": ["neg", "softplus", "relu", "add", "sub", "square"],
        "library_seeds": ["bce", "hinge"],
    }
)
MISHAPS = runtime(serial_with_mishaps)
TRIALS = SPACE.stop.max_trials
CONTESTANTS = SPACE.finals.finalists + len(SPACE.finals.references)


@cache
def finished(space: SearchSpace = WITH_GENES) -> Run:
    return search(space, run=Path(mkdtemp(prefix="ganetic-")) / "run", seed=7, runtime=MISHAPS)


def payloads(run: Run, *kinds: str) -> list[dict[str, object]]:
    return [
        {**submission.payload, **trial.model_dump(mode="json")}
        for submission, trial in trials_of(run.directory)
        if submission.kind in kinds
    ]


def rates_of(payload: dict[str, object]) -> Rates:
    proxy = payload["proxy"]
    assert isinstance(proxy, dict)
    return Rates(learning_rate=proxy["learning_rate"], beta1=proxy["beta1"])


def test_individuals_carry_rates_of_the_list_and_are_trained_with_them() -> None:
    trials = payloads(finished(), "child", "reseed")
    for trial in trials:
        about = trial["about"]
        assert isinstance(about, dict)
        assert rates_of(trial) == Rates(**about["rates"])
    assert 3 < len({rates_of(trial) for trial in trials}) <= len(GENES.pairs)


def test_a_duplicate_is_one_whose_gradients_and_rates_are_known() -> None:
    table = finished().individuals()
    keys = list(zip(table["fingerprint"], table["learning_rate"], table["beta1"], strict=True))
    assert len(set(keys)) == len(keys)
    assert len(set(table["fingerprint"])) < len(table)


def test_other_rates_make_a_child_of_the_same_loss() -> None:
    table = finished().individuals().set_index("individual")
    children = table[table["origin"].str.startswith("rates ")]
    assert len(children)
    for _, child in children.iterrows():
        parent = table.loc[int(child["origin"].split()[1])]
        assert child["formula"] == parent["formula"]
        assert (child["learning_rate"], child["beta1"]) != (parent["learning_rate"], parent["beta1"])


def test_other_children_have_the_rates_of_their_first_parent() -> None:
    table = finished().individuals().set_index("individual")
    bred = table[~table["origin"].str.contains("random|rates")]
    assert len(bred)
    for _, child in bred.iterrows():
        parent = table.loc[int(child["origin"].split()[1])]
        assert (child["learning_rate"], child["beta1"]) == (parent["learning_rate"], parent["beta1"])


def test_losses_of_the_library_come_first_at_all_rates() -> None:
    table = finished(SEEDED).individuals()
    first = table.head(2 * len(GENES.pairs))
    assert first["origin"].tolist() == ["library bce"] * 6 + ["library hinge"] * 6
    for name in ("library bce", "library hinge"):
        own = first[first["origin"] == name]
        assert list(zip(own["learning_rate"], own["beta1"], strict=True)) == [
            (one.learning_rate, one.beta1) for one in GENES.pairs
        ]
    assert not table["origin"][12].startswith("library")


def test_rules_that_stop_a_trial_hold_from_the_rate_on_that_they_were_made_with() -> None:
    for trial in payloads(finished(), "child"):
        slower = rates_of(trial).learning_rate < SPACE.proxies[0].learning_rate
        assert trial["kill"] == ([] if slower else [rule.model_dump() for rule in KILL])


def test_every_contestant_is_trained_at_all_rates_on_seeds_of_their_own() -> None:
    trials = payloads(finished(), "tuning")
    assert len(trials) == CONTESTANTS * len(GENES.pairs) * GENES.tuning_seeds
    assert {trial["seed"] for trial in trials} == {7500, 7501}
    assert {trial["steps"] for trial in trials} == {SPACE.finals.steps}
    assert all(trial["kill"] == [] for trial in trials)


def test_contestants_enter_the_finals_with_the_rates_that_are_best_for_them() -> None:
    run = finished()
    table, finals = run.tuning(), run.finals().set_index("contestant")
    assert len(table) == CONTESTANTS * len(GENES.pairs)
    for name, own in table.groupby("contestant"):
        (chosen,) = own[own["chosen"]].to_dict("records")
        assert chosen["fd"] == own["fd"].min()
        assert (finals["learning_rate"][name], finals["beta1"][name]) == (chosen["learning_rate"], chosen["beta1"])
    for trial in payloads(run, "final"):
        about = trial["about"]
        assert isinstance(about, dict)
        assert rates_of(trial) == Rates(**about["rates"]) == run.final_rates(about["contestant"])


def test_of_one_loss_with_several_rates_one_enters_the_finals() -> None:
    for space in (WITH_GENES, SEEDED):
        finals = finished(space).finals()
        assert finals["formula"].is_unique


def test_a_best_rate_at_the_end_extends_the_list_for_all_contestants(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    genes = Genes(learning_rates=(4e-3, 8e-3, 1.6e-2), tuning_seeds=1)
    run = search(SPACE.model_copy(update={"genes": genes}), run=tmp_path / "run", seed=7, runtime=MISHAPS)
    table = run.tuning()
    # The best of each is at 2e-3, which lies within once 1e-3 was tried as well.
    assert set(table["learning_rate"]) == {1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2}
    assert (table.groupby("contestant").size() == 5).all()
    trains = table[table["chosen"] & (table["fd"] < run.config.start_fd)]
    assert set(trains["learning_rate"]) == {2e-3}
    assert "extended by 0.001, 0.002" in caplog.text


def test_a_list_is_not_extended_for_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    genes = Genes(learning_rates=(0.1, 0.2), tuning_seeds=1)
    space = SPACE.model_copy(update={"genes": genes})
    run = search(space, run=tmp_path / "run", seed=7, runtime=MISHAPS)
    assert run.status == "finished"
    assert min(run.tuning()["learning_rate"]) == 0.1 / 2**MOST_EXTENSIONS
    assert "lies at the end of the list even so" in caplog.text


@pytest.mark.parametrize("slots", [1, 2, 16])
def test_a_search_with_genes_is_the_same_on_any_number_of_workers(slots: int, tmp_path: Path) -> None:
    search(WITH_GENES, run=tmp_path / "run", seed=7, runtime=runtime(simulated(slots)))
    assert journal_of(tmp_path / "run") == journal_of(finished().directory)


def test_a_search_that_is_left_anywhere_comes_to_the_same_end(tmp_path: Path) -> None:
    total = len(journal_of(finished().directory)["submissions"])
    directory = tmp_path / "run"
    for moment in (("ended", 15), ("submitted", 45), ("ended", 30), ("recorded", 20)):
        drive_until(directory, moment, WITH_GENES)
    assert open_run(directory).status == "stopped"
    assert TRIALS < len(journal_of(directory)["records"]) < total  # the last one killed it while it chose rates
    resume(directory, MISHAPS)
    assert journal_of(directory) == journal_of(finished().directory)


def test_children_that_are_chosen_are_other_children() -> None:
    plain = finished(WITH_GENES.model_copy(update={"evolution": SPACE.evolution}))
    mine, theirs = (run.individuals()["formula"].tolist() for run in (finished(), plain))
    first = SPACE.evolution.population
    assert mine[:first] == theirs[:first]
    assert mine != theirs
    assert "candidates" not in plain.config.space.evolution.model_dump()


def test_a_search_in_which_nothing_trained_and_that_has_no_references_ends(tmp_path: Path) -> None:
    finals = SPACE.finals.model_copy(update={"references": ()})
    space = WITH_GENES.model_copy(update={"finals": finals})

    def dead(proxy_data: Context) -> Executor:
        return SerialExecutor(_dies, proxy_data)

    run = search(space, run=tmp_path / "run", seed=7, runtime=runtime(dead, max_trials=5))
    assert run.status == "finished"
    assert run.finals().empty
    assert run.tuning().empty
    assert "Front: " in markdown(run_page(run))


def _dies(context: Context | None, payload: Payload) -> dict[str, object]:
    trace = [[0, 900.0], [payload["steps"], 890.0]]
    return {"state": "failed", "reason": "learnt_nothing", "trace": trace, "steps": payload["steps"]}


def test_rates_that_are_shown_are_those_of_the_finals_that_are_shown(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    first = search(WITH_GENES, run=directory, seed=7, runtime=runtime(serial_with_mishaps, max_trials=20))
    shown = first.tuning()
    # The longer search is left while it chooses rates for its own finals.
    drive_until(directory, ("ended", TRIALS - 20 + 6), max_trials=TRIALS)
    left = open_run(directory)
    assert left.asked == TRIALS
    assert left.tuning().equals(shown)
    assert left.finals().equals(first.finals())
    assert "Finals" in markdown(run_page(left))
    longer = resume(directory, MISHAPS)
    assert not longer.tuning().equals(shown)
    assert set(longer.tuning()["contestant"]) == set(longer.finals()["contestant"])


def test_cards_and_modules_say_the_rates() -> None:
    run = finished()
    card = pick_card(run, "fd")
    rates = run.final_rates(f"individual {card.provenance.individual}")
    assert rates is not None
    assert card.training is not None
    assert (card.training.learning_rate, card.training.beta1) == (rates.learning_rate, rates.beta1)
    assert (card.results[0].learning_rate, card.results[0].beta1) == (rates.learning_rate, rates.beta1)
    assert {reference.results[0].learning_rate for reference in card.references} == {2e-3}
    text = python_module(card)
    assert f"learning rate {rates.learning_rate:g}, betas ({rates.beta1:g}" in " ".join(text.split())


def test_the_card_of_one_who_was_in_no_finals_says_its_own_rates() -> None:
    run = finished()
    table = run.individuals()
    outside = table[table["viable"] & ~table["individual"].isin(run.finals()["individual"])].iloc[0]
    card = pick_card(run, str(outside["individual"]))
    assert card.training is not None
    assert (card.training.learning_rate, card.training.beta1) == (outside["learning_rate"], outside["beta1"])


def test_a_plan_counts_the_trainings_that_choose_rates() -> None:
    planned = plan(WITH_GENES, runtime=MISHAPS)
    assert planned["tuning_trials"] == CONTESTANTS * len(GENES.pairs) * GENES.tuning_seeds
    assert "tuning_trials" not in plan(SPACE, runtime=MISHAPS)


def test_records_of_searches_without_genes_say_nothing_of_them(tmp_path: Path) -> None:
    run = search(SPACE, run=tmp_path / "run", seed=7, runtime=MISHAPS)
    assert "rates" not in str(journal_of(tmp_path / "run")["submissions"])
    assert "learning_rate" not in run.individuals()
    assert "tuning" not in run_record(run)
    assert "genes" not in run.config.space.model_dump()
    assert open_run(tmp_path / "run").tuning().empty


@pytest.mark.parametrize(
    ("genes", "said"),
    [
        ({"learning_rates": [2e-3, 1e-3]}, "must rise"),
        ({"learning_rate": [1e-3]}, 'did you mean "learning_rates"'),
        ({"learning_rates": [1e-3, 2e-3], "tuning_seeds": 0}, "tuning_seeds"),
    ],
)
def test_genes_that_are_none_are_refused_in_a_line(genes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        validate({**SPACE.model_dump(), "genes": genes}, SearchSpace, "space.toml")
    assert "\n" not in str(caught.value)
