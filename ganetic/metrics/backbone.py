"""Features of a torchvision net whose weights the user brings in a file."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganetic.errors import UserError, unknown
from ganetic.metrics.architectures import ARCHITECTURES, Architecture
from ganetic.metrics.pretrained import PretrainedExtractor
from ganetic.metrics.weights_file import State, read_state

SIDE = 64

PREFIXES = ("module.", "model.", "backbone.", "encoder.")
"""Left out wherever names begin with them, one after the other: wrappers that training code puts around a net."""
HEADS = ("fc.", "classifier.", "head.")
"""What classifies; it is not read."""


_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""Names in torchvision's own file of densenet121, from before its parts were called norm1 and conv1."""


@dataclass(frozen=True, eq=False)
class BackboneWeights:
    """The weights of a net without its head, as plain arrays; a `ganetic.metrics.extractor.FeatureSource`.

    Attributes:
        architecture: one of `ARCHITECTURES`.
        arrays: the state, by torchvision's names.
        file_sha256: of the file they came from, in hex.
        side: pixels a side to which images are resized. These nets are made for 224, which is twelve times the
            arithmetic of 64.
    """

    architecture: str
    arrays: dict[str, NDArray[np.generic]]
    file_sha256: str
    side: int = SIDE

    @property
    def protocol(self) -> str:
        """The features' name, such as ``resnet50-1a2b3c4d@64``, with the first digits of the file's digest."""
        return f"{self.architecture}-{self.file_sha256[:8]}@{self.side}"

    @property
    def sha256(self) -> str:
        """64 hex digits of the file, the architecture and the side."""
        return hashlib.sha256(f"{self.protocol} {self.file_sha256}".encode()).hexdigest()

    def build(self, device: str | torch.device) -> PretrainedExtractor:
        """Build the net on a device. Its features are the means over the positions of the last stage.

        They are what the net's own classifier gets; of ``convnext_tiny``, before that one's normalisation.
        """
        row = ARCHITECTURES[self.architecture]
        net = headless(row)
        state = {name: torch.tensor(array, device="cpu") for name, array in self.arrays.items()}
        net.load_state_dict(state, assign=True)
        net.requires_grad_(False).eval()
        net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        flat = nn.Sequential(net, nn.Flatten()).eval()
        return PretrainedExtractor(self.protocol, row.dimensions, flat, self.side, row.scale)


def load_backbone(architecture: str, path: Path, sha256: str | None = None, side: int = SIDE) -> BackboneWeights:
    """Read the weights of a torchvision net, without running anything in the file.

    A ``.safetensors`` file, or one of ``torch.save`` that holds a state dictionary, alone or as ``state_dict`` or
    ``model``. Names are torchvision's, behind any of `PREFIXES`; those of classifiers are left out. RadImageNet's
    ``ResNet50.pt`` and ``DenseNet121.pt`` number the net's parts (``backbone.0.weight`` is ``conv1.weight``): they are
    ``radimagenet_resnet50`` and ``radimagenet_densenet121``, which take torchvision's names as well.

    Args:
        architecture: one of `ARCHITECTURES`.
        path: the file.
        sha256: the digest that the file must have, in hex, or its first 8 digits or more.
        side: pixels a side to which images are resized.

    Raises:
        UserError: there is no such architecture or file, it is another file, or not a state of this net.
    """
    if architecture not in ARCHITECTURES:
        raise unknown("architecture", architecture, ARCHITECTURES)
    row = ARCHITECTURES[architecture]
    state, digest = read_state(path, f"bring weights of {architecture} as .safetensors or by torch.save", sha256)
    net = headless(row)
    found = {_torchvision_name(name, row, net): value for name, value in state.items()}
    if len(found) < len(state):
        raise UserError(f"{path}: holds more than one net: names differ only by their prefixes ({', '.join(PREFIXES)})")
    found = {name: value for name, value in found.items() if not name.startswith(HEADS)}
    wanted = net.state_dict()
    # Files that other tools wrote lack these counters, which only training uses.
    counters = {name: torch.zeros((), dtype=torch.int64, device="cpu") for name in wanted if name.endswith("_tracked")}
    found = counters | found
    _refuse_other_names(path, architecture, wanted, found)
    _refuse_other_shapes(path, architecture, wanted, found)
    arrays = {name: value.to(wanted[name].dtype).numpy() for name, value in found.items()}
    return BackboneWeights(architecture, arrays, digest, side)


def headless(row: Architecture) -> nn.Module:
    """The net on no device, with nothing in the place of its classifier."""
    import torchvision.models  # noqa: PLC0415  (takes seconds to import)

    build: Callable[..., Any] = getattr(torchvision.models, row.build)
    with torch.device("meta"):  # no initialisation, and no random numbers for it
        net: nn.Module = build(weights=None)
    head = "fc" if hasattr(net, "fc") else "classifier"
    setattr(net, head, nn.Identity())
    return net.to(torch.float32)


def _torchvision_name(name: str, row: Architecture, net: nn.Module) -> str:
    while prefix := next((one for one in PREFIXES if name.startswith(one)), None):
        name = name.removeprefix(prefix)
    first, _, rest = name.partition(".")
    if row.numbered and first.isdecimal():
        parts = [part for part, _ in net.named_children()]
        name = f"{parts[int(first)]}.{rest}" if int(first) < len(parts) else name
    return _OLD_DENSENET.sub(r"\1\2", name)


def _refuse_other_names(path: Path, architecture: str, wanted: State, found: State) -> None:
    lists = {"missing": sorted(wanted.keys() - found.keys()), "unknown": sorted(found.keys() - wanted.keys())}
    said = [f"{len(names)} {kind}, as {names[0][:60]}" for kind, names in lists.items() if names]
    if said:
        raise UserError(f"{path}: not weights of {architecture}: tensors {' and '.join(said)}{_hint(found)}")


def _hint(found: State) -> str:
    if not any(name.partition(".")[0].isdecimal() for name in found):
        return ""
    known = [name for name, row in ARCHITECTURES.items() if row.numbered]
    return f"; numbered parts are read as {' or '.join(known)}"


def _refuse_other_shapes(path: Path, architecture: str, wanted: State, found: State) -> None:
    for name, value in found.items():
        if value.shape != wanted[name].shape:
            raise UserError(
                f"{path}: not weights of {architecture}: {name} is {tuple(value.shape)}; expected "
                f"{tuple(wanted[name].shape)}"
            )
