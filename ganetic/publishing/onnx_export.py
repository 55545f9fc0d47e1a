"""A generator as an ONNX file, checked against torch. The extra ``[onnx]`` brings what this needs."""

import warnings
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganetic.errors import UserError, needs_extra
from ganetic.publishing.load import PublishedGenerator

ONNX = "model.onnx"
INPUT, OUTPUT = "latents", "images"
MOST_APART = 1e-3
"""Numbers of an image, in [−1, 1], that lie further apart are a fault: an eighth of a grey level. Rounding alone comes
to 6e-5 in nets with pixel norm, which differ as much from their own in float64."""
CHECKED = (1, 7)
"""Sizes of the batches that are compared. Neither is that of the export, so that a fixed size would be found out."""
_EXPORTED = 2


def refuse_without_onnx() -> None:
    """Refuse an export before anything costly is done for it.

    Raises:
        UserError: a package is missing.
    """
    with needs_extra("onnx", "--onnx"):
        import onnxruntime  # noqa: F401, PLC0415 - an extra
        import onnxscript  # noqa: F401, PLC0415


def export_onnx(generator: PublishedGenerator, path: Path) -> float:
    """Write a generator as one ONNX file, with its weights inside, and compare it with torch.

    The input ``latents`` is float32 ``(batch, latent)``, the output ``images`` float32 ``(batch, C, H, W)``.

    Returns:
        The largest difference of a number of an image, of the latents of seed 0.

    Raises:
        UserError: onnxruntime gives other images.
    """
    refuse_without_onnx()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter, about itself
        torch.onnx.export(
            _without_parametrizations(generator),
            (generator.latents(_EXPORTED),),
            path,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return _checked(generator, path)


def _without_parametrizations(generator: PublishedGenerator) -> nn.Module:
    """A copy whose spectral norm is part of the weights, as it is in evaluation mode."""
    copy = deepcopy(generator)
    for module in copy.modules():
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(module, name)
    return copy.requires_grad_(False).eval()


def _checked(generator: PublishedGenerator, path: Path) -> float:
    import onnxruntime  # noqa: PLC0415 - an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    apart = 0.0
    for count in CHECKED:
        latents = generator.latents(count)
        (images,) = session.run([OUTPUT], {INPUT: latents.numpy()})
        apart = max(apart, _apart(generator(latents), torch.from_numpy(images)))
    if not apart <= MOST_APART:
        raise UserError(
            f"{path.name}: onnxruntime's images are {apart:.2g} from torch's, at most {MOST_APART:g} was expected; "
            "leave out --onnx, and report it"
        )
    return apart


def _apart(expected: Tensor, found: Tensor) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float((found - expected).abs().max())
