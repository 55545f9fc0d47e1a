import signal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from ganetic.errors import UserError
from ganetic.evolution.resources import Context
from ganetic.evolution.results import Run
from ganetic.evolution.search import search
from ganetic.evolution.selection import pick_card
from ganetic.evolution.space import Genes, SpaceProxy
from ganetic.jobs.executor import Executor, SerialExecutor
from ganetic.loss.card import read_card, write_card
from ganetic.studies.confirm import Confirmation, confirm
from ganetic.studies.formatting import claim
from tests.evolution.fakes import PROXY_DATA, SCALE, SPACE, runtime, serial, work
from tests.evolution.victim import Fatal, Moment, in_process

TWO = SPACE.model_copy(
    update={"proxies": (SpaceProxy(), SpaceProxy(name="plain", batch_norm=False)), "rungs": SPACE.rungs[:1]}
)
SEED = 7


def made(directory: Path, **options: Any) -> Run:
    return search(options.pop("space", SPACE), run=directory, seed=SEED, runtime=runtime(serial, **options))


@cache
def finished() -> Run:
    """A run that many tests confirm into."""
    return made(Path(mkdtemp(prefix="ganetic-confirm-")) / "run")


def confirmed(run: Run, make_executor: Any = serial, **options: Any) -> Confirmation:
    return confirm(run, runtime=runtime(make_executor), **options)


def test_the_pick_and_the_references_train_on_seeds_that_chose_nothing() -> None:
    run = finished()
    confirmation = confirmed(run)
    runs, card = confirmation.comparison.runs(), confirmation.card
    assert list(dict.fromkeys(runs["loss"])) == [card.name, "bce", "ganetic"]
    assert set(runs["seed"]) == set(range(1000 * SEED + 200, 1000 * SEED + 220))
    assert not set(runs["seed"]) & set(run.trials()["seed"])
    assert set(runs["steps"]) == {SPACE.finals.steps}
    assert card.formula == pick_card(run).formula
    assert confirmation.comparison.directory.parent == run.directory / "confirmation"
    assert run.status == "finished", "confirming leaves the run as it was"


def test_the_card_has_the_confirmation_behind_the_finals(tmp_path: Path) -> None:
    run = finished()
    confirmation = confirmed(run)
    card = confirmation.card
    assert [result.role for result in card.results] == ["final", "confirmation"]
    result = card.results[-1]
    own = confirmation.comparison.runs().query("loss == @card.name")
    assert list(result.seeds) == own["seed"].tolist() and len(result.seeds) == 20
    assert list(result.values) == [round(fd, 4) for fd in own["counted_fd"]]
    assert (result.metric, result.floor, result.data) == (PROXY_DATA.protocol, SCALE.floor_fd, PROXY_DATA.data)
    assert result.failed == (own["state"] != "completed").sum()
    assert result.model.startswith("dcgan") and result.instability is not None
    assert [reference.name for reference in card.references] == ["bce", "ganetic"]
    for reference in card.references:
        assert [one.role for one in reference.results] == ["final", "confirmation"]
        assert reference.results[-1].seeds == result.seeds
    write_card(card, tmp_path / "best.json")
    assert read_card(tmp_path / "best.json") == card


def test_an_individual_by_its_number_needs_no_finals() -> None:
    run = finished()
    outside = min(set(run.individuals().query("viable")["individual"]) - set(run.finals()["individual"]))
    card = confirmed(run, pick=str(outside), seeds=4).card
    assert [result.role for result in card.results] == ["search", "confirmation"]
    assert [one.role for reference in card.references for one in reference.results] == ["confirmation"] * 2


def test_each_loss_is_confirmed_with_the_rates_of_the_finals(tmp_path: Path) -> None:
    genes = Genes(learning_rates=(1e-3, 2e-3, 4e-3), beta1s=(0.0, 0.5), tuning_seeds=1)
    run = made(tmp_path / "run", space=SPACE.model_copy(update={"genes": genes}))
    confirmation = confirmed(run, pick="fd", seeds=2)
    card = confirmation.card
    own = run.final_rates(f"individual {card.provenance.individual}")
    losses = {loss.name: loss.rates for loss in confirmation.comparison.settings.losses}
    assert losses == {card.name: own, "bce": run.final_rates("bce"), "ganetic": run.final_rates("ganetic")}
    assert own is not None
    for result in (*card.results, *card.references[0].results):
        assert result.learning_rate == 2e-3
    assert card.training is not None
    assert card.training.learning_rate == own.learning_rate


