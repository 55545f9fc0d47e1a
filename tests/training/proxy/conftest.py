from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ganetic.data import ImageSet, load_images
from ganetic.training.proxy_data import ProxyData, prepare
from ganetic.training.spec import ProxySpec

TINY = ProxySpec(width=2, batch=8, latent=4, images=64)


@pytest.fixture(scope="session")
def tiny_images(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    """Two hundred digits of three classes."""
    digits = load_images("mnist5k")
    assert digits.labels is not None
    chosen = np.flatnonzero(digits.labels < 3)[::7]
    path: Path = tmp_path_factory.mktemp("tiny") / "tiny.npz"
    np.savez(path, images=digits.images[chosen], labels=digits.labels[chosen])
    return load_images(f"npz:{path}")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("cache")
        patch.setenv("GANETIC_CACHE", str(directory))
        yield directory


@pytest.fixture(scope="session")
def proxy_data(tiny_images: ImageSet, cache: Path) -> ProxyData:
    return prepare(tiny_images, TINY)
