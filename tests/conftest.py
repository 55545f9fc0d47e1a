import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # machines are noisy: tests do not fail for their speed
settings.load_profile("untimed")

_ray_started: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and "gcs_server" in str(arguments[1]):
        _ray_started.append(str(arguments[0]))


sys.addaudithook(_watch)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a GPU are skipped where there is none; `make gpu-check` runs them where there is."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs CUDA"))


@pytest.fixture(autouse=True)
def _only_marked_tests_start_ray(request: pytest.FixtureRequest) -> Iterator[None]:
    """`make quick` leaves Ray out, which works only where every test that starts it says so."""
    before = len(_ray_started)
    yield
    if len(_ray_started) > before and request.node.get_closest_marker("ray") is None:
        pytest.fail("this test started Ray; mark it with @pytest.mark.ray")


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
