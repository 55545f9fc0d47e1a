"""A loss in a training loop that is not ours, with a critic that returns ``(B, 1, 1, 1)`` as many public ones do."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganetic.loss.card import LossCard, load_loss, write_card
from ganetic.loss.compile import GanLoss
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY

ROOT = Path(__file__).parents[2]
PAPER_BEST = ROOT / "runs" / "reference" / "paper" / "best.json"


def readme_lines() -> str:
    """The code under "Use it in your own training loop"."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (lines,) = (block for block in blocks if "loss.discriminator(" in block)
    return lines


class Critic(nn.Module):
    """Pictures ``(B, 2, 1, 1)`` to logits ``(B, 1, 1, 1)``, or to ``(B,)``."""

    def __init__(self, flat: bool) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 1, 1)
        self.flat = flat
        with torch.no_grad():  # it begins on the wrong side
            self.layer.weight.copy_(torch.tensor([-0.2, 0.1]).view(1, 2, 1, 1))
            nn.init.zeros_(self.layer.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layer(images)
        return logits.flatten() if self.flat else logits


def separable(count: int, seed: int) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, count, 2, 1, 1, generator=stream)
    return 0.3 * real + 1, 0.3 * fake - 1


def trained(loss: GanLoss, flat: bool) -> Critic:
    critic = Critic(flat)
    optimiser = torch.optim.Adam(critic.parameters(), lr=0.05)
    for step in range(60):
        real, fake = separable(16, step)
        optimiser.zero_grad()
        loss.discriminator(critic(real), critic(fake)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return critic


def auc(critic: Critic) -> float:
    real, fake = (critic(images).detach().flatten() for images in separable(200, 1000))
    return float((real[:, None] > fake[None]).double().mean())


def test_a_critic_without_flatten_learns_as_one_with_it() -> None:
    loss = load_loss(PAPER_BEST)
    plain, flat = (trained(loss, flat) for flat in (False, True))
    assert auc(Critic(flat=True)) < 0.1
    assert auc(plain) > 0.99
    assert torch.equal(plain.layer.weight, flat.layer.weight)


def test_no_shape_turns_the_gradient_on_real_logits() -> None:
    loss, gradients = load_loss(PAPER_BEST), []
    for shape in ((8,), (8, 1), (8, 1, 1, 1)):
        real, fake = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
        real.requires_grad_()
        (gradient,) = torch.autograd.grad(loss.discriminator(real.view(shape), fake.view(shape)), real)
        gradients.append(gradient)
    assert (gradients[0] < 0).all()  # D raises the logits of real images
    assert torch.equal(gradients[0], gradients[1])
    assert torch.equal(gradients[0], gradients[2])


@pytest.mark.parametrize("name", LIBRARY)
def test_the_lines_of_the_readme(name: str, in_folder: Path) -> None:
    write_card(LossCard.of("best", LIBRARY[name].formula), Path("best.json"))
    critic, (real, noise) = Critic(flat=False), separable(6, 0)
    generator = nn.Conv2d(2, 2, 1)
    names: dict[str, Any] = {"critic": critic, "real": real, "fake": generator(noise)}
    exec(readme_lines(), names)

    flat, loss = Critic(flat=True), GanLoss(Formula.from_text(LIBRARY[name].formula.text))
    fake = names["fake"]
    d_loss = loss.discriminator(flat(real), flat(fake.detach()))
    g_loss = loss.generator(flat(fake), flat(real) if loss.needs_real_logits else None)
    assert torch.equal(names["d_loss"], d_loss)
    assert torch.equal(names["g_loss"], g_loss)
    for got, expected, parameters in ((names["d_loss"], d_loss, (critic, flat)), (names["g_loss"], g_loss, None)):
        mine, theirs = (net.layer.weight for net in parameters) if parameters else (generator.weight, generator.weight)
        (gradient,) = torch.autograd.grad(got, mine, retain_graph=True)
        assert torch.equal(gradient, torch.autograd.grad(expected, theirs, retain_graph=True)[0])
        assert gradient.any()
