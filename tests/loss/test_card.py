import json
import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from ganetic.errors import UserError
from ganetic.loss import card as card_module
from ganetic.loss.card import (
    MAX_BYTES,
    LossCard,
    Provenance,
    Reference,
    Result,
    Training,
    json_schema,
    load_loss,
    read_card,
    resolve_loss,
    write_card,
)
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from tests.loss.random_trees import label_formulas

GOLDEN = Path(__file__).parents[1] / "golden"
GOLDEN_CARDS = ["card_v1.json", "card_v1_logit.json"]
Data = dict[str, Any]


def result(**changes: Any) -> Result:
    fields: Data = {
        "metric": "fd@mnist5k-cnn64/2k",
        "floor": 2.3,
        "data": "mnist5k:9f3a",
        "model": "dcgan28-w16",
        "steps": 1600,
        "role": "confirmation",
        "seeds": [101, 102],
        "values": [44.1, 47.9],
        "mean": 46.0,
        "sd": 2.7,
        "instability": 0.21,
    }
    return Result.model_validate({**fields, **changes})


def make_card(name: str = "ganetic") -> LossCard:
    return LossCard.of(
        "found-412",
        LIBRARY[name].formula,
        results=[result()],
        references=[Reference(name="bce", results=(result(mean=58.0),))],
        provenance=Provenance(run="runs/x", space="paper", seed=7, individual=412, ganetic="0.1.0", torch="2.14.1"),
        training=Training(learning_rate=2e-3, beta1=0.5, beta2=0.999, batch=32, batch_norm=True),
        found_as="add(0, add(cube(p), sqrt(mul(3.985, div(y, p)))))",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "best.json"


def plain(path: Path) -> Data:
    write_card(make_card(), path)
    data: Data = json.loads(path.read_text(encoding="utf-8"))
    return data


def refused(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    before = path.read_bytes()
    with pytest.raises(UserError) as caught:
        read_card(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    assert len(message) < 1000
    assert path.read_bytes() == before
    return message.removeprefix(str(path))


@pytest.mark.parametrize("name", LIBRARY)
def test_what_is_written_is_read(name: str, path: Path) -> None:
    card = make_card(name)
    write_card(card, path)
    assert read_card(path) == card
    assert read_card(path).formula == LIBRARY[name].formula
    assert [child.name for child in path.parent.iterdir()] == ["best.json"]


def test_random_losses_go_through_a_card(path: Path) -> None:
    written = 0
    for formula in islice(label_formulas(9), 60):
        try:
            card = LossCard.of("random", formula)
        except UserError as error:
            assert "not finite" in str(error)
            continue
        write_card(card, path)
        assert read_card(path).formula == formula
        written += 1
    assert written > 30


@pytest.mark.parametrize("file", GOLDEN_CARDS)
def test_a_version_1_card_is_readable_for_ever(file: str) -> None:
    card = read_card(GOLDEN / file)
    assert card.version == "ganetic.loss/1"
    assert card.results[0].mean == 46.0
    assert card.results[0].role == "confirmation"
    assert card.references[0].name == "bce"
    assert card.provenance.individual == 412
    assert torch.isfinite(load_loss(GOLDEN / file).discriminator(torch.zeros(3), torch.zeros(3)))


FIRST_LATEX = {
    "square(log(p))": r"\log\left|p\right|^{2}",
    "cube(div(p, add(y, 1)))": r"\frac{p}{y + 1}^{3}",
    "square(tanh(p))": r"\tanh\left(p\right)^{2}",
    "square(softplus(p))": r"\log\left(1 + e^{p}\right)^{2}",
}
"""As release 0.1 wrote it."""


@pytest.mark.parametrize("text", FIRST_LATEX)
def test_a_card_whose_powers_have_no_brackets_is_read_and_no_other(text: str, path: Path) -> None:
    formula = Formula.from_text(f"add({text}, sub(p, sub(y, 1)))")
    write_card(LossCard.of("old", formula), path)
    data = json.loads(path.read_text(encoding="utf-8"))
    data["latex"]["loss"] = first = FIRST_LATEX[text] + r" + p - \left(y - 1\right)"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert read_card(path).formula == formula
    data["latex"]["loss"] = first.replace(r"\left(y - 1\right)", "y - 1")
    assert '"latex" does not follow' in refused(path, json.dumps(data))


def test_fields_of_a_newer_release_are_ignored(path: Path) -> None:
    data = plain(path)
    data["colour"] = "blue"
    data["results"][0]["carbon"] = {"kg": 1}
    path.write_text(json.dumps(data), encoding="utf-8")
    assert read_card(path) == make_card()


def test_the_schema_in_the_package_is_up_to_date() -> None:
    shipped = Path(card_module.__file__).with_name("card.schema.json")
    assert shipped.read_text(encoding="utf-8") == json_schema()


@pytest.mark.parametrize("file", GOLDEN_CARDS)
def test_cards_fit_the_schema(file: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(json_schema())
    data = json.loads((GOLDEN / file).read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "name": "../../etc"}, schema)


def changed(**fields: Any) -> Callable[[Data], None]:
    return lambda data: data.update(fields)


def in_result(**fields: Any) -> Callable[[Data], None]:
    return lambda data: data["results"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (changed(schema="ganetic.loss/2"), "schema is 'ganetic.loss/2'; this version reads"),
        (changed(schema=None), "schema is 'None'"),
        (changed(schema=["\n" * 50]), "schema is"),
        (changed(name="../../etc/passwd"), "name is"),
        (changed(name="Best"), "name is"),
        (changed(name='x"""\nimport os'), "name is"),
        (changed(name="x" * 65), "name is"),
        (changed(name=""), "name is"),
        (changed(name="best\n"), "name is"),
        (changed(form="code"), "form is"),
        (changed(form="logit"), "unknown slot"),
        (changed(expressions={"loss": "cube(p)"}), '"slots" does not follow'),
        (changed(expressions={"loss": "__import__('os').system('true')"}), "cannot read"),
        (changed(expressions={"loss": "exec(p)"}), "unknown operator"),
        (changed(expressions={"loss": "neg(" * 600 + "p" + ")" * 600}), "deeper than 32"),
        (changed(expressions={"loss": "cube(" * 16 + "9" + ")" * 16}), "not finite"),
        (changed(expressions={"loss": "cube(" * 16 + "add(p, 9)" + ")" * 16}), "does not follow|not finite|number"),
        (changed(expressions={"loss": "nan"}), "unknown variable"),
        (changed(expressions={"loss": "1e999"}), "not finite"),
        (changed(expressions={}), "needs the expression"),
        (changed(expressions={"loss": 3}), "expressions.loss"),
        (changed(expressions=[]), "expressions"),
        (changed(expressions={"loss": "p", "lo\nss": "p"}), "not a key"),
        (changed(slots={"d_real": "d"}), '"slots" does not follow'),
        (changed(infix={"loss": "p"}), '"infix" does not follow'),
        (changed(latex={"loss": r"\input{/etc/passwd}"}), '"latex" does not follow'),
        (changed(orientation="fake_above_real"), '"orientation" does not follow'),
        (changed(orientation="up"), "orientation"),
        (changed(gradient_scale=1.0), "the expressions give"),
        (changed(gradient_scale=float("nan")), "NaN"),
        (changed(gradient_scale=float("inf")), "Infinity"),
        (changed(found_as="p\x1b[2J"), "printable"),
        (changed(results={"metric": "fd"}), "results"),
        (in_result(metric="fd\u202e"), "printable"),
        (in_result(metric="fd" * 200), "metric"),
        (in_result(values=[1.0]), "1 values for 2 seeds"),
        (in_result(values=["a", "b"]), "values"),
        (in_result(mean=None), "mean"),
        (in_result(steps=-1), "steps"),
        (in_result(role="best"), "role"),
        (in_result(seeds="12"), "seeds"),
        (lambda data: data.pop("latex"), '"latex" is missing'),
        (lambda data: data["provenance"].update(run="a\nb"), "printable"),
        (lambda data: data["references"][0].update(name="a b"), "name is"),
        (lambda data: data.update({"k" * 65: 1}), "not a key"),
        (lambda data: data.update({"\ud800": 1}), "not a key|not a JSON"),
        (lambda data: data["provenance"].update(run="\ud800"), "run|not a JSON"),
    ],
)
def test_a_hostile_card_is_refused_in_one_line(path: Path, change: Callable[[Data], object], complaint: str) -> None:
    data = plain(path)
    change(data)
    message = refused(path, json.dumps(data))
    assert any(part in message for part in complaint.split("|")), message


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "not a JSON file"),
        ("{", "not a JSON file"),
        ("[]", "not a loss card"),
        ("3", "not a loss card"),
        ('"ganetic.loss/1"', "not a loss card"),
        (b"\xff\xfe{}", "not a JSON file"),
        (b"\x00" * 10, "not a JSON file"),
        ("{}", "schema is"),
        ('{"schema": "ganetic.loss/1"}', "is missing"),
        ('{"schema": "ganetic.loss/1", "gradient_scale": 1e999}', "is missing"),
        ("[" * 100_000, "deeper than 16"),
        ('{"a":' * 100_000, "deeper than 16"),
        ('{"a":' * 20 + "1" + "}" * 20, "deeper than 16"),
        ("9" * 10_000, "not a JSON file"),
        (" " * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_what_is_no_card_is_refused(path: Path, content: str | bytes, complaint: str) -> None:
    assert complaint in refused(path, content)


def test_an_overflowing_number_is_refused(path: Path) -> None:
    text = json.dumps(plain(path)).replace("46.0", "1e999")
    assert "mean" in refused(path, text)


def test_damaged_cards_are_read_or_refused(path: Path) -> None:
    write_card(make_card(), path)
    content, stream = bytearray(path.read_bytes()), random.Random(3)
    refusals = 0
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(stream.randint(1, 4)):
            start = stream.randrange(len(damaged))
            kind = stream.randrange(3)
            if kind == 0:
                damaged[start] = stream.randrange(256)
            elif kind == 1:
                del damaged[start : start + stream.randint(1, 60)]
            else:
                damaged[start:start] = bytes(stream.choice(b'{}[]",:0eN\\') for _ in range(3))
        path.write_bytes(damaged)
        try:
            read_card(path)
        except UserError as error:
            refusals += 1
            assert str(error).isprintable()
    assert 0 < refusals < 300


def test_a_missing_card_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_card(tmp_path / "none.json")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_card(tmp_path)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write_card(make_card(), tmp_path / "none" / "best.json")


def test_a_loss_without_finite_gradients_has_no_card() -> None:
    formula = Formula.from_text("d_real=cube(cube(cube(cube(cube(cube(cube(exp(d)))))))); d_fake=d; g_fake=d")
    with pytest.raises(UserError, match="not finite"):
        LossCard.of("broken", formula)


def test_a_name_that_is_not_allowed_is_one_line() -> None:
    with pytest.raises(UserError, match="loss card: name is 'My Loss'"):
        LossCard.of("My Loss", LIBRARY["bce"].formula)


def test_resolve_loss(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(make_card(), path)
    assert resolve_loss(path) == ("found-412", LIBRARY["ganetic"].formula)
    assert resolve_loss("hinge") == ("hinge", LIBRARY["hinge"].formula)
    assert resolve_loss("mul(y, p)") == ("expression", Formula.from_text("mul(y, p)"))
    assert resolve_loss("d_real=neg(d); d_fake=d; g_fake=neg(d)")[1] == LIBRARY["wasserstein"].formula
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hinge").write_text("not a card", encoding="utf-8")
    assert resolve_loss("hinge")[1] == LIBRARY["hinge"].formula
    assert resolve_loss("best.json")[0] == "found-412"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("hing", 'unknown loss "hing".*did you mean "hinge"'),
        ("nowhere/best.json", "no such loss card"),
        ("sqrt(q)", 'unknown variable "q"'),
        ("a" * 5000, "unknown loss"),
        ("neg(" * 2000, "characters"),
        ("", "unknown loss"),
        ("\x00", "unknown loss"),
    ],
)
def test_what_is_no_loss_is_refused(source: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        load_loss(source)
