"""A detector as a folder: tensors in safetensors, all else in JSON. Nothing of it is unpickled or run as code."""

import json
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, FiniteFloat, SerializeAsAny
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganetic.config import Config, load_json
from ganetic.detection.detector import Detector, Seen
from ganetic.detection.encoder import Encoder, EncoderConfig
from ganetic.detection.gan import TrainedGan
from ganetic.detection.layers import without_neighbours
from ganetic.detection.scores import PARTS, Scale
from ganetic.errors import UserError
from ganetic.files import make_directory, refuse_impossible_directory, whole, write_whole
from ganetic.formats import Format
from ganetic.gan.models import ModelSpec, build
from ganetic.loss.formula import Formula
from ganetic.reproducible import reproducible, versions

DETECTOR = "detector.json"
WEIGHTS = "weights.safetensors"
"""The nets, and the fingerprints of the images that they have seen."""

FORMAT = Format("detector", remedy="install that version to load it")
_SEEN = ("gan", "encoder", "validation")
"""The attributes of `Seen`."""
_REMEDY = "fit it again, or restore it from a copy"


class Provenance(Config):
    """What a detector was made of."""

    gan: str = ""
    """The checkpoint."""
    loss: str = ""
    """The name of the loss of the GAN."""
    data: str = ""
    """The images that it was fitted on, by the name that `ganetic.data.load_images` loads them by; new images get their
    window and plane."""
    normal: tuple[str, ...] = ()
    """Classes that are normal; none where all images are."""


class DetectorFile(Config):
    """What stands in ``detector.json``."""

    model: SerializeAsAny[ModelSpec]
    """The nets of the GAN."""
    size: int = Field(ge=8, le=1024)
    """Side of the images in pixels."""
    channels: int = Field(ge=1, le=3)
    """1 for grey images, 3 for colour."""
    formula: str
    """The loss of the GAN, which decides what the discriminator's output means."""
    encoder: EncoderConfig
    """How the encoder was trained, with the name of the layer."""
    seed: int
    """Of the encoder's training."""
    scales: dict[str, tuple[FiniteFloat, FiniteFloat]]
    """Mean and standard deviation of each score over normal validation images."""
    provenance: Provenance
    """What it was made of."""
    made_with: dict[str, str]
    """Versions and hardware."""


def refuse_used(directory: Path) -> None:
    """Refuse a place for a detector before the work is done.

    Raises:
        UserError: it is a file, holds files already, or cannot be made.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"{directory}: is a file; name a new directory")
    if directory.is_dir() and any(directory.iterdir()):
        raise UserError(f"{directory}: holds files already; name a new directory")
    refuse_impossible_directory(directory)


def save_detector(detector: Detector, directory: Path, provenance: Provenance | None = None) -> None:
    """Write a detector; its JSON last, so that a directory with one is whole.

    Raises:
        UserError: the place holds files already, or cannot be written.
    """
    refuse_used(directory)
    gan = detector.gan
    file = DetectorFile(
        model=gan.model,
        size=gan.size,
        channels=gan.channels,
        formula=gan.formula.text,
        encoder=detector.settings,
        seed=detector.seed,
        scales={name: (scale.mean, scale.sd) for name, scale in detector.scales.items()},
        provenance=provenance or Provenance(),
        made_with=versions(),
    )
    make_directory(directory)
    with whole(directory / WEIGHTS) as aside:
        save_file(_tensors(detector), aside)
    stored = json.dumps(FORMAT.stamped(file.model_dump(mode="json")), indent=1, ensure_ascii=False)
    write_whole(directory / DETECTOR, stored + "\n")


def load_detector(directory: Path) -> Detector:
    """Load a detector that `save_detector` wrote; it scores images as before, to the last bit on one kind of machine.

    Raises:
        UserError: there is none, or it is damaged.
    """
    file, tensors = read_detector_file(directory), _read_tensors(directory / WEIGHTS)
    seen = {name: tensors.pop(f"seen.{name}", torch.empty(0, dtype=torch.int64)).numpy() for name in _SEEN}
    with reproducible():
        nets = build(file.model, file.size, file.channels, seed=0)
        encoder = Encoder(file.size, file.channels, _code_length(tensors, directory / WEIGHTS), file.encoder.width)
    parts = {"generator": nets.generator, "discriminator": without_neighbours(nets.discriminator), "encoder": encoder}
    for name, net in parts.items():
        _fill(net, name, tensors, directory / WEIGHTS)
    gan = TrainedGan(
        parts["generator"],
        parts["discriminator"],
        file.model,
        file.size,
        file.channels,
        Formula.from_text(file.formula),
        seen["gan"],
    )
    scales = {name: Scale(*pair) for name, pair in file.scales.items()}
    return Detector(gan, encoder, file.encoder, file.seed, scales, Seen(**seen))


def read_detector_file(directory: Path) -> DetectorFile:
    """Read what a detector is, without its tensors.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = directory / DETECTOR
    if not path.is_file():
        raise UserError(f"{directory}: no detector, it has no {DETECTOR}; `ganetic detect fit` makes one")
    file = FORMAT.read(load_json(path, _REMEDY), DetectorFile, where=str(path))
    if set(file.scales) != set(PARTS) or file.encoder.layer is None:
        raise UserError(f"{path}: lacks scales or the layer; {_REMEDY}")
    return file


def _tensors(detector: Detector) -> dict[str, Tensor]:
    nets: dict[str, nn.Module] = {
        "generator": detector.gan.generator,
        "discriminator": detector.gan.discriminator,
        "encoder": detector.encoder,
    }
    weights = {f"{name}.{key}": tensor for name, net in nets.items() for key, tensor in net.state_dict().items()}
    seen = {f"seen.{name}": torch.from_numpy(np.ascontiguousarray(getattr(detector.seen, name))) for name in _SEEN}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in {**weights, **seen}.items()}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {_REMEDY}") from None
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: not readable as safetensors ({reason}); {_REMEDY}") from None


def _code_length(tensors: dict[str, Tensor], path: Path) -> int:
    if "encoder.code.bias" not in tensors:
        raise UserError(f"{path}: holds no encoder; {_REMEDY}")
    return len(tensors["encoder.code.bias"])


def _fill(net: nn.Module, name: str, tensors: dict[str, Tensor], path: Path) -> None:
    own = {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
    try:
        net.load_state_dict(own)
    except RuntimeError as error:
        *_, reason = str(error).splitlines()[:2]
        raise UserError(f"{path}: does not fit {DETECTOR} beside it ({reason.strip()[:100]}); {_REMEDY}") from None
    net.requires_grad_(False).eval()
