"""How much images of one class resemble each other: MS-SSIM of disjoint pairs."""

import torch
from torch import Tensor

from ganetic.metrics.ms_ssim import ms_ssim
from ganetic.reproducible import random_stream

PAIRS = 500


class PairSimilarity:
    """Similarities of random pairs of images, both of one class, no image in two pairs, so that pairs are independent.

    Odena, Olah & Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, https://arxiv.org/abs/1610.09585:
    generated images of a class that resemble each other more than real ones do show a collapse.

    Args:
        images: uint8 ``(N, H, W, C)``, at least 11 pixels a side.
        classes: int64 ``(N,)``; all equal for pairs of any two images.
    """

    def __init__(self, images: Tensor, classes: Tensor) -> None:
        pairs = disjoint_pairs(classes)
        self.classes = classes[pairs[:, 0]]
        self.values = ms_ssim(images[pairs[:, 0]], images[pairs[:, 1]])

    def __len__(self) -> int:
        return len(self.values)

    def less(self, real: "PairSimilarity", members: Tensor) -> float:
        """Return the mean similarity of the pairs at indices ``(n,)`` minus that of real pairs of the same class.

        Classes weigh as they do among the real pairs; those without pairs on either side are left out. Where none has
        pairs on both sides, all pairs are compared with all.
        """
        own, classes = self.values[members], self.classes[members]
        common = [number for number in torch.unique(real.classes) if bool((classes == number).any())]
        if not common:
            return float(own.mean() - real.values.mean())
        gaps = torch.stack([own[classes == one].mean() - real.values[real.classes == one].mean() for one in common])
        weights = torch.stack([(real.classes == one).double().sum() for one in common])
        return float((gaps * weights).sum() / weights.sum())


def disjoint_pairs(classes: Tensor) -> Tensor:
    """Indices ``(P, 2)``, 1 ≤ P ≤ 500, in random order; of all images where no class has two."""
    stream = random_stream(0, "pairs")
    found = []
    for one in torch.unique(classes):
        members = torch.nonzero(classes == one).flatten()
        members = members[torch.randperm(len(members), generator=stream)]
        found.append(members[: len(members) // 2 * 2].view(-1, 2))
    pairs = torch.cat(found)
    if not len(pairs):
        return torch.tensor([[0, 1]])
    return pairs[torch.randperm(len(pairs), generator=stream)[:PAIRS]]
