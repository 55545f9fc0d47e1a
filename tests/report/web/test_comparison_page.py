from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.report.web.pages import REFERENCE, check, elements, page_of, text_of

DIGITS = REFERENCE / "better-loss" / "digits"


@pytest.fixture(scope="module")
def tree() -> Element:
    return check(page_of(DIGITS))


def test_a_comparison_has_all_parts(tree: Element) -> None:
    assert [text_of(one) for one in elements(tree, "h3")] == [
        "Ratios, seed by seed",
        "Every training",
        "While they trained",
        "The losses",
        "How it was made",
    ]


def test_the_forest_has_a_row_a_ratio_told_apart_by_its_verdict(tree: Element) -> None:
    rows = [(text_of(one), (one.get("class") or "").split()[1]) for one in elements(tree, "g", "ratio")]
    assert rows == [
        ("relativistic-hinge0.460 (0.414-0.512)", "better"),
        ("paper-s0-1930.606 (0.534-0.686)", "better"),
        ("logit-s0-1131.002 (0.865-1.160)", "open"),
        ("hinge1.015 (0.905-1.138)", "open"),
        ("lsgan2.347 (2.077-2.652)", "worse"),
        ("ganetic2.807 (2.516-3.133)", "worse"),
    ]


def test_claims_are_those_of_the_product(tree: Element) -> None:
    said = [text_of(one) for one in elements(tree, "li")]
    assert (
        "relativistic-hinge: better than bce: fd 0.460 times bce's (95 % interval 0.414-0.512, 12 pairs), Holm p <0.001"
    ) in said
    assert "2 of 6 comparisons show no difference" in said


def test_tuning_and_failures_are_shown(tree: Element) -> None:
    captions = [text_of(one) for one in elements(tree, "caption")]
    assert "tuning: fd at each of the rates, a failed training counting as untrained" in captions
    failing = check(page_of(REFERENCE / "transfer" / "cifar10"))
    assert len([*elements(failing, "line", "failed")]) == 3 + 1  # as in FIRST.md
    assert any(text_of(one).startswith("failed: paper-s0-193 ") for one in elements(failing, "li"))


def test_the_command_asks_for_the_rates(tree: Element) -> None:
    commands = [text_of(one) for one in elements(tree, "code") if text_of(one).startswith("ganetic compare")]
    assert len(commands) == 1
    assert "--rates" in commands[0]
    assert "--tuning-seeds 2" in commands[0]


def test_a_confirmation_is_a_chapter_of_its_own() -> None:
    directory = REFERENCE / "paper" / "confirmation" / "paper-s0-193-20-seeds"
    tree = check(page_of(directory))
    (callout,) = elements(tree, "div", "callout")
    assert "better than ganetic, lsgan and relativistic-hinge" in text_of(callout)
    assert f"ganetic confirm {directory.parent.parent} --seeds 20" in text_of(tree)


@pytest.mark.parametrize("name", ["killed", "rates"])
def test_comparisons_of_every_format_have_a_page(name: str) -> None:
    check(page_of(Path("tests") / "golden" / "runs" / "study-1" / name))
