"""Trainings of stylegan2 on two processes: what is random follows from the latents, and groups are of neighbours."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn

from ganetic.loss.library import LIBRARY
from ganetic.reproducible import reproducible
from ganetic.training.parallel import SINGLE_PROCESS, DistributedContext
from ganetic.training.record import read_metrics
from ganetic.training.setup import full_trainer
from ganetic.training.train import train
from tests.training.full.conftest import tiny

LOSS = "relativistic-hinge"  # each logit's gradient depends on all others
CONFIG = tiny(
    "stylegan2",
    steps=20,
    regulariser={"r1": 0.1},
    optimizer={"generator_lr": 1e-4, "discriminator_lr": 1e-4, "beta1": 0.5},
)


def gradients(context: DistributedContext) -> dict[str, Tensor]:
    """Of both nets, after two steps: noise has an effect from the second on."""
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 1), dtype=np.uint8)
    with reproducible():  # on one thread, here as there
        trainer = full_trainer(CONFIG, LIBRARY[LOSS].formula, images, "cpu", context)
        trainer.advance()
        trainer.advance()
    nets = {"generator": trainer.generator, "discriminator": trainer.discriminator}
    return {
        f"{net}.{name}": parameter.grad.clone()
        for net, module in nets.items()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }


def steps_of_two(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(gradients(DistributedContext(rank, 2)), f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    spawn(steps_of_two, args=(str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    alone = gradients(SINGLE_PROCESS)
    assert alone.keys() == first.keys() == second.keys()
    assert any(name.endswith("noise_strength") for name in alone)
    for name, gradient in alone.items():
        assert torch.equal(first[name], second[name])
        assert (first[name] - gradient).abs().max() <= 1e-3 * gradient.abs().max() + 1e-12, name


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")  # Ray Train's own
def test_two_workers_of_ray_give_the_curve_of_one_with_the_same_batch(tmp_path: Path) -> None:
    train(CONFIG, LOSS, tmp_path / "one")
    train(CONFIG, LOSS, tmp_path / "two", workers=2)
    one, two = (read_metrics(tmp_path / name) for name in ("one", "two"))
    assert [line["step"] for line in one] == [line["step"] for line in two] == [0, 10, 10, 20, 20]
    for left, right in zip(one, two, strict=True):
        for key in {"d_loss", "g_loss"} & left.keys():
            assert right[key] == pytest.approx(left[key], abs=1e-4)
        if "fd" in left:
            assert right["fd"] == pytest.approx(left["fd"], rel=1e-3)
