"""A generator in onnxruntime draws what it draws in torch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganetic.errors import UserError
from ganetic.gan.models import MODELS, build
from ganetic.publishing.load import PublishedGenerator
from ganetic.publishing.onnx_export import export_onnx
from tests.publishing.test_load import config_for

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'ganetic[onnx]' brings onnxruntime")

pytestmark = pytest.mark.slow


def generator_of(name: str, spectral_norm: bool = False, channels: int = 1) -> PublishedGenerator:
    config = config_for(name, channels=channels, spectral_norm=spectral_norm, width=16)
    net = build(config.model, config.size, channels, seed=0).generator
    for parameter, values in net.named_parameters():
        if parameter.endswith("noise_strength"):  # StyleGAN2 begins without noise
            torch.nn.init.constant_(values, 0.3)
    return PublishedGenerator(net, config).requires_grad_(False).eval()


def latents_of(count: int) -> torch.Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize(("name", "spectral_norm"), [*((name, False) for name in MODELS.names()), ("msg-sagan", True)])
def test_every_model_gives_the_images_of_torch(name: str, spectral_norm: bool, tmp_path: Path) -> None:
    generator = generator_of(name, spectral_norm)
    path = tmp_path / "model.onnx"
    expected = {count: generator(latents_of(count)).numpy() for count in (1, 5)}
    apart = export_onnx(generator, path)
    assert apart < 1e-4
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.shape[1:], given.name, given.shape[1:]) == ("latents", [8], "images", [1, 32, 32])
    for count in (1, 5):
        (images,) = session.run(None, {"latents": latents_of(count).numpy()})
        assert images.dtype == np.float32
        np.testing.assert_allclose(images, expected[count], rtol=0, atol=1e-4)


def test_a_file_that_gives_other_images_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights change between the images of torch and the export."""

    def change(generator: torch.nn.Module) -> None:
        next(generator.parameters()).add_(0.1)

    generator = generator_of("mlp")
    monkeypatch.setattr("ganetic.publishing.onnx_export._bake", change)
    with pytest.raises(UserError, match=r"model\.onnx: onnxruntime's images are .* from torch's"):
        export_onnx(generator, tmp_path / "model.onnx")


class OfBits(torch.nn.Module):
    """Images that follow from the bits of the latents, for which ONNX has no form that torch writes."""

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return latents.view(torch.int32).float().mean(1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)


def test_a_net_that_onnx_has_no_form_for_is_refused_in_one_line(tmp_path: Path) -> None:
    generator = PublishedGenerator(OfBits(), config_for("mlp", size=8)).eval()
    with pytest.raises(UserError, match=r"^model\.onnx: ONNX has no form for this model \(.*\); leave out --onnx$"):
        export_onnx(generator, tmp_path / "model.onnx")
