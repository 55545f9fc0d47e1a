import random
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, islice

import numpy as np
import pytest

from ganetic.errors import UserError
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from tests.loss.random_trees import label_formulas, logit_formulas
from tests.reference.losses import Array
from tests.reference.trees import players

BCE = ("softplus(neg(d))", "softplus(d)", "softplus(neg(d))")


def key(text: str) -> str:
    return fingerprint(Formula.from_text(text))


def slots(real: str, fake: str, generator: str) -> str:
    return f"d_real={real}; d_fake={fake}; g_fake={generator}"


@pytest.mark.parametrize(
    "text",
    [
        slots(*[f"mul(7, {slot})" for slot in BCE]),
        slots(f"mul(0.01, {BCE[0]})", f"mul(0.01, {BCE[1]})", f"mul(300, {BCE[2]})"),
        slots("softplus(d)", "softplus(neg(d))", "softplus(d)"),
        slots(f"add({BCE[0]}, 3)", f"sub({BCE[1]}, 8)", f"add(1, {BCE[2]})"),
        slots("sub(softplus(d), d)", "add(d, softplus(neg(d)))", "sub(softplus(d), d)"),
        slots(f"add({BCE[0]}, mul(0, m))", BCE[1], BCE[2]),
    ],
)
def test_losses_that_train_alike_are_equal(text: str) -> None:
    assert key(text) == fingerprint(LIBRARY["bce"].formula)


def test_commuted_arguments_are_equal() -> None:
    assert key("add(cube(p), sqrt(mul(3.985, div(y, p))))") == key("add(sqrt(mul(div(y, p), 3.985)), cube(p))")


def test_both_forms_meet() -> None:
    assert key("add(mul(y, p), neg(p))") == key(slots("0", "neg(sigmoid(d))", "0"))


@pytest.mark.parametrize(
    "text",
    [
        slots(f"mul(7, {BCE[0]})", BCE[1], BCE[2]),
        slots(BCE[0], BCE[1], f"neg({BCE[2]})"),
        slots(BCE[0], BCE[1], "neg(softplus(d))"),
        slots(BCE[0], BCE[1], "neg(d)"),
        slots("softplus(neg(mul(1.05, d)))", BCE[1], BCE[2]),
        slots(*[f"neg({slot})" for slot in BCE]),
        slots("softplus(d)", "softplus(neg(d))", "softplus(neg(d))"),
        slots(f"add({BCE[0]}, mul(0.05, m))", BCE[1], BCE[2]),
    ],
)
def test_losses_that_train_differently_differ(text: str) -> None:
    assert key(text) != fingerprint(LIBRARY["bce"].formula)


@pytest.mark.parametrize("of_real", ["1.927", "relu(relu(d))", "sub(d, 2.463)"])
def test_what_never_reaches_the_generator_does_not_count(of_real: str) -> None:
    """G changes neither the logits of real images nor their mean, which is m in g_fake."""
    rest = "d_real=relu(sub(1, sub(d, m))); d_fake=relu(add(1, sub(d, m))); g_fake=relu(sub(1, sub(d, m)))"
    alone = key(f"{rest}; g_real=0")
    assert key(f"{rest}; g_real={of_real}") == alone
    assert key(f"{rest.replace('g_fake=', 'g_fake=add(square(m), ')}); g_real={of_real}") == alone
    assert key(f"{rest}; g_real=add({of_real}, square(m))") != alone


def test_it_is_16_hexadecimal_digits_and_the_same_everywhere() -> None:
    assert fingerprint(LIBRARY["wasserstein"].formula) == key(slots("neg(d)", "d", "neg(d)"))
    assert re.fullmatch("[0-9a-f]{16}", key("p"))


def test_formulas_without_finite_gradients_have_one_too() -> None:
    assert len(key(slots("cube(cube(cube(cube(cube(cube(cube(d)))))))", "d", "d"))) == 16


def variants(formula: Formula, stream: random.Random) -> Iterator[Formula]:
    """Rewritings of a loss, some of which train alike and some nearly."""
    factor, shift = f"{stream.uniform(0.5, 2):.4g}", f"{stream.uniform(-3, 3):.4g}"
    near = f"{1 + stream.choice([1e-3, 3e-3, 1e-2, 3e-2]) * stream.random():.4g}"
    for template in (
        f"mul({factor}, {{0}})",
        f"add({{0}}, {shift})",
        "neg(neg({0}))",
        f"add({{0}}, mul({near}, {{0}}))",
        "sub(add({0}, p), p)",
        f"add({{0}}, mul({float(near) - 1:.4g}, p))",
        f"mul({{0}}, add(1, mul({float(near) - 1:.4g}, y)))",
    ):
        try:
            yield Formula.of("label", {"loss": template.format(formula.text)})
        except UserError:
            continue


def dense_gradients(formula: Formula, points: Array) -> Array | None:
    """Every player's gradients on points of our own, over their rms near zero; None where there is nothing to say."""
    d, g = players(formula, points, points)
    gradients = np.stack([np.concatenate((d.by_real, d.by_fake)), np.concatenate((g.by_real, g.by_fake))])
    near = np.tile(np.abs(points) <= 2, 2)
    scale = np.sqrt(np.mean(np.square(gradients[:, near]), axis=1, keepdims=True))
    if not (np.isfinite(gradients).all() and (scale > 0).all()):
        return None
    return np.asarray(np.arcsinh(gradients / scale))


def test_merged_pairs_are_the_same_on_a_grid_of_their_own() -> None:
    """No false merge among thousands of pairs: the gradients agree to 2 % between the fingerprint's points too."""
    stream = random.Random(1)
    groups: dict[str, dict[str, Formula]] = defaultdict(dict)
    originals = list(islice(label_formulas(21, depths=(2, 3, 4)), 350))
    for original in originals:
        for formula in (original, *variants(original, stream)):
            groups[fingerprint(formula)][formula.text] = formula
    points = np.linspace(-12, 12, 481) + 0.0037
    points = np.concatenate((points, -points))
    pairs = 0
    for group in groups.values():
        known = [(text, dense_gradients(formula, points)) for text, formula in islice(group.items(), 8)]
        for (text, one), (other_text, other) in combinations(known, 2):
            if one is None or other is None:
                continue
            pairs += 1
            mirrored = -np.concatenate(
                [np.roll(part, points.size // 2, axis=1) for part in np.split(other, 2, axis=1)], 1
            )
            distance = min(np.abs(one - other).max(), np.abs(one - mirrored).max())
            assert distance < 0.02, f"{text} and {other_text}"
    assert pairs >= 1000


@pytest.mark.parametrize("seed", [31, 32])
def test_random_relativistic_losses_do_not_collide(seed: int) -> None:
    keys: dict[str, set[str]] = defaultdict(set)
    for formula in islice(logit_formulas(seed, depths=(2, 3)), 300):
        keys[fingerprint(formula)].add(formula.text)
    assert len(keys) > 280
