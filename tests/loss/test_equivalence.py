import pytest

from ganetic.loss.equivalence import published_name
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY


@pytest.mark.parametrize("name", LIBRARY)
def test_every_published_loss_resembles_itself(name: str) -> None:
    assert published_name(LIBRARY[name].formula) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("div(log(sub(p, y)), -9.999e-05)", "bce"),  # found by a search; D puts generated images above
        ("neg(log(sub(add(p, y), 1)))", "bce"),
        ("d_real=mul(3, d); d_fake=mul(-3, d); g_fake=mul(0.5, d)", "wasserstein"),
        ("add(cube(p), add(2, sqrt(mul(3.985, div(y, p)))))", "ganetic"),
        ("add(cube(p), sqrt(mul(3.5, div(y, p))))", ""),
        ("square(sub(p, y))", ""),
        ("0", ""),
    ],
)
def test_names_of_losses_in_other_words(text: str, name: str) -> None:
    assert published_name(Formula.from_text(text)) == name
