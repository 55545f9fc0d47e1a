"""Trainings on as few as 16 images, of every model and any classes: they train, resume, draw and are judged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganetic.data import ImageSet, load_images
from ganetic.errors import UserError
from ganetic.evaluation.evaluate_path import evaluate_path
from ganetic.metrics.clusters import cluster_labels
from ganetic.training.config import TrainConfig
from ganetic.training.data import load_training_data
from ganetic.training.generate import find_checkpoint, generate_images
from ganetic.training.metadata import read_metadata
from ganetic.training.samples import SAMPLES, beside
from ganetic.training.train import plan, resume_training, train
from tests.training.full.conftest import LOSS, tiny
from tests.training.full.test_train import KillAt, Killed

pytestmark = pytest.mark.usefixtures("few_halves")

LABELS: dict[str, Callable[[int], list[int] | None]] = {
    "unlabelled": lambda count: None,
    "two classes": lambda count: [place % 2 for place in range(count)],
    "one image a class": lambda count: [*range(count)],
    "a class of one image": lambda count: [1] + [0] * (count - 1),
}
MODELS = ("mlp", "dcgan", "msg-gan", "msg-sagan", "stylegan2")
SIZES = (16, 17, 40, 63, 64, 65, 71)
EVERY = [(size, model, labels) for size in SIZES for model in MODELS for labels in LABELS]
QUICK = [one for one in EVERY if one[::2] == (17, "unlabelled") or one[1:] == ("mlp", "one image a class")]


@pytest.fixture(scope="module")
def digits32() -> ImageSet:
    return load_images("digits")


def a_set(place: Path, images: ImageSet, count: int, labels: str = "unlabelled") -> str:
    file, numbers = place / f"few-{count}.npz", LABELS[labels](count)
    if numbers is None:
        np.savez(file, images=images.images[:count])
    else:
        np.savez(file, images=images.images[:count], labels=numbers)
    return f"npz:{file}"


def config(data: str, model: str = "mlp", batch: int = 4) -> TrainConfig:
    return tiny(model, data={"name": data}, batch=batch, steps=12, eval_images=16)


@pytest.mark.parametrize(
    ("count", "model", "labels"),
    [*QUICK, *(pytest.param(*one, marks=pytest.mark.slow) for one in EVERY if one not in QUICK)],
)
def test_every_size_model_and_number_of_classes(
    count: int, model: str, labels: str, digits32: ImageSet, run: Path
) -> None:
    chosen = config(a_set(run.parent, digits32, count, labels), model)
    planned = plan(chosen, LOSS)["images"]
    assert planned["training"] + planned["held_out"] == count
    with pytest.raises(Killed):
        train(chosen, LOSS, run, callback=KillAt(11))
    assert resume_training(run).status == "finished"
    assert generate_images(find_checkpoint(run), 3).shape == (3, 32, 32, 1)
    evaluation = evaluate_path(run)
    assert evaluation.generated == 16
    assert evaluation.measure("precision").n == count // 2 if count < 32 else 16
    assert evaluate_path(run, count=20, seed=1).generated == 20


def test_a_grid_beside_few_real_images_shows_all_of_both(digits32: ImageSet, run: Path) -> None:
    data = a_set(run.parent, digits32, 17)
    train(config(data), LOSS, run)
    picture = np.asarray(Image.open(run / "samples" / "step-00000012.png"))
    side = 8 * 34 + 2
    assert picture.shape == (side, 2 * side + 16, 3)
    generated, real = picture[:, :side], picture[:, side + 16 :]
    training_data = load_training_data(config(data).data, 16)
    training = {image.tobytes() for image in training_data.training_images[..., 0]}
    drawn = [
        real[34 * row + 2 : 34 * row + 34, 34 * column + 2 : 34 * column + 34, 0]
        for row in (0, 1)
        for column in range(8)
    ]
    assert {image.tobytes() for image in drawn[:14]} == training
    assert (real[2 * 34 + 2 :] == 255).all() and (drawn[14] == 255).all()
    tiles = [generated[34 * place + 2 : 34 * place + 34, 2:34] for place in range(SAMPLES // 8)]
    assert all(tile.std() > 0 for tile in tiles)


def test_sides_of_any_size_are_laid_out_beside_each_other() -> None:
    for left, right in ((64, 2), (3, 64), (9, 1), (1, 1), (8, 8)):
        made, real = (torch.full((count, 8, 8, 1), 7, dtype=torch.uint8) for count in (left, right))
        picture = beside(made, real)
        assert (picture == 7).sum() == 3 * 64 * (left + right)
        assert bool(((picture == 7) | (picture == 255)).all())


def test_a_batch_may_be_larger_than_the_set(digits32: ImageSet, run: Path) -> None:
    chosen = config(a_set(run.parent, digits32, 16), batch=100)
    assert train(chosen, LOSS, run).status == "finished"


def test_where_distances_tell_nothing_it_is_said(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 1), dtype=np.uint8)
    np.savez(run.parent / "noise.npz", images=noise)
    training = train(config(f"npz:{run.parent / 'noise.npz'}"), LOSS, run)
    assert training.status == "finished" and not any(training.train_state.ills)
    assert "fd says nothing" in caplog.text


def test_one_picture_again_and_again_is_refused_without_a_warning(run: Path) -> None:
    for name, value in (("black", 0), ("two", 255)):
        images = np.zeros((16, 32, 32, 1), np.uint8)
        images[::2] = value
        np.savez(run.parent / f"{name}.npz", images=images)
        with pytest.raises(UserError, match=f"{name}: holds out the same pictures"):
            train(config(f"npz:{run.parent / name}.npz"), LOSS, run)
        assert not run.exists()


def test_of_few_distinct_images_there_are_fewer_clusters(digits32: ImageSet) -> None:
    labels = cluster_labels(digits32.images[np.arange(40) % 5])
    assert all(len(set(labels[place::5])) == 1 for place in range(5))


@pytest.mark.parametrize("others", ["data set", "folder"])
def test_sixteen_images_of_a_folder_are_judged(others: str, digits32: ImageSet, tmp_path: Path) -> None:
    for name, images in (("made", digits32.images[:16]), ("real", digits32.images[100:116])):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(tmp_path / name / f"{number}.png")
    data = f"folder:{tmp_path / 'real'}" if others == "folder" else a_set(tmp_path, digits32, 16)
    assert evaluate_path(tmp_path / "made", data).generated == 16


@pytest.mark.parametrize("others", ["data set", "folder"])
def test_so_many_images_of_a_folder_are_drawn_by_the_seed(others: str, digits32: ImageSet, tmp_path: Path) -> None:
    for name, images in (("made", digits32.images[:40]), ("real", digits32.images[100:140])):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(tmp_path / name / f"{number:02}.png")
    data = f"folder:{tmp_path / 'real'}" if others == "folder" else a_set(tmp_path, digits32, 40)
    found = [evaluate_path(tmp_path / "made", data, 16, seed) for seed in (1, 1, 2)]
    assert [one.generated for one in found] == [16, 16, 16]
    assert found[0] == found[1]
    assert found[0] != found[2]
    with pytest.raises(UserError, match="41 images to draw of a folder with 40"):
        evaluate_path(tmp_path / "made", data, 41)


def test_some_images_of_each_class_train_and_all_are_measured_by_the_same(run: Path) -> None:
    few = tiny("mlp", data={"name": "digits", "classes": ["3", "8"], "per_class": 20}, steps=10)
    everything = tiny("mlp", data={"name": "digits", "classes": ["3", "8"]}, steps=10)
    some, whole = (load_training_data(one.data, one.eval_images) for one in (few, everything))
    assert (len(some.training), len(whole.training)) == (40, len(whole.features))
    assert np.array_equal(some.held_out, whole.held_out) and np.array_equal(some.features, whole.features)
    assert set(some.training) < set(whole.training)
    assert plan(few, LOSS)["images"] | {"held_out": 0} == plan(everything, LOSS)["images"] | {
        "training": 40,
        "held_out": 0,
    }
    train(few, LOSS, run)
    metadata = read_metadata(run)
    assert metadata.config.data.per_class == 20
    statistics = whole.reference_statistics("cpu")
    assert (metadata.protocol, metadata.floor_fd) == (statistics.protocol, statistics.floor_fd)
    assert "per_class" not in everything.model_dump(mode="json")["data"]
    assert evaluate_path(run).generated > 0
