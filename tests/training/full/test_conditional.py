"""A training that is told classes: its labels go with its images, it learns them, and it goes on to the last bit."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn

import ganetic
from ganetic.config import validate
from ganetic.data import load_images
from ganetic.detection.gan import load_gan
from ganetic.errors import UserError
from ganetic.gan.ada import Standing
from ganetic.gan.conditional import EMBEDDED
from ganetic.gan.models import Nets
from ganetic.gan.profiles import AugmentationSpec
from ganetic.loss.library import LIBRARY
from ganetic.reproducible import random_stream, reproducible
from ganetic.training.checkpoint import TrainState, read_checkpoint, write_checkpoint
from ganetic.training.config import DataSpec, TrainConfig, configured
from ganetic.training.data import load_training_data
from ganetic.training.generate import find_checkpoint, generate_images, generate_labelled
from ganetic.training.labels import RealLabels
from ganetic.training.memory import estimate
from ganetic.training.metadata import METADATA
from ganetic.training.output import write_images
from ganetic.training.parallel import SINGLE_PROCESS, DistributedContext
from ganetic.training.samples import COLUMNS, by_class, real_by_rows, row_labels
from ganetic.training.setup import full_trainer
from ganetic.training.train import train
from ganetic.training.trainer import Trainer, TrainerSpec
from tests.training.full.conftest import tiny

Toy = Callable[..., tuple[NDArray[np.uint8], NDArray[np.int64]]]
"""Makes so many images of a side, and their labels."""
Classifier = Callable[[NDArray[np.uint8]], NDArray[np.int64]]
"""Finds the labels of images."""

SIZES = {"dcgan": 28, "stylegan2": 32}
EVERYTHING = {
    "augmentation": {"kind": "ada", "profile": "xray", "adaptation_images": 1_000, "target": 0.501},
    "regulariser": {"r1": 0.1, "r1_every": 2, "path_length": 1.0, "path_length_every": 3},
}


def stripes(size: int, count: int = 256, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Stripes across (0) and down (1), at random places; a quarter of them is down."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 4 == 3).astype(np.int64)
    waves = np.sin(np.arange(size) * 0.8 + random.uniform(0, 6, (count, 1))) * 110 + 128
    across = np.repeat(waves[:, :, np.newaxis], size, axis=2).astype(np.uint8)
    pixels = np.where(labels[:, np.newaxis, np.newaxis] == 0, across, across.swapaxes(1, 2))
    return pixels[..., np.newaxis], labels


def direction(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """0 where images vary down their columns, 1 where along their rows."""
    pixels = images[..., 0].astype(np.float64)
    down, along = (np.abs(np.diff(pixels, axis=axis)).mean((1, 2)) for axis in (1, 2))
    return np.where(along > down, 1, 0)


def shades(size: int, count: int = 256, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Dark images (0) and bright ones (1) with a little noise; a quarter of them is bright."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 4 == 3).astype(np.int64)
    shade = np.where(labels == 0, random.integers(30, 100, count), random.integers(156, 226, count))
    noise = random.normal(0, 8, (count, size, size, 1))
    return (shade[:, np.newaxis, np.newaxis, np.newaxis] + noise).clip(0, 255).astype(np.uint8), labels


def brightness(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """0 where images are dark, 1 where they are bright."""
    return np.where(images.mean((1, 2, 3)) > 128, 1, 0)


def config_for(model: str, **changes: Any) -> TrainConfig:
    return tiny(model, data={"name": "digits", "conditional": True}, **changes)


def trainer_of(config: TrainConfig, held_out: int = 64, toy: Toy = stripes) -> Trainer:
    images, labels = toy(SIZES[config.model.name], 128 + held_out)
    told = RealLabels(labels[held_out:], labels[:held_out])
    formula = LIBRARY["hinge"].formula
    return full_trainer(config, formula, images[held_out:], "cpu", held_out=images[:held_out], labels=told)


class Told(nn.Module):
    """A discriminator that checks that an image is as bright as its label says, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.checked, self.bright = nn.Parameter(torch.ones(())), 0, 0

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        brightness = images.mean((1, 2, 3))
        if bool((images.amax((1, 2, 3)) == images.amin((1, 2, 3))).all()):  # real ones have one value
            assert torch.equal((brightness > 0).long(), labels)
            self.checked, self.bright = self.checked + len(labels), self.bright + int(labels.sum())
        return self.weight * brightness


