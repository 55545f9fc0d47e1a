from pathlib import Path
from typing import Any

import pytest

from ganetic.data import ImageSet
from tests.training.golden import (
    PROXIES,
    SETS,
    TRAININGS,
    is_of_here,
    recordings,
    some_images,
    training_numbers,
    trial_numbers,
)

HERE = next(filter(is_of_here, recordings()), None)
"""Where the kind of machine is known every bit is compared; elsewhere sums differ in their last bits."""
GOLDEN = recordings()[0] if HERE is None else HERE
TOLERANCE = 0.05 if HERE is None else 0.0
FD_TOLERANCE = 0.15 if HERE is None else 0.0
"""Of distances: the nets that measure them are trained, too, and have come out 8 % apart on AMD and Intel, and those of
msg-sagan 9 % on torch 2.12."""
DISTANCES = ("start", "trace", "raw")


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImageSet]:
    folder = tmp_path_factory.mktemp("images")
    return {kind: some_images(kind, folder) for kind in SETS}


def assert_same(found: dict[str, Any], golden: dict[str, Any]) -> None:
    assert found.keys() == golden.keys()
    for key, value in golden.items():
        if isinstance(value, str):
            assert found[key] == value, key
        else:
            allowed = FD_TOLERANCE if key in DISTANCES else TOLERANCE
            assert found[key] == pytest.approx(value, rel=allowed, abs=0), key


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("name", PROXIES)
def test_a_trial_gives_what_it_gave(images: dict[str, ImageSet], kind: str, name: str) -> None:
    assert_same(trial_numbers(images[kind], name), GOLDEN["trials"][f"{kind} {name}"])


@pytest.mark.parametrize("name", TRAININGS)
def test_a_full_training_gives_what_it_gave(name: str, tmp_path: Path) -> None:
    assert_same(training_numbers(name, tmp_path / "run"), GOLDEN["trainings"][name])
