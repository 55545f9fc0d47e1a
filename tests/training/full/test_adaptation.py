"""Adaptive augmentation in a training: what moves p, what p moves, and what it leaves alone."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganetic.errors import UserError
from ganetic.evaluation.evaluate_path import evaluate_path
from ganetic.gan.models import Nets
from ganetic.gan.profiles import AugmentationSpec
from ganetic.gan.regulariser import RegulariserSpec
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import reproducible
from ganetic.training.checkpoint import checkpoints_in, read_checkpoint, read_train_state
from ganetic.training.config import TrainConfig
from ganetic.training.data import held_out_share, load_training_data, training_data_of
from ganetic.training.outcome import outcome
from ganetic.training.record import read_metrics
from ganetic.training.setup import full_trainer
from ganetic.training.train import plan, resume_training, train
from ganetic.training.trainer import Trainer, TrainerSpec
from tests.training.full.conftest import LOSS, tiny
from tests.training.full.test_train import KillAt, Killed, assert_equal, content

SIDE, LATENT, BATCH = 8, 4, 32
ADA = {"kind": "ada", "profile": "xray", "adaptation_images": 1_000, "target": 0.501}
"""Moves p by 0.032 at every look, as soon as the average is a little above one half."""


def small_nets(seed: int = 0, first: NDArray[np.uint8] | None = None) -> Nets:
    """The smallest fully connected nets; G's images are about the given one at first."""
    torch.manual_seed(seed)
    last = nn.Linear(32, SIDE**2)
    if first is not None:
        with torch.no_grad():
            last.bias.copy_(1.8 * (torch.tensor(first.reshape(-1)) / 127.5 - 1))
    generator = nn.Sequential(
        nn.Linear(LATENT, 32), nn.LeakyReLU(0.2), last, nn.Tanh(), nn.Unflatten(1, (1, SIDE, SIDE))
    )
    judge = nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Flatten(0))
    return Nets(generator, judge)


def small_trainer(
    images: NDArray[np.uint8],
    augmentation: dict[str, Any],
    nets: Nets | None = None,
    loss: str | Formula = "bce",
    held_out: NDArray[np.uint8] | None = None,
    r1: float = 0.0,
) -> Trainer:
    spec = TrainerSpec(
        seed=0,
        batch=BATCH,
        latent=LATENT,
        generator_lr=5e-3,
        discriminator_lr=5e-3,
        beta1=0.5,
        beta2=0.99,
        regulariser=RegulariserSpec(r1=r1),
        augmentation=AugmentationSpec.model_validate(augmentation),
    )
    formula = LIBRARY[loss].formula if isinstance(loss, str) else loss
    return Trainer(nets or small_nets(), spec, formula, images, "cpu", held_out=held_out)


def noise(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 1), dtype=np.uint8)


