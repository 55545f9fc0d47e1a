"""What is published of a training, and when it is refused."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import ganetic
from ganetic.cli import run_command
from ganetic.config import validate
from ganetic.data import load_images, origin_of
from ganetic.errors import UserError
from ganetic.evaluation.evaluate_path import training_data_for
from ganetic.gan.profiles import AugmentationSpec
from ganetic.loss.card import read_card
from ganetic.publishing.front_matter import licence
from ganetic.publishing.model_card import changes_of, others_of
from ganetic.publishing.publication import shown_name
from ganetic.publishing.publish import publish
from ganetic.training.checkpoint import checkpoints_in
from ganetic.training.config import DataSpec, TrainConfig, load_config
from ganetic.training.generate import Generated, find_checkpoint, generate_images
from ganetic.training.metadata import read_metadata
from ganetic.training.outcome import Training
from ganetic.training.samples import grid
from ganetic.training.train import train
from tests.documents import blocks
from tests.training.full.conftest import LOSS, tiny

FILES = ["README.md", "config.json", "loss.json", "model.safetensors", "samples.png", "training.toml"]


def front(folder: Path) -> dict[str, Any]:
    """The metadata of a card, as programs read them."""
    found = re.match(r"---\n(.*?)^---\n", (folder / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found
    data: dict[str, Any] = yaml.safe_load(found[1])
    return data


def test_the_folder_holds_what_others_need(trained: Training, published: Path) -> None:
    assert sorted(path.name for path in published.iterdir()) == FILES
    assert {path.stat().st_mode & 0o044 for path in published.iterdir()} == {0o044}
    assert read_card(published / "loss.json").name == LOSS
    assert load_config(published / "training.toml") == read_metadata(trained.directory).config
    images = generate_images(find_checkpoint(trained.directory), 64, seed=0)
    shown = np.asarray(Image.open(published / "samples.png"))
    assert np.array_equal(shown, grid(torch.tensor(images)).permute(1, 2, 0).numpy())


def test_nothing_is_left_beside_it(published: Path) -> None:
    assert [path.name for path in published.parent.iterdir()] == [published.name]


def test_the_metadata_are_those_of_the_hub(published: Path) -> None:
    data = front(published)
    assert data["license"] == "cc-by-4.0"
    assert data["library_name"] == "ganetic"
    assert data["pipeline_tag"] == "unconditional-image-generation"
    assert data["tags"] == ["gan", "msg-sagan", "pytorch", "safetensors"]
    (entry,) = data["model-index"]
    (result,) = entry["results"]
    fd = next(metric for metric in result["metrics"] if metric["type"] == "fd")
    assert fd["args"]["low"] < fd["value"] < fd["args"]["high"]
    assert fd["args"]["floor"] > 0
    assert fd["name"].startswith("fd@digits-cnn64/")


def test_huggingface_hub_reads_the_card(published: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub reads cards")
    card = hub.ModelCard.load(published / "README.md")
    assert card.data.to_dict()["license"] == "cc-by-4.0"
    fd = next(result for result in card.data.eval_results if result.metric_type == "fd")
    assert (fd.dataset_name, fd.task_type) == ("digits", "unconditional-image-generation")
    assert fd.metric_args["floor"] > 0
    assert hub.ModelCard(str(card)).data.to_dict() == card.data.to_dict()


def test_the_card_says_what_there_is_to_say(published: Path) -> None:
    text = (published / "README.md").read_text("utf-8")
    for said in (
        "# msg-sagan on digits",
        "(samples.png)",
        "Licence of the images: CC BY 4.0",
        "10.24432/C50P49",
        "Classes: 3, 8.",
        "8-bit images are taken as they are",
        "flip, crop, rotation",
        "| fd | ",
        "95 % interval | floor",
        "C\\_T, the test of copying",
        "Check for copies: no rule found",
        "diagnosis, or any decision about a person",
        "of 20; generator averaged",
        "ganetic train loss.json --config training.toml",
    ):
        assert said in text
    assert "despite" not in text
    assert "ONNX" not in text
    assert "model.onnx" not in text


def test_the_code_of_the_card_runs(trained: Training, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(published.parent)
    (block,) = [block for block in blocks(published / "README.md") if block.language == "python"]
    names: dict[str, object] = {}
    exec(block.text, names)
    pixels = names["pixels"]
    assert isinstance(pixels, torch.Tensor)
    assert (pixels.numpy() != ganetic.generate(trained, 64, seed=0)).mean() < 1e-3  # 64 at once, where it draws 50


def test_a_directory_with_files_is_refused_before_anything_is_done(trained: Training, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / ".hidden").touch()
    with pytest.raises(UserError, match="full: holds files already; name a new directory"):
        publish(trained, tmp_path / "full")
    with pytest.raises(UserError, match=r"\.hidden: is a file; name a new directory"):
        publish(trained, tmp_path / "full" / ".hidden")
    with pytest.raises(UserError, match="neither a training nor one of its checkpoints"):
        publish(tmp_path / "full", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_training_without_a_checkpoint_is_refused(trained: Training, tmp_path: Path) -> None:
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "training.json").write_bytes((trained.directory / "training.json").read_bytes())
    with pytest.raises(UserError, match="young: has no checkpoint yet"):
        publish(tmp_path / "young", tmp_path / "new")


def test_an_extra_that_is_missing_is_named_first(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"--onnx needs ganetic\[onnx\]: pip install"):
        publish(trained, tmp_path / "new", onnx=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("few_halves")
def test_copies_are_refused_unless_it_is_told_otherwise(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The generator is one that draws its training images; the check itself is the real one."""
    learnt = training_data_for(find_checkpoint(trained.directory)).training_images
    copies = Generated(learnt[:48])
    monkeypatch.setattr("ganetic.evaluation.evaluate_path.generate_labelled", lambda *_: copies)
    out = tmp_path / "copies"
    assert run_command(["publish", str(trained.directory), str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "copies training images (nearer to the training images than images never seen" in line
    assert "--despite-copies" in line
    assert not list(tmp_path.iterdir())
    checkpoint = checkpoints_in(trained.directory)[-1]
    assert run_command(["publish", str(checkpoint), str(out), "--despite-copies", "--data-licence", "my own"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(out / name) for name in FILES]
    text = (out / "README.md").read_text("utf-8")
    assert text.index("# msg-sagan on digits") < text.index("> **This generator copies its training images.**")
    assert text.index("> **This generator copies") < text.index("A generator of grey images")
    assert front(out)["license"] == "other"
    assert front(out)["license_name"] == "my-own"


@pytest.mark.usefixtures("few_halves")
def test_of_what_cannot_be_written_nothing_stays(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ganetic.publishing.publish.model_card", full)
    with pytest.raises(UserError, match="new: cannot be written: No space left on device; make room"):
        publish(trained, tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_user_s_folders_are_not_told(tmp_path: Path) -> None:
    secret = tmp_path / "mueller-heinz"
    secret.mkdir()
    images = load_images("digits").images[:200]
    deep = (images.astype(np.uint16) * 16)[..., 0]
    np.savez(secret / "scans.npz", images=deep, labels=np.arange(200) % 2, class_names=["a|b", "*c*"])
    config = validate(
        {
            **tiny("mlp", steps=10).model_dump(mode="json"),
            "data": {"name": f"npz:{secret}/scans.npz?window=0,4000"},
            "eval_images": 32,
        },
        TrainConfig,
        "test",
    )
    training = train(config, LOSS, tmp_path / "run")
    folder = publish(training, tmp_path / "out")
    for path in folder.iterdir():
        assert b"mueller" not in path.read_bytes(), path
    text = (folder / "README.md").read_text("utf-8")
    assert "0 to 255 stand for 0 to 4000 in units of the files" in text
    assert "**not told**" in text
    assert "The images are in no file of this folder." in text
    assert r"Classes: a\|b, \*c\*." in text
    assert front(folder)["license"] == "unknown"
    assert tomllib.loads((folder / "training.toml").read_text())["data"]["name"] == "npz:scans.npz?window=0,4000"


def test_the_card_says_how_images_were_changed() -> None:
    plain = tiny("mlp").model_copy(update={"data": DataSpec()})
    fixed, adaptive = (
        plain.model_copy(update={"augmentation": AugmentationSpec(kind=kind, profile="xray", mirror=True)})
        for kind in ("fixed", "ada")
    )
    both = fixed.model_copy(update={"data": DataSpec(augmentation=("crop",))})
    assert changes_of(plain) == ["Real images were changed by nothing else."]
    assert len(changes_of(both)) == 2
    assert "(with probability 0.6): mirror, scale, " in changes_of(fixed)[0]
    assert "(adaptive, at most 0.8): mirror, scale, " in changes_of(adaptive)[0]
    assert others_of(fixed) == others_of(plain) == "it never saw the others"
    assert "held-out" in others_of(adaptive)


def test_names_of_data_sets_tell_no_folders() -> None:
    assert shown_name("mnist5k?size=32") == "mnist5k?size=32"
    assert shown_name("medmnist:pneumoniamnist@64") == "medmnist:pneumoniamnist@64"
    assert (
        shown_name("folder:/home/me/ct scans/?size=32&window=-1000,400") == "folder:ct scans?size=32&window=-1000,400"
    )


def test_licences_are_those_of_the_hub_or_named() -> None:
    assert licence("CC BY-SA 3.0") == {"license": "cc-by-sa-3.0"}
    assert licence("MIT") == {"license": "mit"}
    assert licence("No known copyright restrictions") == {
        "license": "other",
        "license_name": "no-known-copyright-restrictions",
    }
    assert licence("") == {"license": "unknown"}


def test_sources_tell_their_licence_and_files_do_not() -> None:
    assert origin_of("digits?size=16").licence == "CC BY 4.0"
    assert origin_of("mnist5k").hub == origin_of("mnist").hub == "ylecun/mnist"
    assert origin_of("fashion-mnist").licence == "MIT"
    assert origin_of("cifar10").licence == origin_of("folder:somewhere").licence == origin_of("npz:x.npz").licence == ""
    assert origin_of("histology").licence == "no known copyright restrictions"
    with pytest.raises(UserError, match="unknown data set"):
        origin_of("mnst")


def test_medmnist_tells_the_licence_of_each_set() -> None:
    pytest.importorskip("medmnist", reason="pip install 'ganetic[medmnist]' brings medmnist")
    assert origin_of("medmnist:pneumoniamnist@64").licence == "CC BY 4.0"
    assert origin_of("medmnist:dermamnist").licence == "CC BY-NC 4.0"
