"""The estimate of a training's memory, against the tensors that live while it makes its steps."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganetic.loss.library import LIBRARY
from ganetic.training.config import TrainConfig
from ganetic.training.memory import estimate
from ganetic.training.setup import full_trainer
from tests.training.full.conftest import tiny


class Living(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all storages that operations make, until they are freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._storages: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._take(tensor)
        self.most = max(self.most, sum(self._storages.values()))
        return made

    def _take(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._storages:
            self._storages[storage._cdata] = storage.nbytes()
            weakref.finalize(storage, self._storages.pop, storage._cdata, None)


def most_bytes(config: TrainConfig, size: int) -> int:
    images, living = np.zeros((16, size, size, 1), np.uint8), Living()
    with living:
        trainer = full_trainer(config, LIBRARY["bce"].formula, images, "cpu")
        for _ in range(2):  # in the first there are no gradients of the step before
            trainer.advance()
    return living.most


@pytest.mark.parametrize(
    ("model", "batch", "nets"),
    [
        ("dcgan", 8, {"width": 8}),
        ("msg-sagan", 8, {}),
        ("stylegan2", 8, {"width": 8}),
        ("stylegan2", 18, {"depth": "small", "latent": 64}),
    ],
)
def test_is_right_to_15_percent(model: str, batch: int, nets: dict[str, object]) -> None:
    config = tiny(model, nets, batch=batch)
    assert estimate(config, 32, 1).bytes == pytest.approx(most_bytes(config, 32), rel=0.15)
