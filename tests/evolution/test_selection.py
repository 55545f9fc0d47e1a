import math
import statistics
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from ganetic.errors import UserError
from ganetic.evolution.resources import Context
from ganetic.evolution.results import Run, open_run
from ganetic.evolution.search import search
from ganetic.evolution.selection import choose, pick_card
from ganetic.jobs.executor import Payload, SerialExecutor
from ganetic.loss.card import LossCard, read_card, write_card
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from tests.evolution.fakes import PROXY_DATA, SPACE, runtime, serial_with_mishaps, work
from tests.evolution.victim import drive_until

MISHAPS = runtime(serial_with_mishaps)
FINAL_SEEDS = (7100, 7101, 7102)


@cache
def finished() -> Run:
    return search(SPACE, run=Path(mkdtemp(prefix="ganetic-")) / "run", seed=7, runtime=MISHAPS)


def rows(**columns: list[float]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


CANDIDATES = rows(individual=[3, 5, 8, 9], fd=[50.0, 60.0, 90.0, 55.0], instability=[0.9, 0.2, 0.1, 0.8])
REFERENCES = rows(fd=[70.0, 65.0])


@pytest.mark.parametrize(
    ("pick", "references", "expected"),
    [
        ("fd", REFERENCES, 3),
        ("stability", REFERENCES, 5),  # 8 is steadier, but worse than the best reference
        ("stability", [], 8),
        ("knee", REFERENCES, 5),
    ],
)
def test_picks(pick: str, references: list[dict[str, Any]], expected: int) -> None:
    assert choose(CANDIDATES, references, pick, "runs/x") == expected
    assert choose(CANDIDATES[::-1], references[::-1], pick, "runs/x") == expected


def test_the_knee_of_one_and_of_equals() -> None:
    assert choose(CANDIDATES[:1], REFERENCES, "knee", "runs/x") == 3
    assert choose([{**CANDIDATES[0], "individual": number} for number in (6, 4)], REFERENCES, "knee", "runs/x") == 6


def test_names_and_provenance_fit_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = SPACE.randomised().model_copy(update={"name": "a" * 41})
    run = search(space, run=tmp_path / "run", seed=10**12, runtime=runtime())
    card = pick_card(run)
    assert len(card.name) == 64 and card.name.endswith(f"-random-s{10**12}-{card.provenance.individual}")
    monkeypatch.chdir(run.directory)
    assert pick_card(open_run(".")).provenance.run == "run"


def test_a_random_search_names_its_losses_so(tmp_path: Path) -> None:
    run = search(SPACE.randomised(), run=tmp_path / "run", seed=7, runtime=runtime())
    assert pick_card(run).name.startswith("tiny-random-s7-")
    assert pick_card(finished()).name.startswith("tiny-s7-")


def test_the_old_name_of_a_pick(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganetic.config._noted", set())
    assert pick_card(finished(), "fid") == pick_card(finished(), "fid") == pick_card(finished(), "fd")
    assert [record.getMessage() for record in caplog.records] == [
        "--pick fid is now --pick fd; the old name is still read"
    ]


def test_what_cannot_be_picked() -> None:
    with pytest.raises(UserError, match='unknown pick "best"; expected knee, fd, stability or the number'):
        choose(CANDIDATES, REFERENCES, "best", "runs/x")
    with pytest.raises(UserError, match=r"runs/x: no loss has trained yet; .*ganetic resume runs/x"):
        choose([], [], "knee", "runs/x")
    with pytest.raises(UserError, match=r"runs/x: no finalist survived the finals; .*--max-trials"):
        choose([], REFERENCES, "knee", "runs/x")
    with pytest.raises(UserError, match=r"runs/x: no finalist is as good as the best reference \(fd 20\)"):
        choose(CANDIDATES, rows(fd=[20.0, 70.0]), "stability", "runs/x")


@pytest.mark.parametrize("pick", ["99", "-1", "1e3", "", "²"])
def test_picks_that_name_nobody(pick: str) -> None:
    with pytest.raises(UserError, match=r"there is no individual 99; expected 0 to|unknown pick"):
        pick_card(finished(), pick)


def written(card: LossCard, path: Path) -> LossCard:
    write_card(card, path)
    return read_card(path)


def test_the_card_of_a_finalist(tmp_path: Path) -> None:
    run, card = finished(), pick_card(finished(), "fd")
    assert written(card, tmp_path / "best.json") == card
    best = run.finals()[~run.finals()["reference"].astype(bool)].iloc[0]
    assert card.provenance.individual == best["individual"]
    (result,) = card.results
    assert (result.role, result.steps, result.seeds) == ("final", SPACE.finals.steps, FINAL_SEEDS)
    assert (result.metric, result.data, result.model) == (PROXY_DATA.protocol, PROXY_DATA.data, "dcgan8-w16")
    assert (result.failed, result.floor) == (best["failed"], PROXY_DATA.floor_fd)
    assert result.instability == pytest.approx(best["instability"], abs=1e-4)
    values = run.final_values()
    fds = values[values["individual"] == best["individual"]]["fd"].tolist()
    assert list(result.values) == pytest.approx(fds, abs=1e-4)
    assert result.mean == pytest.approx(statistics.fmean(fds), abs=1e-4)
    assert result.sd == pytest.approx(statistics.stdev(fds), abs=1e-4)
    assert card.provenance.run == run.directory.name
    assert (card.provenance.space, card.provenance.seed) == ("tiny", 7)
    assert card.training is not None
    assert card.training.batch == SPACE.proxies[0].batch


def test_references_have_the_seeds_of_the_winner() -> None:
    card = pick_card(finished(), "knee")
    assert sorted(reference.name for reference in card.references) == ["bce", "ganetic"]
    for reference in card.references:
        (result,) = reference.results
        assert (result.role, result.seeds, result.steps) == ("final", FINAL_SEEDS, SPACE.finals.steps)
        values = finished().final_values()
        fds = values[values["contestant"] == reference.name]["fd"].tolist()
        assert list(result.values) == pytest.approx(fds, abs=1e-4)


def test_the_card_of_one_who_was_in_no_finals(tmp_path: Path) -> None:
    run = finished()
    table = run.individuals()
    outside = table[~table["individual"].isin(run.finals()["individual"])]
    for rung, dead in ((1, False), (0, False), (0, True)):
        picked = outside[(outside["rung"] == rung) & (outside["viable"] != dead)]
        number = int(picked["individual"].iloc[0])
        card = written(pick_card(run, str(number)), tmp_path / f"{number}.json")
        (result,) = card.results
        assert result.role == "search"
        assert result.seeds == tuple(7000 + seed for seed in range(SPACE.rungs[rung].seeds))
        assert len(result.values) == len(result.seeds)
        assert result.failed == result.values.count(PROXY_DATA.start_fd)
        assert card.references == ()  # theirs are finals: other seeds, other steps
    never_trained = int(table[table["rung"] < 0]["individual"].iloc[0])
    assert pick_card(run, str(never_trained)).results == ()


def test_a_reduced_loss_says_as_what_it_was_found() -> None:
    run = finished()
    cards = [pick_card(run, str(number)) for number in run.individuals()["individual"]]
    shorter = [card for card in cards if card.found_as is not None]
    assert 0 < len(shorter) < len(cards)
    for card in cards:
        found = run.individuals()["formula"][card.provenance.individual or 0]
        assert (card.found_as or card.formula.text) == found
        assert fingerprint(card.formula) == fingerprint(Formula.from_text(found))
        if card.found_as is not None:
            assert card.formula.node_count < Formula.from_text(found).node_count


def test_the_front_decides_until_the_finals_are_over(tmp_path: Path) -> None:
    drive_until(tmp_path / "run", ("ended", SPACE.stop.max_trials + 4))
    run = open_run(tmp_path / "run")
    assert len(run.finals()) > 0
    card = pick_card(run, "fd")
    assert card.provenance.individual == run.front()["individual"][0]
    assert [result.role for result in card.results] == ["search"]
    assert card.references == ()


def test_who_did_not_survive_the_finals_is_not_picked(tmp_path: Path) -> None:
    def deadly(proxy_data: Context, payload: Payload) -> dict[str, Any]:
        record = work(proxy_data, payload)
        if payload["seed"] % 1000 >= 100 and payload["formula"] in doomed:
            return {**record, "state": "failed", "reason": "mode_collapse"}
        return record

    finals = finished().finals()
    finalists = finals[~finals["reference"].astype(bool)]["formula"].tolist()
    for doomed in (finalists[:1], finalists):
        where = runtime(lambda proxy_data: SerialExecutor(deadly, proxy_data))
        run = search(SPACE, run=tmp_path / f"run{len(doomed)}", seed=7, runtime=where)
        assert set(run.finals()["formula"]) >= set(doomed)
        if len(doomed) < len(finalists):
            for pick in ("knee", "fd"):
                assert (
                    pick_card(run, pick).provenance.individual
                    not in run.finals()[run.finals()["formula"].isin(doomed)]["individual"].tolist()
                )
        else:
            with pytest.raises(UserError, match="no finalist survived the finals"):
                pick_card(run)


def test_without_a_trained_loss_there_is_nothing_to_pick(tmp_path: Path) -> None:
    drive_until(tmp_path / "run", ("submitted", 1))
    with pytest.raises(UserError, match="no loss has trained yet"):
        pick_card(open_run(tmp_path / "run"))
    assert math.isnan(open_run(tmp_path / "run").individuals()["fd"][0])
