import pytest

from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.sign import sign_tells


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_of_the_published_losses_four_have_their_border_at_0(name: str) -> None:
    assert sign_tells(LIBRARY[name].formula) == (name in {"bce", "bce-minimax", "hinge", "exponential"})


@pytest.mark.parametrize(
    ("d_real", "d_fake", "tells"),
    [
        ("softplus(d)", "softplus(neg(d))", True),  # fakes above reals
        ("square(sub(d, 1))", "square(add(d, 1))", True),  # least squares between -1 and 1
        ("softplus(sub(1, d))", "softplus(sub(d, 1))", False),  # the logistic loss with its border at 1
        ("neg(d)", "d", False),  # no border at all
        ("square(d)", "square(d)", False),  # nothing is told apart
        ("log(neg(d))", "exp(exp(exp(d)))", False),  # not finite
    ],
)
def test_a_loss_is_judged_by_what_it_teaches_and_not_by_its_name(d_real: str, d_fake: str, tells: bool) -> None:
    assert sign_tells(Formula.of("logit", {"d_real": d_real, "d_fake": d_fake, "g_fake": "neg(d)"})) == tells


def test_a_logistic_loss_on_probabilities_tells() -> None:
    logistic = "neg(add(mul(y, log(p)), mul(sub(1, y), log(sub(1, p)))))"
    assert sign_tells(Formula.of("label", {"loss": logistic}))
