"""What the parts of StyleGAN2 cost in the forms that they could have, and a step over a bare loop of the same nets.

    python -m analysis.bench_stylegan2 [--sizes 32 64] [--batch 8] [--pairs 8] [--device cpu]

Forward and backward passes, in pairs that take turns. On a CPU what is measured is processor time of one thread, on a
GPU time. `ganetic.gan.modulation` and `ganetic.gan.upfirdn` have the forms that won on a CPU; a GPU was not measured.

Medians of 5 pairs, on two cores of a virtual machine that did other things meanwhile (load 10):

| time of | over | ratio |
| --- | --- | ---: |
| the grouped convolution, 3×3 | scaled inputs and outputs, 8 to 64 pixels, 128 to 16 channels | 1.24 to 4.93 |
| the same, where it doubles the sides | | 1.31 to 4.22 |
| the filter as means, or sums of shifted features | a depthwise convolution | 3.0 to 10.9 |
| a trainer's step, 32 and 64 pixels | a bare loop of the same nets | 0.81 to 0.94 |

A step is faster than the bare loop because it computes no gradients of D while G learns.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from analysis.bench_train import BareLoop, trainer
from ganetic.errors import run_script
from ganetic.gan.modulation import GAIN, ModulatedConv2d
from ganetic.gan.progressive import initialise
from ganetic.gan.upfirdn import smoothed
from ganetic.reproducible import reproducible
from ganetic.training.config import TrainConfig

LATENT = 128
LAYERS = ((128, 128, 8), (64, 64, 16), (32, 32, 32), (64, 32, 32), (32, 16, 64))
"""Channels that come and go, and the side."""
WARM_UP = 2

Row = tuple[str, str, str]


class GroupedConv2d(ModulatedConv2d):
    """The same layer as the paper has it: every image has weights of its own, as groups of one convolution."""

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map ``(N, inputs, H, W)`` and styles ``(N, latent)`` to ``(N, outputs, H, W)``, or twice the sides."""
        count, inputs, height, width = features.shape
        weight = self.conv.weight * self.conv.scale
        own = weight[None] * self.style(style)[:, None, :, None, None]
        own = own * torch.rsqrt(own.square().sum((2, 3, 4), keepdim=True) + 1e-8) * self._gain
        outputs, kernel = own.shape[1], own.shape[-1]
        together = features.reshape(1, count * inputs, height, width)
        if self._doubles:
            spread = own.transpose(1, 2).reshape(count * inputs, outputs, kernel, kernel)
            apart = F.conv_transpose2d(together, spread, stride=2, groups=count).view(count, outputs, *_doubled(height))
            made = 4 * smoothed(apart.contiguous(memory_format=torch.channels_last), 1)
        else:
            made = F.conv2d(together, own.flatten(0, 1), padding=kernel // 2, groups=count)
            made = made.view(count, outputs, height, width)
        return made + self._gain * self.bias[:, None, None]


def _doubled(side: int) -> tuple[int, int]:
    return 2 * side + 1, 2 * side + 1


def pooled(features: Tensor, padding: int) -> Tensor:
    """`smoothed` as three means of neighbours, one after the other: [1, 1] three times is [1, 3, 3, 1]."""
    features = F.pad(features, (padding,) * 4)
    for _ in range(3):
        features = F.avg_pool2d(features, 2, 1)
    return features


def shifted(features: Tensor, padding: int) -> Tensor:
    """`smoothed` as sums of shifted features, along one axis after the other."""
    features = F.pad(features, (padding,) * 4)
    for axis in (2, 3):
        rest = features.shape[axis] - 3
        parts = [features.narrow(axis, start, rest) for start in range(4)]
        features = 0.125 * (parts[0] + parts[3]) + 0.375 * (parts[1] + parts[2])
    return features


def ratios(first: Callable[[], object], second: Callable[[], object], pairs: int, device: str) -> str:
    """Time of the first over that of the second: the median, the least and the most of the pairs."""
    for _ in range(WARM_UP):
        first()
        second()
    found = [_seconds(first, device) / _seconds(second, device) for _ in range(pairs)]
    return f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})"


def _seconds(work: Callable[[], object], device: str) -> float:
    if device == "cpu":
        began = time.process_time()
        work()
        return time.process_time() - began
    torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - began


def modulation(batch: int, pairs: int, device: str) -> list[Row]:
    """The grouped form over the one with scaled features."""
    rows = []
    for inputs, outputs, side in LAYERS:
        for doubles in (False, True):
            works = []
            for kind in (GroupedConv2d, ModulatedConv2d):
                layer = kind(LATENT, inputs, outputs, 3, GAIN, doubles=doubles)
                initialise(layer, torch.Generator().manual_seed(0))
                layer.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
                works.append(_passes(layer, inputs, side, batch, device))
            name = f"{inputs} to {outputs} channels at {side}×{side}{', doubled' if doubles else ''}"
            rows.append(("grouped over scaled", name, ratios(works[0], works[1], pairs, device)))
    return rows


def _passes(layer: ModulatedConv2d, inputs: int, side: int, batch: int, device: str) -> Callable[[], object]:
    features = _features(batch, inputs, side, device)
    style = torch.randn(batch, LATENT, device=device)
    return lambda: layer(features, style).sum().backward()


def _features(batch: int, channels: int, side: int, device: str) -> Tensor:
    drawn = torch.randn(batch, channels, side, side, device=device)
    return drawn.contiguous(memory_format=torch.channels_last).requires_grad_(True)


def smoothing(batch: int, pairs: int, device: str) -> list[Row]:
    """Other forms of the filter over the depthwise convolution."""
    rows = []
    for channels, side in ((128, 17), (32, 65)):
        features = _features(batch, channels, side, device)
        for name, other in (("pooled", pooled), ("shifted", shifted)):
            found = ratios(_filtered(other, features), _filtered(smoothed, features), pairs, device)
            rows.append((f"filter: {name} over depthwise", f"{channels} channels at {side}×{side}", found))
    return rows


def _filtered(function: Callable[[Tensor, int], Tensor], features: Tensor) -> Callable[[], object]:
    return lambda: function(features, 1).sum().backward()


def steps(sizes: list[int], batch: int, pairs: int) -> list[Row]:
    """A trainer's step over a bare loop of the same nets, on a CPU."""
    rows = []
    for size in sizes:
        for depth in ("small", "full"):
            model = {"name": "stylegan2", "width": 512 // size, "latent": LATENT, "depth": depth}
            settings = TrainConfig.model_validate({"model": model, "batch": batch, "steps": 1000})
            ours, bare = trainer(settings, size), BareLoop(settings, size)
            found = ratios(ours.advance, bare.advance, pairs, "cpu")
            rows.append((f'step over a bare loop, depth "{depth}"', f"{size}×{size}, batch {batch}", found))
    return rows


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    table = Table("ratio", "of", "median (least-most)", box=None, pad_edge=False, header_style="dim")
    with reproducible():
        for row in modulation(options.batch, options.pairs, options.device):
            table.add_row(*row)
        for row in smoothing(options.batch, options.pairs, options.device):
            table.add_row(*row)
        for row in steps(options.sizes, options.batch, options.pairs) if options.device == "cpu" else []:
            table.add_row(*row)
    Console().print(table, markup=False, highlight=False)


if __name__ == "__main__":
    run_script(main)
