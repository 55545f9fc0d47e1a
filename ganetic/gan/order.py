"""The order in which images are seen."""

import torch
from torch import Tensor


class ImageOrder:
    """Batches of indices, epoch after epoch in a new order; a batch may end one epoch and begin the next.

    Args:
        count: of the images.
        batch: images a batch.
        stream: decides the order.
    """

    def __init__(self, count: int, batch: int, stream: torch.Generator) -> None:
        self._count, self._batch, self._stream = count, batch, stream
        self.queue = torch.empty(0, dtype=torch.int64)
        """What is left of the epochs drawn so far; with the stream's state, all that a resumed training needs."""

    def next(self) -> Tensor:
        """Return the indices of the next batch, int64 ``(batch,)``."""
        while len(self.queue) < self._batch:
            self.queue = torch.cat([self.queue, torch.randperm(self._count, generator=self._stream)])
        batch, self.queue = self.queue[: self._batch], self.queue[self._batch :]
        return batch
