from pathlib import Path

import pytest
import torch

from ganetic.errors import UserError
from ganetic.full.checkpoint import checkpoints_in, read_checkpoint
from ganetic.full.record import read_record
from ganetic.full.share import Share, check_workers
from ganetic.full.train import resume_training, train
from tests.full.conftest import tiny

TOLERANCE = 1e-3
"""Of losses, relative to 1: the order of sums differs, and a GAN enlarges last digits step by step."""


@pytest.mark.filterwarnings("ignore")  # Ray Train's own
def test_two_workers_give_the_curve_of_one_with_the_same_batch(tmp_path: Path) -> None:
    # The loss is relativistic and reads the batch's mean; no layer of the nets sees the batch.
    config = tiny(
        "msg-sagan",
        steps=20,
        model={"name": "msg-sagan", "width": 4, "latent": 8, "attention": 8, "minibatch_stddev": False},
        regulariser={"r1": 0.1},
    )
    train(config, "relativistic-hinge", tmp_path / "one")
    train(config, "relativistic-hinge", tmp_path / "two", workers=2)
    one, two = (read_record(tmp_path / name) for name in ("one", "two"))
    assert [line["step"] for line in one] == [line["step"] for line in two]
    for left, right in zip(one, two, strict=True):
        for key in ("d_loss", "g_loss"):
            if key in left:
                assert right[key] == pytest.approx(left[key], abs=TOLERANCE)
        if "fd" in left:
            assert right["fd"] == pytest.approx(left["fd"], rel=0.02)
    (state, _), (other, _) = (read_checkpoint(checkpoints_in(tmp_path / name)[-1]) for name in ("one", "two"))
    assert torch.equal(state["streams"]["latents"], other["streams"]["latents"])
    assert resume_training(tmp_path / "two").status == "finished"


def test_shares_are_the_batch_in_order() -> None:
    batch = torch.arange(12).view(6, 2)
    assert torch.equal(torch.cat([Share(rank, 3).of(batch) for rank in range(3)]), batch)


@pytest.mark.parametrize("workers", [0, 3, 8, 16])
def test_workers_that_cannot_share_a_batch_are_refused(workers: int) -> None:
    with pytest.raises(UserError, match="expected a number that divides it"):
        check_workers(8, workers)
