import threading
from pathlib import Path

import pytest

from ganetic.jobs import head_start as module
from ganetic.jobs.head_start import Wanted, abandon, head_start, take

WANTED: Wanted = (2, {"OMP_NUM_THREADS": "1"}, "work")


class FakeRay:
    """What is started and ended, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.may_start = threading.Event()

    def start(self) -> None:
        self.may_start.wait(10)
        self.events.append("started")

    def end(self) -> None:
        self.events.append("ended")


@pytest.fixture
def ray() -> FakeRay:
    return FakeRay()


def test_what_is_taken_is_waited_for_and_left_alone(ray: FakeRay) -> None:
    with head_start(WANTED, ray.start, ray.end):
        assert ray.events == []  # its user goes on meanwhile
        taken = take(WANTED)
        assert taken is not None
        ray.may_start.set()
        taken.wait()
        assert ray.events == ["started"]
        assert take(WANTED) is None
    assert ray.events == ["started"]
    taken.release()


def test_what_nobody_takes_is_ended(ray: FakeRay) -> None:
    with pytest.raises(ValueError, match="bad data"), head_start(WANTED, ray.start, ray.end):
        ray.may_start.set()
        raise ValueError("bad data")
    assert ray.events == ["started", "ended"]


def test_another_wish_is_not_met_by_it(ray: FakeRay) -> None:
    ray.may_start.set()
    with head_start(WANTED, ray.start, ray.end):
        assert take((3, *WANTED[1:])) is None
        abandon(ray.end)
        assert ray.events == ["started", "ended"]
    assert ray.events == ["started", "ended"]


def test_the_thread_stays_until_it_is_released(ray: FakeRay) -> None:
    """Linux ends Ray's processes with the thread that started them."""
    ray.may_start.set()
    before = set(threading.enumerate())  # a thread of another test may be about to end
    with head_start(WANTED, ray.start, ray.end):
        taken = take(WANTED)
    assert taken is not None
    taken.wait()
    (thread,) = {one for one in threading.enumerate() if one.name == "ray-start"} - before
    assert thread.is_alive()
    taken.release()
    thread.join(10)
    assert not thread.is_alive()


def test_an_error_comes_to_who_waits_and_to_nobody_else(ray: FakeRay) -> None:
    def fails() -> None:
        raise OSError("no room")

    with head_start(WANTED, fails, ray.end):
        taken = take(WANTED)
        assert taken is not None
        with pytest.raises(OSError, match="no room"):
            taken.wait()
    with head_start(WANTED, fails, ray.end):
        pass
    assert ray.events == []


def test_a_gpu_that_workers_do_not_see_is_not_hidden_from_this_process(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_GPU_DRIVERS", (tmp_path,))
    hidden: Wanted = (2, {"CUDA_VISIBLE_DEVICES": ""}, "work")
    with head_start(hidden, ray.start, ray.end):
        assert take(hidden) is None
    assert ray.events == []
