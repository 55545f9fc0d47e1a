import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn

from ganetic.errors import UserError
from ganetic.gan.profiles import AugmentationSpec
from ganetic.gan.regulariser import RegulariserSpec
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import reproducible
from ganetic.training.config import OptimizerSpec
from ganetic.training.parallel import SINGLE_PROCESS, DistributedContext, check_workers
from ganetic.training.record import read_metrics
from ganetic.training.setup import full_trainer
from ganetic.training.train import train
from tests.training.full.conftest import tiny

CONFIG = tiny(
    nets={"minibatch_stddev": False},  # the one layer that sees the batch
    steps=20,
    regulariser={"r1": 0.1},
    optimizer={"generator_lr": 1e-4, "discriminator_lr": 1e-4, "beta1": 0.5},
)
TOLERANCE = 1e-4
"""Of the losses of two workers, after 20 steps: the order of sums differs, and each step enlarges last digits."""


LAZY = {"r1": 0.1, "r1_every": 2, "path_length": 2.0, "path_length_every": 2}


def gradients(distributed: DistributedContext, loss: str, profile: str, steps: int = 1) -> dict[str, Tensor]:
    """Of both nets, after a step; of two steps the gradients of lazy penalties, and the mean of path lengths."""
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 1), dtype=np.uint8)
    config = CONFIG.model_copy(update={"augmentation": AugmentationSpec.model_validate({"profile": profile})})
    if steps > 1:
        config = config.model_copy(update={"regulariser": RegulariserSpec.model_validate(LAZY)})
    with reproducible():  # on one thread, here as there
        trainer = full_trainer(config, LIBRARY[loss].formula, images, "cpu", distributed)
        for _ in range(steps):
            trainer.advance()
    state = {} if trainer.regulariser is None else trainer.regulariser.state()
    nets = {"generator": trainer.generator, "discriminator": trainer.discriminator}
    found = {
        f"{net}.{name}": parameter.grad.clone()
        for net, module in nets.items()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }
    return {**found, **state}


def step_of_two(rank: int, loss: str, profile: str, folder: str, steps: int) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(gradients(DistributedContext(rank, 2), loss, profile, steps), f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["none", "xray"])
def test_two_processes_have_the_gradients_of_one(profile: str, tmp_path: Path) -> None:
    loss = "relativistic-hinge"  # each logit's gradient depends on all others
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    spawn(step_of_two, args=(loss, profile, str(tmp_path), 1), nprocs=2)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    alone = gradients(SINGLE_PROCESS, loss, profile)
    assert alone.keys() == first.keys() == second.keys()
    for name, gradient in alone.items():
        assert torch.equal(first[name], second[name])
        assert (first[name] - gradient).abs().max() <= 1e-4 * gradient.abs().max() + 1e-12, name


def standing(distributed: DistributedContext) -> Tensor:
    """How adaptive augmentation stands after some steps, of images that are brighter than those held out."""
    images = np.random.default_rng(0).integers(0, 128, (104, 32, 32, 1), dtype=np.uint8)
    images[:24] += 128
    ada = AugmentationSpec(kind="ada", profile="xray", adaptation_images=1_000, target=0.501)
    rates = OptimizerSpec(generator_lr=2e-3, discriminator_lr=2e-3)
    config = CONFIG.model_copy(update={"augmentation": ada, "optimizer": rates})
    with reproducible():
        trainer = full_trainer(config, LIBRARY["bce"].formula, images[:24], "cpu", distributed, images[24:])
        for _ in range(16):
            trainer.advance()
    return trainer.state()["streams"]["ada.standing"]


def standing_of_two(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(standing(DistributedContext(rank, 2)), f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_agree_on_p_and_have_that_of_one(tmp_path: Path) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    spawn(standing_of_two, args=(str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    alone = standing(SINGLE_PROCESS)
    assert torch.equal(first, second)
    assert first[0] == alone[0] > 0
    torch.testing.assert_close(first, alone, rtol=0, atol=1e-3)  # ranks and signs of outputs that are nearly equal


@pytest.mark.slow
def test_two_processes_have_the_lazy_penalties_of_one(tmp_path: Path) -> None:
    loss = "relativistic-hinge"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    spawn(step_of_two, args=(loss, "none", str(tmp_path), 2), nprocs=2)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    alone = gradients(SINGLE_PROCESS, loss, "none", 2)
    assert alone.keys() == first.keys() == second.keys()
    assert {"calls", "path_length.calls", "path_length.mean"} <= alone.keys()
    for name, value in alone.items():
        assert torch.equal(first[name], second[name])
        assert (first[name] - value).abs().max() <= 1e-3 * value.abs().max() + 1e-9, name


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")  # Ray Train's own
def test_two_workers_of_ray_give_the_curve_of_one_with_the_same_batch(tmp_path: Path) -> None:
    train(CONFIG, "relativistic-hinge", tmp_path / "one")
    train(CONFIG, "relativistic-hinge", tmp_path / "two", workers=2)
    one, two = (read_metrics(tmp_path / name) for name in ("one", "two"))
    assert [line["step"] for line in one] == [line["step"] for line in two] == [0, 10, 10, 20, 20]
    for left, right in zip(one, two, strict=True):
        for key in {"d_loss", "g_loss"} & left.keys():
            assert right[key] == pytest.approx(left[key], abs=TOLERANCE)
        if "fd" in left:
            assert right["fd"] == pytest.approx(left["fd"], rel=1e-3)


def test_shares_are_the_batch_in_order() -> None:
    batch = torch.arange(12).view(6, 2)
    assert torch.equal(torch.cat([DistributedContext(rank, 3).of(batch) for rank in range(3)]), batch)


@pytest.mark.parametrize("workers", [0, 3, 8, 16])
def test_workers_that_cannot_share_a_batch_are_refused(workers: int) -> None:
    with pytest.raises(UserError, match="expected a number that divides it"):
        check_workers(8, workers)
