"""InceptionV3 features through torch-fidelity, from a weights file that the user brings."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganetic.errors import UserError
from ganetic.metrics.weights_file import read_state

FID_WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
"""torch-fidelity's file; the digits at the end are the beginning of its sha256."""
FID_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FID_WEIGHTS}"
_DIGITS = "6726825d"
_LAYER = "2048"
DIMENSIONS = 2048
_CHUNK = 25


@dataclass(frozen=True, eq=False)
class InceptionWeights:
    """The weights of an InceptionV3 as plain arrays; a `ganetic.metrics.extractor.FeatureSource`.

    Attributes:
        arrays: the state, by name.
        sha256: of the file they came from, in hex.
    """

    arrays: dict[str, NDArray[np.generic]]
    sha256: str

    @property
    def is_fid(self) -> bool:
        """Whether these are the 2015-12-05 weights: only with them may a distance be called FID."""
        return self.sha256.startswith(_DIGITS)

    @property
    def protocol(self) -> str:
        """The features' name in a metric's protocol."""
        return "inception-2015-12-05" if self.is_fid else f"inception-{self.sha256[:8]}"

    def build(self, device: str | torch.device) -> "InceptionExtractor":
        """Build the net on a device."""
        return InceptionExtractor(self.protocol, build_inception(self, device))


@dataclass(frozen=True, eq=False)
class InceptionExtractor:
    """InceptionV3 on a device; a `ganetic.metrics.extractor.FeatureExtractor`.

    Attributes:
        name: the features' name in protocols.
        net: of `build_inception`.
    """

    name: str
    net: nn.Module

    @property
    def dimensions(self) -> int:
        """The number of features."""
        return DIMENSIONS

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 features ``(N, 2048)`` of uint8 images ``(N, H, W, C)``."""
        return inception_features(self.net, images)


def load_inception(path: Path) -> InceptionWeights:
    """Read a weights file without running anything in it.

    Raises:
        UserError: the file is missing, holds more than tensors, or does not fit torch-fidelity's InceptionV3.
    """
    state, digest = read_state(path, f"expected {FID_URL}")
    weights = InceptionWeights({name: value.numpy() for name, value in state.items()}, digest)
    try:
        build_inception(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: not a state of torch-fidelity's InceptionV3 ({reason}); expected {FID_URL}") from None
    return weights


def build_inception(weights: InceptionWeights, device: str | torch.device = "cpu") -> nn.Module:
    """Build torch-fidelity's InceptionV3, in evaluation mode.

    Its constructor reads a file, and would download one: it is given a fresh file of exactly these arrays.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import (  # noqa: PLC0415  (takes seconds to import)
        FeatureExtractorInceptionV3,
    )

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "weights.pth"
        torch.save({name: torch.tensor(array) for name, array in weights.arrays.items()}, file)
        net: nn.Module = FeatureExtractorInceptionV3("inception", [_LAYER], feature_extractor_weights_path=str(file))
    return net.to(device)


@torch.no_grad()
def inception_features(net: nn.Module, images: Tensor | NDArray[np.uint8]) -> Tensor:
    """Return float32 features ``(N, 2048)`` of uint8 images ``(N, H, W, C)``; grey is repeated to three channels."""
    device = next(net.parameters()).device
    pixels = images if isinstance(images, Tensor) else torch.tensor(images)
    colour = pixels.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    return torch.cat([net(batch.to(device))[0] for batch in torch.split(colour, _CHUNK)])
