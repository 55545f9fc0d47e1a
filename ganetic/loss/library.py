"""Published losses as expressions like any other, with their sources.

Constants follow the publication, except where `LibraryLoss.deviation` says otherwise. Each is a mean over the batch.
"""

from dataclasses import dataclass
from typing import NamedTuple

from ganetic.errors import unknown
from ganetic.loss.formula import Formula
from ganetic.loss.screen import Rejection


class Source(NamedTuple):
    """Where a loss was published."""

    paper: str
    place: str
    url: str


@dataclass(frozen=True)
class LibraryLoss:
    """A published loss.

    Attributes:
        name: as typed on the command line.
        formula: its expressions.
        source: paper, place in it, and address.
        summary: one line for a table.
        deviation: what differs from the publication; empty when nothing does.
        exempt: the reason for which the screen rejects it, or None. References are trained all the same.
        reference_only: compared with, but outside what a search can express (it reads the batch sum).
    """

    name: str
    formula: Formula
    source: Source
    summary: str
    deviation: str = ""
    exempt: Rejection | None = None
    reference_only: bool = False


_GOODFELLOW = "Goodfellow et al., Generative Adversarial Nets, 2014"
_GOODFELLOW_URL = "https://arxiv.org/abs/1406.2661"
_GANETIC = (
    "Akhmedova & Körber, GANetic Loss for Generative Adversarial Networks with a Focus on Medical Applications, 2024"
)
_GANETIC_URL = "https://arxiv.org/abs/2406.05023"
_GANETIC_CODE = "https://github.com/ZKI-PH-ImageAnalysis/GANetic-Loss"
_NO_HALF = "without the factors ½, which Adam does not see"


def _logit(d_real: str, d_fake: str, g_fake: str, g_real: str | None = None) -> Formula:
    slots = {"d_real": d_real, "d_fake": d_fake, "g_fake": g_fake}
    return Formula.of("logit", slots if g_real is None else {**slots, "g_real": g_real})


def _label(loss: str) -> Formula:
    return Formula.of("label", {"loss": loss})


_ROWS = (
    LibraryLoss(
        "bce",
        _logit("softplus(neg(d))", "softplus(d)", "softplus(neg(d))"),
        Source(_GOODFELLOW, "section 3: G maximises log D(G(z))", _GOODFELLOW_URL),
        "binary cross-entropy, non-saturating generator",
    ),
    LibraryLoss(
        "bce-minimax",
        _logit("softplus(neg(d))", "softplus(d)", "neg(softplus(d))"),
        Source(_GOODFELLOW, "equation 1", _GOODFELLOW_URL),
        "binary cross-entropy, saturating generator",
        exempt=Rejection.VANISHING,
    ),
    LibraryLoss(
        "lsgan",
        _logit("square(sub(d, 1))", "square(d)", "square(sub(d, 1))"),
        Source(
            "Mao et al., Least Squares Generative Adversarial Networks, 2017",
            "equation 9 (a = 0, b = c = 1)",
            "https://arxiv.org/abs/1611.04076",
        ),
        "least squares on raw logits",
        deviation=_NO_HALF,
    ),
    LibraryLoss(
        "hinge",
        _logit("relu(sub(1, d))", "relu(add(1, d))", "neg(d)"),
        Source(
            "Lim & Ye, Geometric GAN, 2017", "section 4, soft-margin discriminator", "https://arxiv.org/abs/1705.02894"
        ),
        "hinge discriminator, linear generator",
    ),
    LibraryLoss(
        "wasserstein",
        _logit("neg(d)", "d", "neg(d)"),
        Source(
            "Arjovsky et al., Wasserstein Generative Adversarial Networks, 2017",
            "algorithm 1",
            "https://arxiv.org/abs/1701.07875",
        ),
        "difference of mean critic outputs",
        deviation="without clipping of the critic's weights, which belongs to the training and not to the loss",
    ),
    LibraryLoss(
        "relativistic-hinge",
        _logit(
            "relu(sub(1, sub(d, m)))",
            "relu(add(1, sub(d, m)))",
            "relu(sub(1, sub(d, m)))",
            "relu(add(1, sub(d, m)))",
        ),
        Source(
            "Jolicoeur-Martineau, The relativistic discriminator, 2018",
            "RaHingeGAN, among the objectives in the appendix",
            "https://arxiv.org/abs/1807.00734",
        ),
        "hinge on the distance to the mean output of the opposite batch",
    ),
    LibraryLoss(
        "exponential",
        _logit("exp(mul(-0.5, d))", "exp(mul(0.5, d))", "exp(mul(-0.5, d))"),
        Source(
            "Mohamed & Lakshminarayanan, Learning in Implicit Generative Models, 2016",
            "table 1, exponential loss with D = sigmoid(d)",
            "https://arxiv.org/abs/1610.03483",
        ),
        "exponential loss of half the log-odds",
        deviation="the paper leaves the generator open: here it takes the non-saturating form, as in bce; "
        "constant where |d| > 60, so that float32 does not overflow",
    ),
    LibraryLoss(
        "fgan-kl",
        _logit("neg(d)", "exp(sub(d, 1))", "neg(exp(sub(d, 1)))"),
        Source(
            "Nowozin et al., f-GAN, 2016",
            "equation 6 with f*(t) = exp(t - 1) and g_f(v) = v (table 2)",
            "https://arxiv.org/abs/1606.00709",
        ),
        "variational Kullback-Leibler divergence, saturating generator",
        deviation="exp is constant where d > 31, so that float32 does not overflow",
        exempt=Rejection.VANISHING,
    ),
    LibraryLoss(
        "ganetic",
        _label("add(cube(p), sqrt(mul(3.985, div(y, p))))"),
        Source(_GANETIC, f"the TensorFlow code of {_GANETIC_CODE}", _GANETIC_URL),
        "found by genetic programming; divides element by element",
        deviation="without the clipping of p to [1e-7, 1 - 1e-7] that Keras adds",
    ),
    LibraryLoss(
        "ganetic-batch-sum",
        _label("add(cube(p), sqrt(mul(3.985, div(y, s))))"),
        Source(_GANETIC, f"the torch code of {_GANETIC_CODE}", _GANETIC_URL),
        "the torch variant of ganetic; divides by the sum over the batch",
        deviation="the epsilon is added to the sum once, not once an element",
        exempt=Rejection.WRONG_DIRECTION,
        reference_only=True,
    ),
)

LIBRARY: dict[str, LibraryLoss] = {loss.name: loss for loss in _ROWS}


def library_loss(name: str) -> LibraryLoss:
    """Return a published loss by name.

    Raises:
        UserError: there is none of this name.
    """
    if name not in LIBRARY:
        raise unknown("loss", name, LIBRARY)
    return LIBRARY[name]
