"""Choosing a proxy: what is trained, kept, found again and used, with made-up trainings but for the last test."""

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback
from ganetic.errors import UserError
from ganetic.evolution import resources as runtime_module
from ganetic.evolution.choice_store import choice_directory, read_choice
from ganetic.evolution.choose import choose, conditions_of
from ganetic.evolution.chosen import is_chosen, on_data
from ganetic.evolution.resources import Context, Runtime
from ganetic.evolution.results import open_run
from ganetic.evolution.search import plan, resume, search
from ganetic.evolution.shortlist import Schedule
from ganetic.evolution.space import SearchSpace, SpaceProxy, read_space
from ganetic.jobs.executor import Payload, SerialExecutor
from ganetic.studies.score import score
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import ProxySpec
from ganetic.training.trial import trial_job
from tests.evolution.fakes import PROXY_DATA
from tests.small_run import SPACE as SMALL

SPACE = SMALL.model_copy(
    update={
        "data": "mnist5k",
        "proxy": "calibrated",
        "proxies": (SpaceProxy(width=32, batch=16, images=64), SpaceProxy(name="other", width=8, images=64)),
        "stop": SMALL.stop.model_copy(update={"max_trials": 10}),
    }
)
DATA = "digits"
SCHEDULE = Schedule(losses=("bce", "hinge"))


class Trainings:
    """Made-up trainings: a resized generator with augmentation shows the gap best; ended ones are counted."""

    def __init__(self) -> None:
        self.payloads: list[Payload] = []
        self.killed_after: int | None = None
        self.fails: Callable[[Payload], bool] = lambda _: False

    def __call__(self, context: Context, payload: Payload) -> dict[str, Any]:
        assert isinstance(context, ProxyData) or payload["materials"] in context
        if self.killed_after is not None and len(self.of_the_choice) >= self.killed_after:
            raise KeyboardInterrupt
        self.payloads.append(payload)
        proxy, seed = ProxySpec.model_validate(payload["proxy"]), payload["seed"]
        rate = 1 + (proxy.upsampling == "resize") + (proxy.augmentation != "none")
        steps = sorted({0, *payload["checkpoints"], payload["steps"]})
        trace = [(step, 900 * math.exp(-rate * step / 1000 + 0.05 * (seed % 2) * (step > 0))) for step in steps]
        state = "failed" if self.fails(payload) else "completed"
        reason = "mode_collapse" if state == "failed" else None
        return {"state": state, "reason": reason, "trace": trace, "steps": payload["steps"], "seconds": 10.0}

    @property
    def of_the_choice(self) -> list[Payload]:
        """Trainings of the grid, without those that say what it will cost."""
        return [one for one in self.payloads if 400 <= one["seed"] % 1000 < 500 and one["steps"] == 400]

    @property
    def runtime(self) -> Runtime:
        """Where they are made up: in this process."""
        return Runtime(make_executor=lambda context: SerialExecutor(self, context))


