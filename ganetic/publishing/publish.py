"""Publish a generator: a folder that others load it from, with a card that says what it is."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

import ganetic
from ganetic.data import Origin, origin_of
from ganetic.errors import UserError
from ganetic.evaluation.evaluate_path import evaluate_checkpoint, training_data_for
from ganetic.files import not_written, refuse_impossible_directory
from ganetic.loss.card import card_text, read_card
from ganetic.publishing.config_text import config_text
from ganetic.publishing.generator_config import CONFIG, PUBLISHED, WEIGHTS, GeneratorConfig
from ganetic.publishing.load import load_generator
from ganetic.publishing.model_card import LOSS, SAMPLES, TRAINING, model_card
from ganetic.publishing.onnx_export import ONNX, export_onnx, refuse_without_onnx
from ganetic.publishing.publication import SEED, Publication
from ganetic.training.checkpoint import read_part, read_train_state
from ganetic.training.generate import Checkpoint, find_checkpoint, generate_labelled
from ganetic.training.outcome import Training
from ganetic.training.samples import COLUMNS, by_class, grid, write_png
from ganetic.training.samples import SAMPLES as SHOWN

CARD = "README.md"


def publish(
    training: Training | Path | str,
    directory: Path | str,
    *,
    onnx: bool = False,
    data_licence: str | None = None,
    despite_copies: bool = False,
    download: bool = False,
) -> Path:
    """Write a folder from which others load a generator: its weights, its configuration, and a model card.

    The card is in the format of the Hugging Face Hub. The generator is evaluated for it, as `evaluate` does, and real
    images are never part of the folder.

    Args:
        training: for its best checkpoint, or the directory of a checkpoint.
        directory: a new or empty one.
        onnx: whether to write ``model.onnx`` as well; needs ``ganetic[onnx]``.
        data_licence: of the images, such as ``CC BY 4.0``, where the data set does not tell it, or tells another.
        despite_copies: publish a generator that copies its training images; the card then says so on top.
        download: whether a missing data set may be downloaded.

    Returns:
        The directory.

    Raises:
        UserError: there is no checkpoint, the directory holds something or cannot be written, the images cannot be
            read or are others now, or the generator copies.
    """
    directory = Path(directory)
    _refuse_directory(directory)
    if onnx:
        refuse_without_onnx()
    checkpoint = find_checkpoint(training.directory if isinstance(training, Training) else Path(training))
    publication = _publication(checkpoint, data_licence, download)
    if publication.copies and not despite_copies:
        raise UserError(
            f"{checkpoint.directory}: copies training images ({publication.copies}); look at them, train with more "
            "images or fewer steps, or use --despite-copies, which the card will say"
        )
    _write(publication, directory, onnx)
    return directory


def _refuse_directory(directory: Path) -> None:
    if directory.is_dir() and any(directory.iterdir()):
        raise UserError(f"{directory}: holds files already; name a new directory")
    if directory.exists() and not directory.is_dir():
        raise UserError(f"{directory}: is a file; name a new directory")
    refuse_impossible_directory(directory)


def _publication(checkpoint: Checkpoint, data_licence: str | None, download: bool) -> Publication:
    name = checkpoint.metadata.config.data.name
    training_data = training_data_for(checkpoint, download)
    return Publication(
        checkpoint=checkpoint,
        train_state=read_train_state(checkpoint.directory),
        card=read_card(checkpoint.directory.parent.parent / LOSS),
        evaluation=evaluate_checkpoint(checkpoint, training_data, seed=SEED),
        images=training_data.images,
        trained_on=len(training_data.training),
        origin=_origin(name, data_licence),
    )


def _origin(name: str, told: str | None) -> Origin:
    origin = origin_of(name)
    return origin if told is None else replace(origin, licence=" ".join(told.split()))


def _write(publication: Publication, directory: Path, onnx: bool) -> None:
    """Write all files aside, and rename their folder into place."""
    aside = directory.with_name(f".{directory.name}.{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        write_generator(aside, read_part(publication.checkpoint.directory, "average"), _config(publication.checkpoint))
        apart = export_onnx(load_generator(aside), aside / ONNX) if onnx else None
        write_png(aside / SAMPLES, _samples(publication.checkpoint))
        texts = {
            LOSS: card_text(publication.card),
            TRAINING: config_text(publication.config),
            CARD: model_card(replace(publication, onnx_apart=apart), directory.name),
        }
        for name, text in texts.items():
            (aside / name).write_text(text, encoding="utf-8")
        aside.rename(directory)
    except OSError as error:
        raise not_written(directory, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _samples(checkpoint: Checkpoint) -> Tensor:
    """A grid of generated images; of a generator that is told classes each row has one class."""
    generated = generate_labelled(checkpoint, SHOWN, SEED)
    images = torch.tensor(generated.images)
    return grid(images if generated.labels is None else by_class(images, generated.labels, COLUMNS))


def write_generator(folder: Path, weights: Mapping[str, Tensor], config: GeneratorConfig) -> None:
    """Write what `load_generator` reads into a folder.

    Raises:
        OSError: it cannot be written.
    """
    tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
    (folder / WEIGHTS).write_bytes(
        save(tensors, {"format": "pt"})
    )  # safetensors' own file could be read by nobody else
    stored = PUBLISHED.stamped(config.model_dump(mode="json"))
    (folder / CONFIG).write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _config(checkpoint: Checkpoint) -> GeneratorConfig:
    metadata = checkpoint.metadata
    return GeneratorConfig(
        model=metadata.config.model,
        size=metadata.size,
        channels=metadata.channels,
        classes=metadata.classes,
        loss=metadata.name,
        data=metadata.data,
        step=checkpoint.step,
        ganetic=ganetic.__version__,
    )