def advance(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.advance()


# No leak


def dots(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """A blurred dot in the upper part of each image: it tells how an image is turned."""
    stream, grid = np.random.default_rng(seed), (2 * np.arange(SIDE) + 1) / SIDE - 1
    down, right = (stream.uniform(*ends, (count, 1, 1)) for ends in ((-0.8, -0.4), (-0.3, 0.3)))
    light = np.exp(-((grid - right) ** 2 + (grid[:, np.newaxis] - down) ** 2) / 0.08)
    images: NDArray[np.uint8] = np.rint(255 * light).astype(np.uint8)[..., np.newaxis]
    return images


def upright(images: Tensor) -> float:
    """The share of images whose light is further up than it is down, left or right."""
    light, grid = images.squeeze(3).double(), (2 * torch.arange(SIDE) + 1) / SIDE - 1
    weight = light / light.sum((1, 2), keepdim=True).clamp(min=1)
    right, down = (weight * grid).sum((1, 2)), (weight * grid[:, None]).sum((1, 2))
    return float((-down > torch.maximum(down, right.abs())).double().mean())


@pytest.mark.parametrize(("p", "shown"), [(0.8, 1.0), (1.0, 0.0)])
def test_g_draws_no_turned_image_up_to_what_is_safe_and_cannot_know_beyond(p: float, shown: float) -> None:
    """G begins with images that stand on their heads.

    Where D sees some upright ones more often than turned ones it learns which way is up. Where every image is turned by
    chance no way is up, and G keeps what it has: it draws what only augmentation could have made.
    """
    images, turned = dots(512), dots(200, 9).mean(0)[::-1].copy()
    augmentation = {"kind": "fixed", "quarter_turns": True, "p": p}
    latents = torch.randn(200, LATENT, generator=torch.Generator().manual_seed(1))
    with reproducible():
        trainer = small_trainer(images, augmentation, small_nets(0, turned), r1=0.3)
        assert upright(torch.tensor(images)) == 1
        assert upright(trainer.generate(latents)[-1]) == 0
        advance(trainer, 320)
        assert upright(trainer.generate(latents)[-1]) == pytest.approx(shown, abs=0.02)


# p, and what it follows


@pytest.mark.parametrize("loss", ["bce", "ganetic", "wasserstein"])
def test_p_rises_where_d_remembers_its_images_and_not_where_it_cannot(loss: str) -> None:
    """Noise has nothing to learn but the images themselves."""
    seen = {}
    for count in (32, 4000):
        with reproducible():
            ada = {"kind": "ada", "scale": 0.1, "adaptation_images": 8_000}
            trainer = small_trainer(noise(count, 1), ada, loss=loss, held_out=noise(256, 2))
            advance(trainer, 120)
        assert trainer.adaptation is not None
        seen[count] = trainer.adaptation.standing
    few, many = seen[32], seen[4000]
    assert few.auc > 0.59 and few.p > 0.1
    assert abs(many.auc - 0.5) < 0.06 and many.p == 0


def test_d_that_puts_fakes_above_reals_is_read_the_other_way_round() -> None:
    """As the nets begin, both losses have the same D, which ranks by chance."""
    logistic = {"d_real": "softplus(neg(d))", "d_fake": "softplus(d)", "g_fake": "softplus(neg(d))"}
    turned = {"d_real": "softplus(d)", "d_fake": "softplus(neg(d))", "g_fake": "softplus(d)"}
    seen = []
    for slots in (logistic, turned):
        trainer = small_trainer(noise(32, 1), ADA, loss=Formula.of("logit", slots), held_out=noise(256, 2))
        assert trainer.adaptation is not None
        trainer.adaptation.after_step(4, trainer.discriminator)
        seen.append(trainer.adaptation.standing)
    assert seen[0].auc != 0.5 and seen[0].r_t != 0
    assert (seen[1].auc, seen[1].r_t) == pytest.approx((1 - seen[0].auc, -seen[0].r_t))


@pytest.mark.parametrize("held_out", [64, 300])
def test_a_look_changes_nothing_but_p(held_out: int) -> None:
    config = tiny("dcgan", regulariser={"r1": 0.1}, augmentation=ADA)
    images = np.random.default_rng(0).integers(0, 256, (64 + held_out, 32, 32, 1), dtype=np.uint8)
    with reproducible():
        trainer = full_trainer(config, LIBRARY[LOSS].formula, images[:64], "cpu", held_out=images[64:])
        advance(trainer, 3)
        assert trainer.adaptation is not None and trainer.discriminator.training
        before = {name: {key: t.clone() for key, t in part.items()} for name, part in trainer.state().items()}
        trainer.adaptation.after_step(4, trainer.discriminator)
        after = trainer.state()
    assert trainer.discriminator.training
    changed = {
        name for part, tensors in before.items() for name, t in tensors.items() if not torch.equal(t, after[part][name])
    }
    assert changed == {"ada", "ada.standing"}


def test_p_is_drawn_for_alike_whatever_it_is() -> None:
    """Two losses of one seed see the same changes, though their p differs."""
    streams = []
    for loss in ("bce", "wasserstein"):
        trainer = small_trainer(noise(32, 1), ADA, loss=loss, held_out=noise(64, 2))
        advance(trainer, 24)
        found = trainer.state()["streams"]
        streams.append((found["diffaugment"], found["ada"], found["latents"], trainer.p))
    assert all(torch.equal(one, other) for one, other in zip(streams[0][:3], streams[1][:3], strict=True))


def state_after(augmentation: dict[str, Any], steps: int) -> dict[str, Tensor]:
    config = tiny("dcgan", augmentation=augmentation)
    images = np.random.default_rng(0).integers(0, 256, (164, 32, 32, 1), dtype=np.uint8)
    with reproducible():
        trainer = full_trainer(config, LIBRARY[LOSS].formula, images[:64], "cpu", held_out=images[64:])
        advance(trainer, steps)
    return {**trainer.generator.state_dict(), **{f"d.{k}": t for k, t in trainer.discriminator.state_dict().items()}}


@pytest.mark.parametrize(
    "augmentation",
    [{"kind": "fixed", "profile": "xray", "p": 0}, {"kind": "ada", "profile": "xray"}],
)
def test_a_training_with_p_0_is_one_without_augmentation(augmentation: dict[str, Any]) -> None:
    without, with_p = state_after({}, 5), state_after(augmentation, 5)
    assert all(torch.equal(tensor, with_p[name]) for name, tensor in without.items())


def test_a_profile_alone_means_a_fixed_p_as_before() -> None:
    before, now = state_after({"profile": "xray"}, 3), state_after({"profile": "xray", "kind": "fixed", "p": 0.6}, 3)
    assert all(torch.equal(tensor, now[name]) for name, tensor in before.items())
    other = state_after({"profile": "xray", "p": 0.2}, 3)
    assert not all(torch.equal(tensor, other[name]) for name, tensor in before.items())


# Runs


ada_config = partial(tiny, eval_images=80, augmentation=ADA)


def test_killed_and_resumed_p_goes_on_bit_for_bit(tmp_path: Path) -> None:
    config = ada_config("mlp", keep_last=1, seed=1)
    train(config, LOSS, tmp_path / "whole")
    whole, run = content(tmp_path / "whole"), tmp_path / "killed"
    with pytest.raises(Killed):
        train(config, LOSS, run, callback=KillAt(3))
    for step in (13, 14, 29):
        with pytest.raises(Killed):
            resume_training(run, callback=KillAt(step))
    assert resume_training(run).status == "finished"
    assert_equal(content(run), whole)
    assert {"streams ada", "streams ada.standing"} <= whole["tensors"].keys()
    assert max(whole["train_state"].strengths) > 0


def test_p_and_what_moves_it_are_written_down(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganetic")
    training = train(ada_config("mlp"), LOSS, run)
    logged = [line for line in read_metrics(run) if "d_loss" in line]
    assert all({"p", "auc", "r_t"} <= line.keys() for line in logged)
    strengths = training.train_state.strengths
    assert len(strengths) == len(training.train_state.trace)
    assert list(strengths[1:]) == [line["p"] for line in logged]
    assert any("; p 0." in text and ", auc 0." in text for text in caplog.messages)
    state, _ = read_checkpoint(checkpoints_in(run)[-1])
    assert float(state["streams"]["ada.standing"][0]) == strengths[-1]


def test_how_p_ended_is_said(run: Path) -> None:
    training = train(ada_config("mlp", steps=10), LOSS, run)
    ended = replace(training, train_state=training.train_state.model_copy(update={"strengths": (0.0, 0.4, 0.3)}))
    assert "augmentation: p 0.30 at the end, at most 0.40 where it was measured" in outcome(ended)


def test_where_p_does_not_move_nothing_of_it_is_written_down(run: Path) -> None:
    train(tiny("mlp", augmentation={"profile": "xray"}, steps=10), LOSS, run)
    assert not any("p" in line or "auc" in line for line in read_metrics(run))
    assert read_train_state(checkpoints_in(run)[-1]).strengths == ()
    assert "strengths" not in (checkpoints_in(run)[-1] / "state.json").read_text()


def test_an_alarm_is_given_once_where_p_stays_at_its_cap(caplog: pytest.LogCaptureFixture) -> None:
    ada = {"kind": "ada", "scale": 0.01, "cap": 0.1, "adaptation_images": 2_000}
    with reproducible():
        trainer = small_trainer(noise(32, 1), ada, held_out=noise(64, 2))
        advance(trainer, 160)
    assert trainer.p == 0.1
    (said,) = [text for text in caplog.messages if "stays at its cap" in text]
    assert "p = 0.1" in said and "bring more images" in said and "\n" not in said


# Few held-out images, and what cannot be


@pytest.mark.parametrize(("loss", "line"), [("bce", "p follows r_t"), (LOSS, "p stays 0.6")])
def test_with_few_held_out_images_the_sign_steers_p_where_it_tells_or_p_stays(
    loss: str, line: str, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = train(tiny("mlp", eval_images=48, augmentation=ADA), loss, run)
    (said,) = [text for text in caplog.messages if "held-out images are too few to rank" in text]
    assert said.startswith('augmentation of kind "ada": 48 held-out') and line in said and "\n" not in said
    logged = [line for line in read_metrics(run) if "d_loss" in line]
    assert not any("auc" in line for line in logged)
    assert all(("r_t" in line) == (loss == "bce") for line in logged)
    assert bool(training.train_state.strengths) == (loss == "bce")


def test_of_a_small_set_more_than_a_fifth_is_held_out_where_that_helps() -> None:
    assert [held_out_share(count) * count for count in (100, 127, 128, 160, 300, 400, 500)] == pytest.approx(
        [20, 25.4, 64, 80, 80, 80, 100]
    )
    config = ada_config("mlp")
    ranked = load_training_data(config.data, 500, ranked=config.ranks_held_out)
    assert len(ranked.held_out) >= 64 and not set(ranked.held_out) & set(ranked.training)


def test_a_training_too_short_for_its_adaptation_is_told(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(ada_config("mlp", steps=10, augmentation={"kind": "ada", "profile": "xray"}), LOSS, run)
    (said,) = [text for text in caplog.messages if "adaptation_images" in text]
    assert "in 80 images p can rise to 0.00016 at most" in said


def test_an_adaptation_in_too_few_looks_is_refused() -> None:
    with pytest.raises(ValueError, match="adaptation_images is 1000; expected 2560 or more with a batch of 32"):
        tiny("mlp", batch=32, augmentation=ADA)


def test_colours_of_grey_images_are_refused_before_a_directory_is_made(run: Path) -> None:
    config = tiny("mlp", augmentation={"profile": "xray", "saturation": 0.3})
    for command in (partial(train, run=run), plan):
        with pytest.raises(UserError, match=r"augmentation\.saturation changes colours"):
            command(config, LOSS)
    assert not run.exists()


def test_mirrored_x_rays_are_told_of_before_they_are_trained_on(caplog: pytest.LogCaptureFixture) -> None:
    plan(tiny("mlp", augmentation={"profile": "xray", "mirror": True}), LOSS)
    assert len([text for text in caplog.messages if "heart on the right" in text]) == 1


def test_an_evaluation_holds_out_what_the_training_did(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ada_config("mlp", steps=10)
    train(config, LOSS, run)
    seen: list[Any] = []
    monkeypatch.setattr("ganetic.evaluation.evaluate_path.evaluate", lambda *arguments, **_: seen.append(arguments))
    evaluate_path(run)
    training, held_out = seen[0][2:4]
    ours, theirs = training_data_of(config), load_training_data(config.data, config.eval_images)
    assert np.array_equal(training, ours.training) and np.array_equal(held_out, ours.held_out)
    assert len(theirs.held_out) < len(held_out)


def test_a_configuration_reads_back() -> None:
    for augmentation in ({}, {"profile": "xray"}, {**ADA, "cap": 0.7, "mirror": True}):
        config = tiny("mlp", augmentation=augmentation)
        stored = config.model_dump(mode="json")
        assert stored["augmentation"] == {"profile": "none", **augmentation}
        assert TrainConfig.model_validate(stored) == config