class Told(ProgressCallback[Progress]):
    """Remembers the phases."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def update(self, progress: Progress) -> None:
        self.phases.append(progress.phase)


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """A cache of its own, where nothing is prepared."""

    def proxy_data(self: Runtime, data: str, proxy: ProxySpec) -> ProxyData:
        return PROXY_DATA

    monkeypatch.setattr(Runtime, "proxy_data", proxy_data)
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return Trainings()


def test_the_best_setting_wins_and_is_found_again_at_once(
    trainings: Trainings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    told = Told()
    kept = choose(SPACE, DATA, trainings.runtime, told, schedule=SCHEDULE)
    assert kept.choice.chosen.name == "resize, xray"
    assert kept.data == DATA
    sifting = kept.choice.sifting
    assert len(trainings.of_the_choice) == kept.choice.conditions.most_trainings == 7 * 4 + 3 * 6
    assert [sifting.rounds(number) for number in sifting.merits] == [1, 2, 2, 2, 1, 1, 1]  # of equal ones the first
    assert {one["seed"] for one in trainings.of_the_choice} == {400, 401, 402, 403, 404}
    assert all(one["checkpoints"] == [100, 200, 300, 400] for one in trainings.of_the_choice)
    assert set(told.phases) == {"choosing"}
    assert "46 trainings of 400 steps" in caplog.text
    assert kept.place is not None
    assert read_choice(kept.place) == kept.choice
    assert [path.name for path in kept.place.parent.iterdir() if path.name != "lock"] == ["choice.json"]

    before = len(trainings.payloads)
    caplog.clear()
    found = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert found == kept
    assert len(trainings.payloads) == before
    assert "chosen before" in caplog.messages[0]


def test_another_schedule_profile_or_first_proxy_is_another_choice(trainings: Trainings) -> None:
    kept = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    wider = SPACE.model_copy(update={"proxies": (SpaceProxy(width=16, batch=16),)})
    without = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), "none", SCHEDULE)
    others = [without, choose(wider, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)]
    assert without.choice.chosen.name == "resize"
    assert len({kept.place, *(one.place for one in others)}) == 3


def test_other_weights_in_the_same_file_are_another_choice(trainings: Trainings, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    keys = []
    for content in (b"first", b"second", b"first"):
        file.write_bytes(content)
        proxies = (SpaceProxy(features=f"resnet18:{file}"),)
        keys.append(conditions_of(SPACE.model_copy(update={"proxies": proxies}), DATA, trainings.runtime).key)
    assert keys[0] == keys[2] != keys[1]
    file.unlink()
    assert conditions_of(SPACE.model_copy(update={"proxies": proxies}), DATA, trainings.runtime).weights == ""
    assert "weights" not in conditions_of(SPACE, DATA, trainings.runtime).model_dump()


@pytest.mark.parametrize("ended", [0, 5, 28, 33])
def test_killed_at_any_moment_it_goes_on_where_it_was(
    trainings: Trainings, ended: int, caplog: pytest.LogCaptureFixture
) -> None:
    trainings.killed_after = ended
    with pytest.raises(KeyboardInterrupt):
        choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert not list(choice_directory().rglob("choice.json"))
    trainings.killed_after = None
    caplog.set_level(logging.INFO, "ganetic")
    kept = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert kept.choice.chosen.name == "resize, xray"
    assert len(trainings.of_the_choice) == 46
    assert (f"{ended} of which have ended" in caplog.text) == (ended > 0)


def test_a_setting_that_fails_does_not_go_on(trainings: Trainings) -> None:
    trainings.fails = lambda payload: payload["proxy"].get("augmentation") == "xray" and payload["seed"] == 401
    choice = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE).choice
    assert "xray" not in choice.chosen.name
    assert choice.sifting.merits[3].failed == 2
    assert choice.sifting.rounds(3) == 1


def test_where_all_fail_nothing_is_kept_and_the_same_call_says_so_again(trainings: Trainings) -> None:
    trainings.fails = lambda payload: payload["seed"] == 401
    for _ in range(2):
        with pytest.raises(UserError, match=r"no proxy of the shortlist trains.*mode collapse.*learning_rate"):
            choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert len(trainings.of_the_choice) == 28
    assert not list(choice_directory().rglob("choice.json"))


def test_images_of_any_size_are_tried_at_two_sizes(trainings: Trainings, tmp_path: Path) -> None:
    np.savez(tmp_path / "large.npz", images=np.random.default_rng(0).integers(0, 255, (140, 64, 64), dtype=np.uint8))
    data = f"npz:{tmp_path}/large.npz"
    kept = choose(SPACE, data, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert {one["materials"] for one in trainings.of_the_choice} == {"28", "40"}
    assert kept.data == f"{data}?size=28"
    named = choose(SPACE, f"{data}?size=32", trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert named.data == f"{data}?size=32"
    assert {setting.size for setting in named.choice.conditions.settings} == {None}


def test_a_broken_file_is_refused_in_a_line(trainings: Trainings) -> None:
    kept = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert kept.place is not None
    plain = json.loads(kept.place.read_text())
    plain["trainings"].pop()
    kept.place.write_text(json.dumps(plain))
    with pytest.raises(UserError, match="expected whole rounds"):
        choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)


def test_only_other_data_than_the_spaces_is_chosen_on(trainings: Trainings) -> None:
    assert is_chosen(SPACE, DATA)
    assert not is_chosen(SPACE, "mnist5k")
    assert not is_chosen(SPACE.model_copy(update={"proxy": "fixed"}), DATA)
    naming = tuple(proxy.model_copy(update={"data": "digits"}) for proxy in SPACE.proxies)
    assert not is_chosen(SPACE.model_copy(update={"proxies": naming}), DATA)
    space, data = on_data(SPACE, "mnist5k", trainings.runtime, NullProgressCallback())
    assert (space, data) == (SPACE.model_copy(update={"proxy": "fixed"}), "mnist5k")
    assert not trainings.payloads


def test_a_search_chooses_first_stores_what_was_chosen_and_never_chooses_again(
    trainings: Trainings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    dry = plan(SPACE, DATA)
    assert dry["choice"]["proxy"] == "to be chosen"
    assert "--proxy fixed" in dry["choice"]["leave_out"]
    assert dry["choice"]["most_trainings"] == 7 * 10 + 3 * 15
    assert not trainings.payloads
    search(SPACE, DATA, tmp_path / "run", runtime=trainings.runtime)
    assert "leaves it out" in caplog.text
    stored = read_space(tmp_path / "run" / "space.json")
    assert stored.proxy == "fixed"
    first, other = stored.proxies
    assert (first.width, first.upsampling, first.augmentation, first.ema_decay) == (32, "resize", "xray", 0.98)
    assert (other.width, other.batch, other.upsampling) == (8, 32, "resize")
    assert open_run(tmp_path / "run").config.space.proxies == stored.proxies
    dry = plan(SPACE, DATA)
    assert dry["choice"]["setting"] == "resize, xray"
    assert dry["space"]["proxies"][0]["upsampling"] == "resize"

    for path in choice_directory().rglob("choice.json"):
        path.unlink()
    before = len(trainings.of_the_choice)
    resume(tmp_path / "run", Runtime(max_trials=12, make_executor=trainings.runtime.make_executor))
    assert len(trainings.of_the_choice) == before


def test_score_uses_a_choice_but_makes_none(trainings: Trainings) -> None:
    score("bce", DATA, 2, SPACE, trainings.runtime)
    assert not trainings.of_the_choice
    assert "upsampling" not in trainings.payloads[-1]["proxy"]
    choose(SPACE, DATA, trainings.runtime, NullProgressCallback())
    score("bce", DATA, 2, SPACE, trainings.runtime)
    assert all(one["proxy"]["upsampling"] == "resize" for one in trainings.payloads[-2:])
    count = len(trainings.payloads)
    score("bce", DATA, 2, SPACE.model_copy(update={"proxy": "fixed"}), trainings.runtime)
    assert len(trainings.payloads) == count + 2
    assert "upsampling" not in trainings.payloads[-1]["proxy"]


def test_a_space_without_the_key_is_written_as_before() -> None:
    assert "proxy" not in SMALL.model_dump()
    assert SearchSpace.model_validate(SPACE.model_dump()) == SPACE


@pytest.mark.slow
def test_real_trainings_choose_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    space = SPACE.model_copy(update={"proxies": (SpaceProxy(width=4, batch=8, latent=4, images=128),)})
    schedule = Schedule(losses=("bce", "hinge"), early=20, steps=40, every=20, seeds=(2, 1), failed_most=1)
    runtime = Runtime(make_executor=lambda context: SerialExecutor(trial_job, context))
    kept = choose(space, DATA, runtime, NullProgressCallback(), schedule=schedule)
    assert kept.choice.sifting.merits[0].trained >= 4


@pytest.mark.ray
@pytest.mark.slow
def test_rays_workers_choose_as_one_process_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainings: Trainings
) -> None:
    """Each proxy's data travels to the workers by name; of equal failures and distances the same setting wins."""
    schedule = Schedule(losses=("bce", "hinge"), seeds=(2, 1))
    here = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=schedule)
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(runtime_module, "trial_job", Trainings())
    there = choose(SPACE, DATA, Runtime(workers=2), NullProgressCallback(), schedule=schedule)
    assert there.choice.trainings == here.choice.trainings


def test_a_cache_that_cannot_be_written_keeps_nothing_and_chooses_all_the_same(
    trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "file"))
    kept = choose(SPACE, DATA, trainings.runtime, NullProgressCallback(), schedule=SCHEDULE)
    assert kept.choice.chosen.name == "resize, xray"
    assert kept.place is None
    assert "is not kept; GANETIC_CACHE names another place" in caplog.text
