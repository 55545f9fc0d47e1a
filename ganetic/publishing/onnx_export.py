"""A generator as an ONNX file, checked against torch. The extra ``[onnx]`` brings what this needs."""

import math
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganetic.errors import UserError, needs_extra
from ganetic.publishing.load import PublishedGenerator

ONNX = "model.onnx"
INPUT, LABELS, OUTPUT = "latents", "labels", "images"
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


@torch.no_grad()
def export_onnx(generator: PublishedGenerator, path: Path) -> float:
    """Write a generator as one ONNX file, with its weights inside, and compare it with torch.

    The input ``latents`` is float32 ``(batch, latent)``, the output ``images`` float32 ``(batch, C, H, W)``. Behind the
    latents a generator that is told classes has the input ``labels``, int64 ``(batch,)``.

    Args:
        generator: is changed: spectral norm becomes part of its weights, as it is in evaluation mode.
        path: of the file.

    Returns:
        The largest difference of a number of an image, of the latents of seed 0.

    Raises:
        UserError: a package is missing, ONNX cannot say what the net does, or onnxruntime gives other images.
    """
    refuse_without_onnx()
    expected = [generator(*_inputs(generator, count).values()) for count in CHECKED]
    _bake(generator)
    _export(generator, path)
    apart = max(map(_apart, expected, _by_onnxruntime(generator, path)))
    if not apart <= MOST_APART:
        raise UserError(
            f"{path.name}: onnxruntime's images are {apart:.2g} from torch's, at most {MOST_APART:g} was expected; "
            "leave out --onnx, and report it"
        )
    return apart


def _inputs(generator: PublishedGenerator, count: int) -> dict[str, Tensor]:
    """What so many images of seed 0 are made of, by name."""
    labels = generator.labels(count)
    return {INPUT: generator.latents(count), **({} if labels is None else {LABELS: labels})}


def _export(generator: PublishedGenerator, path: Path) -> None:
    inputs, batch = _inputs(generator, _EXPORTED), torch.export.Dim("batch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's exporter, about itself
            torch.onnx.export(
                generator,
                tuple(inputs.values()),
                path,
                input_names=[*inputs],
                output_names=[OUTPUT],
                dynamic_shapes={name: {0: batch} for name in inputs},
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        cause = " ".join(str(error.__cause__ or error).split())[:200]
        raise UserError(f"{path.name}: ONNX has no form for this model ({cause}); leave out --onnx") from None


def _bake(generator: nn.Module) -> None:
    # Not on a copy: copies share the class of a parametrised module, from which this deletes the parameter.
    for module in generator.modules():
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(module, name)
    generator.requires_grad_(False)


def _by_onnxruntime(generator: PublishedGenerator, path: Path) -> list[Tensor]:
    import onnxruntime  # noqa: PLC0415 - an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = ({name: part.numpy() for name, part in _inputs(generator, count).items()} for count in CHECKED)
    return [torch.from_numpy(session.run([OUTPUT], inputs)[0]) for inputs in given]


def _apart(expected: Tensor, found: Tensor) -> float:
    return float((found - expected).abs().max()) if found.shape == expected.shape else math.inf
