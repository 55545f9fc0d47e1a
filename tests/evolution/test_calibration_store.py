from pathlib import Path

import numpy as np
import pytest

from ganetic.data import load_images
from ganetic.errors import UserError
from ganetic.evolution import calibration_store
from ganetic.evolution.calibration import Calibration, Conditions
from ganetic.evolution.calibration_store import FILE, Kept, check_export, export, find, keep, read_calibration
from ganetic.evolution.space import load_space
from ganetic.metrics.imagenet import ImageNetFeatures
from ganetic.metrics.reference import budget
from ganetic.training.spec import ProxySpec
from tests.evolution.planted import CHECKPOINTS, calibration_of, conditions

ASKED = conditions(["good"])


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(calibration_store, "shipped_folder", lambda: folder)
    return folder


@pytest.fixture
def cache(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "calibrations"


def made(seeds: int = 3, steps: int = 400, name: str = "good") -> Calibration:
    marks = (*CHECKPOINTS[:-1], steps)
    return calibration_of({name: np.log(np.full((seeds, 5), 50.0))}, checkpoints=marks)


def put(calibration: Calibration, folder: Path) -> Path:
    place = folder / calibration.conditions.name
    place.mkdir(parents=True, exist_ok=True)
    keep(calibration, place / FILE)
    return place / FILE


def place_of(kept: Kept | None) -> str:
    assert kept is not None
    return str(kept.place)


def changed(**change: object) -> Conditions:
    return Conditions.model_validate({**ASKED.model_dump(), **change})


def test_nothing_is_found_where_nothing_is(cache: Path) -> None:
    assert find(ASKED) is None
    assert not cache.exists()


def test_the_package_comes_before_the_cache(cache: Path, shipped: Path) -> None:
    cached = put(made(), cache)
    assert place_of(find(ASKED)) == str(cached)
    keep(made(), shipped / "planted.json")
    assert place_of(find(ASKED)) == str(shipped / "planted.json")


def test_a_directory_may_stand_for_the_cache(cache: Path, tmp_path: Path) -> None:
    elsewhere = put(made(), tmp_path / "elsewhere")
    assert find(ASKED) is None
    assert place_of(find(ASKED, directory=tmp_path / "elsewhere")) == str(elsewhere)


def test_too_few_seeds_do_not_serve(cache: Path, shipped: Path) -> None:
    keep(made(seeds=3), shipped / "planted.json")
    assert find(ASKED, seeds=4) is None
    cached = put(made(seeds=5), cache)
    assert place_of(find(ASKED, seeds=4)) == str(cached)


def test_longer_trainings_serve_and_shorter_ones_do_not(cache: Path, shipped: Path) -> None:
    put(made(steps=300), cache)
    assert find(ASKED) is None
    longest = put(made(steps=900), cache)
    assert place_of(find(ASKED)) == str(longest)
    longer = put(made(steps=800), cache)
    assert place_of(find(ASKED)) == str(longer)
    keep(made(steps=1600), shipped / "planted.json")
    assert place_of(find(ASKED)) == str(shipped / "planted.json")


@pytest.mark.parametrize(
    "change", [{"metric": "fd@planted-cnn64/1k"}, {"data": "planted:ffffffffffff"}, {"proxy": ProxySpec(width=8)}]
)
def test_another_metric_data_set_or_proxy_does_not_serve(cache: Path, shipped: Path, change: dict[str, object]) -> None:
    put(made(), cache)
    keep(made(), shipped / "planted.json")
    assert find(changed(**change)) is None


def test_a_new_library_makes_the_cache_old_and_not_the_package(cache: Path, shipped: Path) -> None:
    put(made(), cache)
    now = changed(losses={"good": "formula of good", "new": "formula of new"})
    assert find(now) is None
    keep(made(), shipped / "planted.json")
    assert find(now) is not None


def test_what_is_under_way_is_not_found(cache: Path) -> None:
    put(made(), cache).rename(cache / "unfinished.json")
    (cache / "some-folder").mkdir()
    assert find(ASKED) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": "ganetic.calibration/2"}'])
def test_broken_files_are_named(cache: Path, text: str) -> None:
    path = put(made(), cache)
    path.write_text(text)
    with pytest.raises(UserError, match=FILE):
        find(ASKED)


def test_exports_to_a_file_and_into_a_folder(tmp_path: Path) -> None:
    kept = Kept(made(), tmp_path / "kept.json")
    (path,) = export([kept], tmp_path / "out.json")
    assert read_calibration(path) == kept.calibration
    other = Kept(made(steps=800), tmp_path / "kept.json")
    paths = export([kept, other], tmp_path)
    assert [path.name for path in paths] == [f"{one.calibration.conditions.name}.json" for one in (kept, other)]
    assert [read_calibration(path) for path in paths] == [kept.calibration, other.calibration]


def test_exports_are_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        check_export(tmp_path / "nowhere" / "out.json", 1)
    with pytest.raises(UserError, match="the space has 2 proxies; name a folder"):
        check_export(tmp_path / "out.json", 2)
    check_export(tmp_path, 2)


def test_what_is_shipped_can_be_read_and_gives_rules() -> None:
    folder = calibration_store.shipped_folder()
    paths = [one for one in folder.iterdir() if one.name.endswith(".json")] if folder.is_dir() else []
    assert paths
    for path in paths:
        calibration = read_calibration(path)
        assert path.name == f"{calibration.conditions.name}.json"
        assert len(calibration.text()) < 200_000
        assert calibration.kill_thresholds(calibration.conditions.checkpoints)
        assert calibration.first_ranking_step is not None


@pytest.mark.parametrize("name", ["quick", "paper", "logit"])
def test_the_spaces_on_the_embedded_digits_find_a_shipped_calibration(name: str, tmp_path: Path) -> None:
    space = load_space(name)
    images = load_images(space.data)
    for proxy in space.proxies:
        asked = Conditions(
            metric=f"fd@{images.name}-{ImageNetFeatures().protocol}/{budget(proxy.images)}",
            data=f"{images.name}:{images.fingerprint[:12]}",
            proxy=proxy.spec,
            checkpoints=(space.rungs[-1].steps,),
            losses={"bce": "any"},
        )
        kept = find(asked, directory=tmp_path)
        assert kept is not None
        measured = space.checkpoints(space.rungs[0].steps)
        assert kept.calibration.kill_thresholds(measured)


def test_what_a_newer_version_kept_is_told_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "newer.json"
    text = made().text().replace("ganetic.calibration/1", "ganetic.calibration/2")
    path.write_text(text.replace('"conditions"', '"modes": 3, "conditions"', 1))
    with pytest.raises(UserError, match=r"newer ganetic .*keys not understood: modes; remove it to compute it again$"):
        read_calibration(path)
