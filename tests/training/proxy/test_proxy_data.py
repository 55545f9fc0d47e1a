from pathlib import Path

import numpy as np
import pytest
import torch

from ganetic.data import ImageSet, load_images
from ganetic.errors import UserError
from ganetic.metrics.reference import Extractor
from ganetic.training.proxy_data import ProxyData, prepare
from ganetic.training.spec import ProxySpec
from tests.training.proxy.conftest import TINY


def test_numbers_carry_their_protocol(proxy_data: ProxyData, tiny_images: ImageSet) -> None:
    assert proxy_data.protocol == "fd@tiny-cnn64/64"
    assert proxy_data.data == f"tiny:{tiny_images.fingerprint[:12]}"
    assert proxy_data.sample_size == 64
    assert 0 < proxy_data.floor_fd < proxy_data.start_fd
    assert proxy_data.accuracy is not None
    assert proxy_data.accuracy > 0.6
    assert "the set is too small" in proxy_data.shared
    assert len(proxy_data.features_hash) == 16


def test_reference_images_train_nothing(proxy_data: ProxyData, tiny_images: ImageSet) -> None:
    assert len(proxy_data.images) == len(tiny_images.images) - 64
    reference = Extractor(proxy_data.weights, None, "cpu").distance_features(torch.tensor(tiny_images.images))
    # The mean over all images is that of both parts: the reference is exactly what is not among the GAN's images.
    others = Extractor(proxy_data.weights, None, "cpu").distance_features(torch.tensor(proxy_data.images))
    rest = (reference.double().sum(0) - others.double().sum(0)) / 64
    assert np.allclose(rest.numpy(), proxy_data.reference.mean, rtol=1e-4, atol=1e-4)


def test_prepared_twice_is_the_same(proxy_data: ProxyData, tiny_images: ImageSet, cache: Path) -> None:
    cached = prepare(tiny_images, TINY)
    for file in (cache / "features").iterdir():
        file.unlink()
    fresh = prepare(tiny_images, TINY)
    for other in (cached, fresh):
        assert other.features_hash == proxy_data.features_hash
        assert (other.floor_fd, other.start_fd) == (proxy_data.floor_fd, proxy_data.start_fd)


def test_without_labels(tiny_images: ImageSet, cache: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", images=tiny_images.images)
    bare = prepare(load_images(f"npz:{tmp_path / 'bare.npz'}"), TINY)
    assert bare.protocol == "fd@bare-cnn64k/64"
    assert bare.accuracy is None
    assert 0 < bare.floor_fd < bare.start_fd


@pytest.mark.parametrize("size", [28, 32, 64])
def test_colour_and_other_sizes(size: int, cache: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(140) % 2
    images = (random.integers(0, 80, (140, size, size, 3)) + 120 * labels[:, None, None, None]).astype(np.uint8)
    np.savez(tmp_path / "c.npz", images=images, labels=labels)
    assert prepare(load_images(f"npz:{tmp_path / 'c.npz'}"), TINY).images.shape == (76, size, size, 3)


def test_sizes_that_the_nets_do_not_take(cache: Path, tmp_path: Path) -> None:
    for size in (8, 30, 128):
        np.savez(tmp_path / "odd.npz", images=np.zeros((130, size, size), np.uint8))
        with pytest.raises(UserError, match=f"odd: images of {size}×{size} pixels; the nets take 28, 32"):
            prepare(load_images(f"npz:{tmp_path / 'odd.npz'}"), TINY)


def test_images_that_are_all_alike(cache: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "same.npz", images=np.full((130, 28, 28), 7, np.uint8), labels=np.arange(130) % 2)
    with pytest.raises(UserError, match="same: 1 of 130 images differ"):
        prepare(load_images(f"npz:{tmp_path / 'same.npz'}"), TINY)


def test_thousands_are_written_as_k(cache: Path) -> None:
    assert prepare(load_images("digits"), ProxySpec(images=2000, width=2)).protocol == "fd@digits-cnn64/898"


def test_distances_can_be_measured_in_imagenet_features(tiny_images: ImageSet, proxy_data: ProxyData) -> None:
    own = prepare(tiny_images, TINY.model_copy(update={"features": "imagenet"}))
    assert own.protocol == proxy_data.protocol.replace("cnn64", "efflite0-b4b10@32")
    assert own.features_hash != proxy_data.features_hash
    assert own.reference.mean.shape == (152,)
    assert 0 < own.floor_fd < own.start_fd
    with pytest.raises(UserError, match="are two metrics; expected one of them"):
        prepare(tiny_images, TINY.model_copy(update={"features": "imagenet"}), Path("inception.pth"))
    assert "features" not in TINY.model_dump()
