import itertools
from pathlib import Path

import pytest

from analysis.diversity import completed, distance, location, occupied, print_run, skeleton_of
from ganetic.evolution.search import search
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from tests.evolution.fakes import SPACE, runtime

BCE = LIBRARY["bce"].formula
DISGUISES = (
    "div(log(sub(p, y)), -0.0001)",
    "neg(log(abs(sub(p, sub(1, y)))))",
    "mul(-3.7, log(abs(sub(sub(1, y), p))))",
    "sub(2, log(square(sub(p, sub(1, y)))))",
)


def test_equal_gradients_lie_together_and_published_losses_apart() -> None:
    for text in DISGUISES:
        assert distance(BCE, Formula.from_text(text)) < 0.01, text
    plain = {name: loss.formula for name, loss in LIBRARY.items()}
    for (first, a), (second, b) in itertools.combinations(plain.items(), 2):
        assert distance(a, b) > 0.4, (first, second)
        assert distance(a, b) == pytest.approx(distance(b, a))


def test_distance_looks_at_m_only_where_a_loss_reads_it() -> None:
    relativistic = LIBRARY["relativistic-hinge"].formula
    assert location(BCE, True).size > location(BCE, False).size
    assert distance(relativistic, relativistic) == 0
    assert distance(BCE, relativistic) > 0.5


def test_negated_logits_are_the_same_place() -> None:
    mirrored = Formula.from_text("d_real=softplus(d); d_fake=softplus(neg(d)); g_fake=softplus(d)")
    assert distance(BCE, mirrored) == pytest.approx(0, abs=1e-12)


def test_disguises_fill_one_niche_and_published_losses_one_each() -> None:
    disguised = [Formula.from_text(text) for text in DISGUISES]
    published = [loss.formula for loss in LIBRARY.values()]
    assert occupied([BCE, *disguised], 0.2) == 1
    assert occupied([*published, *disguised], 0.2) == len(published)


def test_skeletons_keep_signs_and_everything_but_constants() -> None:
    text = "add(mul(2, square(sub(p, mul(4, y)))), div(-0.5, add(p, max(0, 3))))"
    skeleton = skeleton_of(Formula.from_text(text))
    assert skeleton == "loss=add(mul(+, square(sub(p, mul(+, y)))), div(-, add(p, +)))"
    assert skeleton_of(Formula.from_text(text.replace("2", "7"))) == skeleton
    assert skeleton_of(Formula.from_text(text.replace("-0.5", "0.5"))) != skeleton
    assert skeleton_of(Formula.from_text("max(0, p)")) == "loss=max(0, p)"


def test_a_run_is_described_by_its_completed_losses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(SPACE, run=tmp_path / "run", seed=1, runtime=runtime(max_trials=20))
    found = completed(tmp_path / "run")
    assert len(found) >= 3 and [fd for fd, _ in found] == sorted(fd for fd, _ in found)
    print_run(tmp_path / "run")
    printed = capsys.readouterr().out
    assert f"{len(found)} losses completed" in printed and "nearest to" in printed and "skeletons" in printed
