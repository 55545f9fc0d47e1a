import math
from pathlib import Path

import pytest

from analysis.proxy_transfer import main, places, rows
from analysis.search_power import arm_space, arms, run_arm
from ganetic.errors import UserError
from ganetic.studies.compare import open_comparison
from ganetic.training.spec import ProxySpec
from tests.evolution.fakes import SPACE, runtime

STEPS = 1000


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("power")
    for arm in ("base", "proxies"):
        for seed in (0, 1):
            run_arm(directory / f"{arm}-s{seed}", arm_space(SPACE, arms(SPACE)[arm]), seed, STEPS, runtime())
    return directory


def test_winners_of_both_arms_meet_where_no_search_was(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(searched), "--seeds", "3"], runtime())
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("main", "plain", "paper", "images", "base-s1", "proxies-s1"))
    comparison = open_comparison(searched / "transfer" / "3-seeds")
    found = rows(comparison)
    assert len(found) == (1 + 2 * 2) * 4 and (found["trainings"] == 3).all()
    runs = comparison.runs()
    by_seed = runs[runs["proxy"] == "images"].pivot(index="seed", columns="loss", values="counted_fd")
    expected = math.exp((by_seed["proxies-s1"].map(math.log) - by_seed["bce"].map(math.log)).mean())
    (ratio,) = found[(found["loss"] == "proxies-s1") & (found["place"] == "images")]["ratio"]
    assert ratio == pytest.approx(expected)
    assert (found[found["loss"] == "bce"]["ratio"] == 1).all()
    main([str(searched), "--seeds", "3"], runtime())  # all is there
    assert capsys.readouterr().out == printed


def test_the_places_left_out_are_a_net_and_images() -> None:
    space = places(arm_space(SPACE, arms(SPACE)["proxies"]), "npz:xrays.npz")
    by_name = {proxy.name: proxy for proxy in space.proxies}
    assert list(by_name) == ["main", "plain", "paper", "images"]
    assert by_name["paper"].spec == ProxySpec(width=32, batch=16)
    assert by_name["images"].spec == by_name["main"].spec and by_name["images"].data == "npz:xrays.npz"


def test_without_searches_it_says_who_makes_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no search of the arm base; analysis/search_power\.py"):
        main([str(tmp_path)], runtime())
