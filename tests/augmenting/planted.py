"""A made-up set of two kinds of images, and generators of which is known what they are worth."""

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from ganetic.augmenting.config import AugmentConfig
from ganetic.augmenting.gan import GanRequest, GanResult, Generated
from ganetic.augmenting.job import augment_job
from ganetic.evolution.resources import Context, Runtime
from ganetic.jobs.executor import Executor, SerialExecutor

SIDE = 12


class PixelSource:
    """Grey values as features: a net that takes no time."""

    protocol, sha256 = "pixels", "0" * 64
    name, dimensions = "pixels", SIDE**2

    def build(self, device: object) -> "PixelSource":
        return self

    def __call__(self, images: Tensor) -> Tensor:
        return images.flatten(1).float() / 255


@pytest.fixture
def pixel_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies whose features are pixels."""
    for module in ("ganetic.augmenting.images", "ganetic.studies.augment"):
        monkeypatch.setattr(f"{module}.source_of", lambda spec: None if spec.kind == "small" else PixelSource())


def write_set(
    path: Path,
    each: int = 100,
    classes: int = 2,
    contrast: float = 30.0,
    patients: bool = True,
    random_labels: bool = False,
    seed: int = 0,
    **more: np.ndarray,
) -> str:
    """Write noise in which each class has a bright stripe of its own; its name as a data set."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    images = rng.normal(110, 25, (len(labels), SIDE, SIDE))
    for label in range(classes):
        images[labels == label, 3 * label + 2] += contrast
    if random_labels:
        labels = rng.permutation(labels)
    arrays = {"images": images.clip(0, 255).astype(np.uint8), "labels": labels, **more}
    if patients:
        arrays["patient"] = np.arange(len(labels)) // 2
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return f"npz:{path}"


def config(data: str, **changed: object) -> AugmentConfig:
    """A study that takes a second or two."""
    settings: dict[str, object] = {
        "data": data,
        "sizes": (20,),
        "draws": 3,
        "shares": (0.5, 1.0),
        "copies": 2,
        "size": SIDE,
        "model": "mlp",
        "steps": 20,
        "classifier": {"steps": 40, "batch": 16, "seeds": 1, "learning_rate": 0.01},
        **changed,
    }
    return AugmentConfig.model_validate(settings)


def serial() -> Runtime:
    """Where no Ray is started."""

    def executor(context: Context) -> Executor:
        return SerialExecutor(augment_job, context)  # type: ignore[arg-type]

    return Runtime(make_executor=executor)


def training_images(request: GanRequest) -> Generated:
    """Return the training images of each class in their order, again and again."""
    assert request.subset.labels is not None
    classes = range(len(request.subset.class_names))
    own = [request.subset.images[request.subset.labels == label] for label in classes]
    return _generated(request, np.stack([images[np.arange(request.count) % len(images)] for images in own]))


def noise(request: GanRequest) -> Generated:
    """Return noise, the same for all classes."""
    side, channels = request.subset.images.shape[2:]
    shape = (len(request.subset.class_names), request.count, side, side, channels)
    return _generated(request, np.random.default_rng(request.seed).integers(0, 256, shape).astype(np.uint8))


def swapped(request: GanRequest) -> Generated:
    """Return the images of each class as those of another one: nothing worse can be learnt."""
    found = training_images(request)
    return Generated(np.roll(found.images, 1, axis=0), found.gans)


def _generated(request: GanRequest, images: np.ndarray) -> Generated:
    names = request.subset.class_names
    return Generated(images, tuple(GanResult(of=name, failure=None, step=1, fd=1.0, floor_fd=1.0) for name in names))