class Pair(nn.Module):
    """A generator whose images are of two values, and so not taken for real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        assert len(latents) == len(labels)
        made = torch.tanh(latents[:, :1] * self.weight).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
        return torch.cat([made[:, :, :4], made[:, :, 4:] * 0.5], 2)


def test_every_image_comes_with_its_own_label_also_where_augmentation_looks_at_those_held_out() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 164)
    images = np.where(labels == 1, random.integers(140, 256, 164), random.integers(0, 116, 164)).astype(np.uint8)
    pixels = np.broadcast_to(images[:, np.newaxis, np.newaxis, np.newaxis], (164, 8, 8, 1)).copy()
    told, judge = RealLabels(labels[:100], labels[100:]), Told()
    ada = AugmentationSpec.model_validate({"kind": "ada", "shift": 0.1, "adaptation_images": 10_000})
    spec = TrainerSpec(
        seed=1, batch=8, latent=3, generator_lr=1e-3, discriminator_lr=1e-3, beta1=0, beta2=0.9, augmentation=ada
    )
    formula = LIBRARY["bce"].formula
    trainer = Trainer(Nets(Pair(), judge), spec, formula, pixels[:100], "cpu", None, held_out=pixels[100:], labels=told)
    assert trainer.adaptation is not None
    for _ in range(8):
        trainer.advance()
    assert judge.checked >= 8 * 8 + 2 * 2 * 8  # every batch of D, and two looks at training and at held-out images
    assert 0 < judge.bright < judge.checked


@pytest.mark.parametrize("model", SIZES)
def test_goes_on_to_the_same_bits(model: str, tmp_path: Path) -> None:
    config = config_for(model, **EVERYTHING)
    with reproducible():
        whole = trainer_of(config)
        assert whole.adaptation is not None
        whole.adaptation.standing = Standing(p=0.5)
        for _ in range(8):
            whole.advance()
            if whole.step == 5:
                write_checkpoint(tmp_path, whole.state(), TrainState(step=5, trace=((0, 1.0),)))
        resumed = trainer_of(config)
        resumed.load_state(read_checkpoint(tmp_path / "checkpoints" / "step-00000005")[0], 5)
        for _ in range(3):
            resumed.advance()
    state = whole.state()
    for part, tensors in resumed.state().items():
        assert tensors.keys() == state[part].keys()
        assert all(torch.equal(tensor, state[part][name]) for name, tensor in tensors.items()), part
    assert any(name.endswith("embed.weight") for name in state["average"])
    assert 0.4 < (whole.p or 0) < 0.6
    assert whole.adaptation.standing.auc != 0.5


def right(trainer: Trainer, classified: Classifier, count: int = 100) -> float:
    """The share of the images that are of the class that was asked for, of the class with fewer of them."""
    latents = torch.randn(count, 8, generator=random_stream(9, "asked"))
    made = [trainer.generate(latents, onto="cpu", labels=torch.full((count,), label))[-1].numpy() for label in (0, 1)]
    return min(float((classified(images) == label).mean()) for label, images in enumerate(made))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "toy", "classified", "steps"),
    [
        ("dcgan", shades, brightness, 100),
        ("dcgan", stripes, direction, 300),
        ("stylegan2", shades, brightness, 150),
    ],
)
def test_a_trained_generator_draws_the_class_that_it_was_asked_for(
    model: str, toy: Toy, classified: Classifier, steps: int
) -> None:
    small = {"depth": "small"} if model == "stylegan2" else {}
    config = config_for(model, nets={"width": 8, **small}, ema_decay=0.9, batch=16)
    with reproducible():
        trainer = trainer_of(config, toy=toy)
        assert right(trainer, classified) < 0.9
        for _ in range(steps):
            trainer.advance()
        assert right(trainer, classified) > 0.9


def gradients(context: DistributedContext) -> dict[str, Tensor]:
    """Of both nets, after two steps of which the second has the lazy penalties."""
    images, labels = stripes(32, 64)
    config = config_for(
        "stylegan2",
        nets={"minibatch_stddev": False},  # the one layer that sees the batch
        regulariser={"r1": 0.1, "r1_every": 2, "path_length": 2.0, "path_length_every": 2},
        optimizer={"generator_lr": 1e-4, "discriminator_lr": 1e-4},
    )
    formula, told = LIBRARY["relativistic-hinge"].formula, RealLabels(labels, labels)
    with reproducible():  # on one thread, here as there
        trainer = full_trainer(config, formula, images, "cpu", context, labels=told)
        for _ in range(2):
            trainer.advance()
    nets = {"generator": trainer.generator, "discriminator": trainer.discriminator}
    named = [(f"{net}.{name}", value.grad) for net, module in nets.items() for name, value in module.named_parameters()]
    return {name: gradient.clone() for name, gradient in named if gradient is not None}


def one_of_two(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(gradients(DistributedContext(rank, 2)), f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    spawn(one_of_two, args=(str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    alone = gradients(SINGLE_PROCESS)
    assert alone.keys() == first.keys() == second.keys()
    assert {"generator.mapping.embed.weight", "discriminator.embed.weight"} <= alone.keys()
    for name, gradient in alone.items():
        assert torch.equal(first[name], second[name])
        assert (first[name] - gradient).abs().max() <= 1e-3 * gradient.abs().max() + 1e-9, name


def test_parameters_and_memory_of_classes_are_counted() -> None:
    config = config_for("dcgan")
    plain, told, more = (estimate(config, 28, 1, classes) for classes in (0, 2, 10))
    assert more.generator_parameters - told.generator_parameters == 8 * EMBEDDED
    assert (more.discriminator_parameters - told.discriminator_parameters) % 8 == 0
    assert plain.discriminator_parameters < told.discriminator_parameters < more.discriminator_parameters
    assert plain.activation_bytes <= told.activation_bytes


@pytest.mark.parametrize("model", ["mlp", "msg-gan", "msg-sagan"])
def test_other_models_are_refused_in_one_line(model: str) -> None:
    plain = {"model": {"name": model}, "steps": 10, "data": {"name": "digits", "conditional": True}}
    with pytest.raises(
        UserError, match="cannot be told classes, dcgan and stylegan2 can; choose one of them"
    ) as caught:
        validate(plain, TrainConfig, "x.toml")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="cannot be told classes"):
        configured(config_for("dcgan"), model=model)


def written(folder: Path, **arrays: NDArray[np.generic]) -> DataSpec:
    np.savez(folder / "set.npz", allow_pickle=False, **arrays)
    return DataSpec(name=f"npz:{folder / 'set.npz'}", conditional=True)


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    images, labels = stripes(28)
    for more in ({}, {"labels": labels * 0}):
        with pytest.raises(UserError, match=r"has no classes, or a single one; data\.conditional needs two or more"):
            load_training_data(written(tmp_path, images=images, **more), 64)


def test_a_class_that_is_held_out_alone_is_refused(tmp_path: Path) -> None:
    images, labels = stripes(28)
    spec = written(tmp_path, images=images, labels=labels, split=labels, class_names=np.array(["across", "down"]))
    with pytest.raises(UserError, match='no image of class "down" trains the GAN'):
        load_training_data(spec, 64)


def test_classes_are_counted_among_training_images(tmp_path: Path) -> None:
    images, labels = stripes(28, 200)
    spec = written(tmp_path, images=images, labels=labels, class_names=np.array(["across", "down"]))
    data = load_training_data(spec, 64)
    assert data.classes == {"across": 120, "down": 40}
    assert data.labels is not None
    assert pickle.loads(pickle.dumps(data)).classes == data.classes  # it travels to workers
    assert np.array_equal(direction(data.training_images), data.labels.training)
    assert np.array_equal(direction(data.held_out_images), data.labels.held_out)
    plain = load_training_data(spec.model_copy(update={"conditional": False}), 64)
    assert plain.labels is None


def test_a_configuration_without_it_says_nothing_of_it() -> None:
    assert "conditional" not in tiny("dcgan").model_dump(mode="json")["data"]
    assert config_for("dcgan").model_dump(mode="json")["data"]["conditional"] is True


def test_a_grid_has_a_class_in_each_row() -> None:
    assert row_labels(2).view(-1, COLUMNS)[:, 0].tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
    assert row_labels(3).view(-1, COLUMNS)[:, 0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert row_labels(10).view(-1, COLUMNS)[:, 0].tolist() == list(range(10))
    assert len(row_labels(100)) == 16 * COLUMNS
    images = torch.tensor([10, 11, 20, 12], dtype=torch.uint8).view(4, 1, 1, 1)
    labels = np.array([0, 0, 1, 0])
    assert real_by_rows(images, labels, torch.tensor([0, 0, 1, 1])).flatten().tolist() == [10, 11, 20, 255]
    assert by_class(images, labels, 2).flatten().tolist() == [10, 11, 12, 255, 20, 255]


def test_images_in_folders_and_arrays_are_read_with_their_classes(tmp_path: Path) -> None:
    images, labels = stripes(28, 40)
    names = ("a/b", "down")
    files = write_images(images, tmp_path / "many", labels, names)
    assert sorted({file.parent.name for file in files}) == ["a_b", "down"]
    write_images(images, tmp_path / "some.npz", labels, names)
    for name in (f"folder:{tmp_path / 'many'}", f"npz:{tmp_path / 'some.npz'}"):
        found = load_images(name)
        assert found.labels is not None
        assert np.array_equal(direction(found.images), found.labels)
    assert found.class_names == names


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("conditional") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        data = {"name": "digits", "classes": ["3", "8"], "conditional": True}
        train(tiny("dcgan", data=data, steps=20), "hinge", run)
    return run


def test_images_of_one_class_are_drawn(trained: Path) -> None:
    checkpoint = find_checkpoint(trained)
    assert list(checkpoint.metadata.classes) == ["3", "8"]
    assert sum(checkpoint.metadata.classes.values()) == 309
    drawn, again, more = (generate_labelled(checkpoint, count, seed=2) for count in (6, 6, 20))
    assert drawn.labels is not None
    assert more.labels is not None
    assert drawn.class_names == ("3", "8")
    assert np.array_equal(drawn.images, again.images)
    assert np.array_equal(drawn.images, more.images[:6])
    assert np.array_equal(drawn.labels, more.labels[:6])
    assert set(more.labels.tolist()) == {0, 1}
    only = [generate_images(checkpoint, 6, seed=2, label=name) for name in ("3", "8")]
    for number, label in enumerate(drawn.labels):  # of one latent vector, whichever way it was asked for
        assert np.array_equal(drawn.images[number], only[label][number])
    assert not np.array_equal(only[0], only[1])
    assert np.array_equal(ganetic.generate(trained, 6, seed=2, label="8"), only[1])
    with pytest.raises(UserError, match='unknown class "88"; expected one of 3, 8; did you mean "8"'):
        ganetic.generate(trained, 1, label="88")


def test_detection_does_not_take_one_in_one_line(trained: Path) -> None:
    with pytest.raises(UserError, match=r"this GAN is told classes \(3, 8\)") as caught:
        load_gan(find_checkpoint(trained))
    assert "\n" not in str(caught.value)


def test_each_class_is_evaluated(trained: Path) -> None:
    found = ganetic.evaluate(trained, count=200)
    assert [one.name for one in found.classes] == ["3", "8"]
    assert sum(one.generated for one in found.classes) == 200
    for one in found.classes:
        (fd,) = one.measures
        assert fd.protocol.startswith(f"fd@digits:{one.name}-cnn64/")
        assert fd.value > fd.floor > 0
        assert one.recognised_floor is not None
        assert one.recognised_floor > 0.8
    few = ganetic.evaluate(trained, count=20)
    assert all(one.measures == () for one in few.classes if one.generated < 16)
    assert any(note.startswith("too few images to measure these classes") for note in few.notes)
    assert "classes" not in few.model_copy(update={"classes": ()}).model_dump()


def test_trainings_from_before_there_were_classes_are_read(trained: Path) -> None:
    """What is stored of an unconditional one holds no key of classes."""
    assert '"classes": {' in (trained / METADATA).read_text()
    metadata = find_checkpoint(trained).metadata
    stored = metadata.model_copy(update={"classes": {}}).model_dump(mode="json")
    assert "classes" not in stored
    assert type(metadata).model_validate(stored).classes == {}