def test_claims_say_what_was_measured() -> None:
    confirmation = confirmed(finished())
    lines = confirmation.claims()
    assert lines[0] == f"{confirmation.card.name} on 20 seeds that chose nothing, 80 steps each:"
    for line, ratio in zip(lines[1:], confirmation.comparison.ratios(), strict=False):
        assert line.strip() == claim(ratio)
        assert (ratio.first, ratio.pairs) == (confirmation.card.name, 20)
    spread = next(line for line in lines if "worst/best over seeds" in line)
    assert all(f"{name} " in spread for name in confirmation.comparison.settings.names)
    assert lines[-1].startswith(f"May be claimed of {PROXY_DATA.protocol} and dcgan")


def test_each_proxy_has_its_own_result(tmp_path: Path) -> None:
    confirmation = confirmed(made(tmp_path / "run", space=TWO), seeds=5)
    assert confirmation.comparison.total == 3 * 5 * 2
    assert [result.role for result in confirmation.card.results] == ["final", "final", "confirmation", "confirmation"]
    assert [result.model for result in confirmation.card.results[2:]] == ["dcgan8-w16", "dcgan8-w16-nobn"]
    claims = "\n".join(confirmation.claims())
    assert claims.count("bce on main") >= 1 and claims.count("bce's on plain") == 1
    assert "worst/best over seeds on plain" in claims


@pytest.mark.parametrize("moment", [("ended", 5), ("recorded", 5)])
def test_killed_it_goes_on(tmp_path: Path, moment: Moment) -> None:
    run = made(tmp_path / "run")
    process = in_process(_drive, run.directory, {moment: signal.SIGKILL})
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    trained: list[int] = []

    def counting(context: Context) -> Executor:
        def counted(context: Context, payload: dict[str, Any]) -> dict[str, Any]:
            trained.append(payload["seed"])
            return work(context, payload)

        return SerialExecutor(counted, context)

    confirmation = confirmed(run, counting, seeds=4)
    assert len(trained) == 12 - (4 if moment[0] == "ended" else 5)
    again = confirmed(run, counting, seeds=4)
    assert again.claims() == confirmation.claims() and again.card == confirmation.card
    assert len(trained) < 12


def _drive(directory: Path, moments: dict[Moment, int]) -> None:
    confirm(directory, seeds=4, runtime=runtime(lambda context: Fatal(serial(context), moments)))


def test_a_run_without_finals_is_refused(tmp_path: Path) -> None:
    process = in_process(_search, tmp_path / "run", {("ended", 10): signal.SIGKILL})
    process.start()
    process.join()
    with pytest.raises(UserError, match=r"the run is stopped.*ganetic resume"):
        confirm(tmp_path / "run", runtime=runtime())


def _search(directory: Path, moments: dict[Moment, int]) -> None:
    search(SPACE, run=directory, seed=SEED, runtime=runtime(lambda context: Fatal(serial(context), moments)))


def test_other_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished()
    measure = run.config.measures[0].model_copy(update={"images": "nothing:other", "features": "other"})
    changed = run.config.model_copy(update={"measures": (measure,)})
    monkeypatch.setattr(run, "config", changed)
    with pytest.raises(UserError, match=r"not measured as the run measured them: features was other.*images was"):
        confirmed(run, seeds=3)
    assert not list((run.directory / "confirmation").glob("*-3-seeds"))


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"seeds": 0}, "seeds is 0"),
        ({"pick": "kneee"}, 'unknown pick "kneee"'),
        ({"pick": "9999"}, "no individual 9999"),
    ],
)
def test_bad_input_is_refused(options: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError, match=part):
        confirmed(finished(), **options)
