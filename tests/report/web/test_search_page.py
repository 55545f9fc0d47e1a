import json
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.report.web.pages import REFERENCE, check, elements, page_of, text_of
from tests.small_run import small_run, small_run_directory


@pytest.fixture(scope="module")
def tree() -> Element:
    return check(page_of(REFERENCE / "paper"))


def titles(tree: Element) -> list[str]:
    return [text_of(one) for one in elements(tree, "h3")]


def test_a_search_has_all_parts(tree: Element) -> None:
    assert titles(tree) == [
        "The front",
        "The finals, on fresh seeds",
        "Confirmation, on seeds that chose nothing",
        "How the searches went",
        "What came of the trials",
        "How it was made",
    ]


def test_what_may_be_claimed_stands_first(tree: Element) -> None:
    (callout,) = elements(tree, "div", "callout")
    assert text_of(callout) == (
        "What may be claimed paper-s0-193: May be claimed of fd@mnist5k-cnn64/2k and dcgan28-w32, after these steps: "
        "better than ganetic, lsgan and relativistic-hinge; not shown to differ from bce and hinge."
    )


def test_every_point_and_row_leads_to_its_loss(tree: Element) -> None:
    losses = {one.get("id") for one in elements(tree, "article", "loss")}
    points = list(elements(tree, "a", "point"))
    assert {point.get("href", "")[1:] for point in points} <= losses
    assert [one.get("aria-label") for one in points if "pick" in (one.get("class") or "").split()] == [
        "#193: fd 37.8, instability 0.11"
    ]
    rows = [one for one in elements(tree, "a") if one.get("data-loss") and "point" not in (one.get("class") or "")]
    assert len(rows) == 3 + 10  # the front, and the finals
    assert {one.get("data-loss") for one in rows} == losses


def test_a_loss_has_its_formula_curves_and_ancestors(tree: Element) -> None:
    (loss,) = [one for one in elements(tree, "article", "loss") if one.get("id") == "r1-loss-193"]
    (formula,) = elements(loss, "math")
    assert formula.get("alttext") == "loss = tanh(log(p·(-2.557)) - 3.387) + log(-p/y)²"
    assert len(list(elements(loss, "path", "bce"))) == 3
    assert len(list(elements(loss, "path", "mine"))) == 3
    assert [text_of(one).split(" fd")[0] for one in elements(loss, "li")] == [
        "#193: crossover of #155 with #119",
        "#155: mutation “ephemeral” of #102",
        "#102: crossover of #82 with #68",
        "#82: crossover of #70 with #70",
        "#70: crossover of #31 with #5",
        "#31: drawn at random",
    ]
    assert len((loss.get("data-line") or "").split()) == 6


def test_the_random_search_beside_it_is_drawn(tree: Element) -> None:
    labels = [text_of(one) for one in elements(tree, "ul", "legend")]
    assert "paper (540 trials)paper-random (540 trials)" in labels


def test_settings_name_the_protocol_the_floor_the_seeds_and_the_command(tree: Element) -> None:
    said = text_of(next(one for one in elements(tree, "section") if one.get("id") == "r1-settings"))
    for part in (
        "fd@mnist5k-cnn64/2k of dcgan28-w32",
        "mnist5k:b4d22f19591f",
        "1.204, real images against real ones",
        "search 0, 1, 2, 3, 4; finals 100, 101, 102, 103, 104",
        "2.14.1+cu130",
        "ganetic search paper --data mnist5k --seed 0 --max-trials 540",
    ):
        assert part in said


def test_the_page_holds_what_show_says_as_data() -> None:
    tree = check(page_of(small_run_directory()))
    (data,) = [one for one in elements(tree, "script") if one.get("type") == "application/json"]
    record = json.loads(data.text or "")["r1"]
    assert record["states"] == small_run().states()
    assert len(record["finals"]) == len(small_run().finals())


def test_a_search_that_nobody_confirmed_says_how_it_is(in_folder: Path) -> None:
    said = text_of(check(page_of(small_run_directory())))
    assert "Nothing is confirmed yet" in said
    assert f"ganetic confirm {small_run_directory()}" in said


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("state", ["killed", "finished"])
def test_runs_of_every_format_have_a_page(number: int, state: str) -> None:
    check(page_of(Path("tests") / "golden" / "runs" / f"search-{number}" / state))
