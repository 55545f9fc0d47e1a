import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.data import ImageSet
from ganetic.errors import UserError
from ganetic.gan.step import StepLosses
from ganetic.loss.card import LossCard, write_card
from ganetic.loss.card import Training as FoundWith
from ganetic.loss.library import LIBRARY
from ganetic.training.checkpoint import PARTS, TrainState, checkpoints_in, read_checkpoint
from ganetic.training.config import DataSpec, TrainConfig
from ganetic.training.data import TrainingData, load_training_data
from ganetic.training.metadata import read_metadata
from ganetic.training.outcome import Training
from ganetic.training.record import read_metrics
from ganetic.training.samples import SAMPLES
from ganetic.training.setup import full_trainer
from ganetic.training.train import resume_training, train
from ganetic.training.trainer import Trainer
from tests.training.full.conftest import LOSS, tiny


class Killed(BaseException):
    pass


class KillAt(ProgressCallback[TrainingProgress]):
    """Stops a training as a kill does: between two statements, without a chance to write anything."""

    def __init__(self, step: int) -> None:
        self._step = step

    def update(self, progress: TrainingProgress) -> None:
        if progress.step == self._step:
            raise Killed


def content(run: Path) -> dict[str, Any]:
    """All that must be equal: tensors and train_state of the last checkpoint, and the record but for its clock."""
    state, train_state = read_checkpoint(checkpoints_in(run)[-1])
    tensors = {f"{part} {name}": tensor for part in PARTS for name, tensor in state[part].items()}
    lines = [{key: value for key, value in line.items() if key != "seconds"} for line in read_metrics(run)]
    return {
        "tensors": tensors,
        "train_state": train_state,
        "lines": lines,
        "kept": [p.name for p in checkpoints_in(run)],
    }


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["lines"] == other["lines"]
    assert one["train_state"] == other["train_state"]
    assert one["kept"] == other["kept"]
    assert one["tensors"].keys() == other["tensors"].keys()
    for name, tensor in one["tensors"].items():
        assert torch.equal(tensor, other["tensors"][name]), name


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("mlp", "none"),
        ("dcgan", "none"),
        pytest.param("msg-sagan", "none", marks=pytest.mark.slow),
        pytest.param("msg-sagan", "xray", marks=pytest.mark.slow),
        pytest.param("stylegan2", "none", marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_it_is_bit_for_bit_the_same(model: str, profile: str, tmp_path: Path) -> None:
    config = tiny(model, regulariser={"gradient_penalty": 1.0}, augmentation={"profile": profile}, keep_last=1)
    train(config, LOSS, tmp_path / "whole")
    whole = content(tmp_path / "whole")
    run = tmp_path / "killed"
    with pytest.raises(Killed):
        train(config, LOSS, run, callback=KillAt(3))
    for step in (13, 14, 29):
        with pytest.raises(Killed):
            resume_training(run, callback=KillAt(step))
    assert resume_training(run).status == "finished"
    assert_equal(content(run), whole)


@pytest.mark.parametrize("model", ["dcgan", pytest.param("msg-sagan", marks=pytest.mark.slow)])
def test_lazy_regularisers_are_resumed_bit_for_bit(model: str, tmp_path: Path) -> None:
    lazy = {"r1": 0.5, "r1_every": 7, "path_length": 5.0, "path_length_every": 3}
    config = tiny(model, regulariser=lazy, keep_last=1)
    train(config, LOSS, tmp_path / "whole")
    run = tmp_path / "killed"
    with pytest.raises(Killed):
        train(config, LOSS, run, callback=KillAt(13))
    assert resume_training(run).status == "finished"
    assert_equal(content(run), content(tmp_path / "whole"))
    streams = content(run)["tensors"]
    assert int(streams["streams regulariser.calls"]) == int(streams["streams regulariser.path_length.calls"]) == 30
    assert float(streams["streams regulariser.path_length.mean"]) > 0
    g_updates, d_updates = (int(streams[f"optimisers {net}.step.0"]) for net in ("generator", "discriminator"))
    assert (g_updates, d_updates) == (30 + 10, 30 + 4)


def test_adam_has_corrected_rates_where_a_regulariser_is_lazy_alone(digits: ImageSet) -> None:
    rates = {"generator_lr": 3e-3, "discriminator_lr": 2e-3, "beta1": 0.5, "beta2": 0.99}

    def rates_with(**regulariser: float) -> list[tuple[float, float, float]]:
        config = tiny("dcgan", regulariser=regulariser, optimizer=rates)
        adams = full_trainer(config, LIBRARY[LOSS].formula, digits.images[:64], "cpu").optimizers
        return [(adam._learning_rate, adam._beta1, adam._beta2) for adam in adams]

    own = [(3e-3, 0.5, 0.99), (2e-3, 0.5, 0.99)]
    assert rates_with() == rates_with(r1=1, path_length=1, path_length_every=1) == own
    lazy_g, lazy_d = rates_with(r1=1, r1_every=16, path_length=1)
    assert lazy_g == pytest.approx((0.8 * 3e-3, 0.5**0.8, 0.99**0.8), rel=1e-12)
    assert lazy_d == pytest.approx((16 / 17 * 2e-3, 0.5 ** (16 / 17), 0.99 ** (16 / 17)), rel=1e-12)


def test_losses_of_one_seed_have_the_same_noise_for_their_path_length(digits: ImageSet) -> None:
    streams = []
    for loss in ("bce", "hinge"):
        config = tiny("mlp", regulariser={"path_length": 1.0})
        trainer = full_trainer(config, LIBRARY[loss].formula, digits.images[:64], "cpu")
        for _ in range(4):
            trainer.advance()
        streams.append(trainer.state()["streams"])
    assert streams[0].keys() == streams[1].keys()
    assert torch.equal(streams[0]["path_length"], streams[1]["path_length"])
    assert not torch.equal(streams[0]["regulariser.path_length.mean"], streams[1]["regulariser.path_length.mean"])


def test_streams_are_those_of_earlier_checkpoints_unless_there_is_differentiable_augmentation(
    digits: ImageSet,
) -> None:
    earlier = {"order.queue", "latents", "order", "augmentation", "regulariser"}
    for profile, added in (("none", set()), ("xray", {"diffaugment"})):
        config = tiny("dcgan", augmentation={"profile": profile})
        trainer = full_trainer(config, LIBRARY[LOSS].formula, digits.images[:64], "cpu")
        assert trainer.state()["streams"].keys() == earlier | added
    config = tiny("dcgan", regulariser={"r1": 1.0, "gradient_penalty": 0.0, "clip": 1.0})
    trainer = full_trainer(config, LIBRARY[LOSS].formula, digits.images[:64], "cpu")
    assert trainer.state()["streams"].keys() == earlier


def test_losses_of_one_seed_are_augmented_alike(digits: ImageSet) -> None:
    streams, weights = [], []
    for loss, profile in (("bce", "xray"), ("relativistic-hinge", "xray"), ("bce", "none"), ("bce", "fundus")):
        config = tiny("dcgan", regulariser={"r1": float(loss == "bce")}, augmentation={"profile": profile})
        trainer = full_trainer(config, LIBRARY[loss].formula, digits.images[:64], "cpu")
        for _ in range(3):
            trainer.advance()
        streams.append(trainer.state()["streams"].get("diffaugment"))
        weights.append(trainer.weights())
    first, *others = (stream for stream in streams if stream is not None)
    assert len(others) == 2 and streams[2] is None
    assert all(torch.equal(first, other) for other in others)
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])


def test_a_card_that_was_found_at_other_rates_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def said_of(source: Path | str, **optimizer: float) -> list[str]:
        caplog.clear()
        config = tiny("mlp", steps=2, optimizer=optimizer)
        train(config, source, tmp_path / f"run{len(list(tmp_path.iterdir()))}")
        return [line.rpartition("/")[2] for line in caplog.messages if "was found at" in line]

    card = tmp_path / "best.json"
    found = FoundWith(learning_rate=1e-3, beta1=0.5, beta2=0.999, batch=32)
    write_card(LossCard.of("found", LIBRARY[LOSS].formula, training=found), card)
    begin = "best.json was found at learning rate 0.001, β₁ 0.5; trained with the configuration's "
    both = {"generator_lr": 2e-4, "discriminator_lr": 2e-4}
    assert said_of(card, **both, beta1=0.0) == [f"{begin}0.0002, β₁ 0"]
    assert said_of(card, generator_lr=1e-3, discriminator_lr=4e-3, beta1=0.5) == [
        f"{begin}0.001, β₁ 0.5 and 0.004, β₁ 0.5"
    ]
    assert said_of(card, generator_lr=1e-3, discriminator_lr=1e-3, beta1=0.5) == []
    assert said_of(LOSS, **both) == []
    write_card(LossCard.of("found", LIBRARY[LOSS].formula), card)
    assert said_of(card, **both) == [], "nobody knows what it was found at"


@pytest.mark.slow
def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    config = tiny("mlp", steps=200, checkpoint_every=20)
    train(config, LOSS, tmp_path / "whole")
    toml = tmp_path / "tiny.toml"
    toml.write_text(as_toml(config))
    run = tmp_path / "killed"
    command = [sys.executable, "-m", "ganetic", "train", LOSS, "--config", str(toml), "--run", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(checkpoints_in(run)) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert len(checkpoints_in(run)) > 0
    assert resume_training(run).status == "finished"
    assert_equal(content(run), content(tmp_path / "whole"))


def as_toml(config: TrainConfig) -> str:
    """Tables of plain values, as JSON writes them, are TOML but for null."""
    tables: dict[str, dict[str, Any]] = {"": {}}
    for key, value in config.model_dump(mode="json").items():
        (tables.setdefault(key, value) if isinstance(value, dict) else tables[""].update({key: value}))
    return "\n".join(
        (f"[{name}]\n" if name else "")
        + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items() if value is not None)
        for name, table in tables.items()
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
        return train(tiny(steps=40, keep_last=2), "ganetic", tmp_path_factory.mktemp("finished") / "run")


def test_a_run_holds_what_it_should(finished: Training) -> None:
    run = finished.directory
    assert finished.status == "finished"
    steps = [int(path.name.removeprefix("step-")) for path in checkpoints_in(run)]
    assert steps == sorted({finished.train_state.best_step, 30, 40})
    lines = read_metrics(run)
    assert [line["step"] for line in lines if "fd" in line] == [0, 10, 20, 30, 40]
    assert [line["step"] for line in lines if "d_loss" in line] == [10, 20, 30, 40]
    assert json.loads((run / "training.json").read_text())["config"]["model"]["name"] == "msg-sagan"
    assert json.loads((run / "loss.json").read_text())["name"] == "ganetic"
    assert min(finished.train_state.trace[1:], key=lambda point: point[1])[0] == finished.train_state.best_step


def test_samples_show_generated_beside_real_images_and_every_scale(finished: Training) -> None:
    samples = finished.directory / "samples"
    pictures = {name: np.asarray(Image.open(samples / f"{name}-00000040.png")) for name in ("step", "scales")}
    side = 8 * (32 + 2) + 2
    assert SAMPLES == 64
    assert pictures["step"].shape == (side, 2 * side + 16, 3)
    assert pictures["scales"].shape == (4 * (32 + 2) + 2, side, 3)
    enlarged = pictures["scales"][2:34, 2:34, 0]  # of 4×4 pixels: blocks of 8×8 of one value
    assert (enlarged.reshape(4, 8, 4, 8) == enlarged[::8, ::8][:, None, :, None]).all()


def test_two_losses_of_one_seed_begin_alike_and_see_the_same(tmp_path: Path) -> None:
    for loss in ("hinge", "bce"):
        train(tiny("mlp", steps=1), loss, tmp_path / loss)
    first, second = (content(tmp_path / loss) for loss in ("hinge", "bce"))
    assert first["train_state"].trace[0] == second["train_state"].trace[0]
    assert torch.equal(first["tensors"]["streams order.queue"], second["tensors"]["streams order.queue"])
    assert not torch.equal(
        first["tensors"]["generator layers.0.weight"], second["tensors"]["generator layers.0.weight"]
    )


def test_a_loss_that_is_not_finite_stops_with_step_tensor_and_checkpoint(run: Path) -> None:
    # About e^89: finite in the float64 of a card's gradient scale, and not in the float32 of a training.
    training = train(tiny("mlp"), "cube(exp(add(29.5, mul(p, 0.5))))", run)
    assert training.status == "failed"
    assert training.reason == "step 1: the loss of the discriminator is inf"
    assert read_metrics(run)[-1] == {"step": 1, "stopped": training.reason}
    assert checkpoints_in(run)[-1].name == "step-00000000"


def test_a_training_that_learns_nothing_is_diagnosed_and_can_stop(run: Path) -> None:
    config = tiny("mlp", steps=100, checkpoint_every=10, stop_when_failed=True)
    training = train(config, "mul(0.0, p)", run)
    assert training.status == "failed"
    assert "vanishing_gradient at three measurements in a row" in training.reason
    assert [line["ill"] for line in read_metrics(run) if line.get("ill")] == ["vanishing_gradient"] * 3


def test_a_kill_before_the_first_checkpoint_leaves_nothing_twice(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("ganetic.training.logger.write_checkpoint", killed)
        with pytest.raises(Killed):
            train(tiny("mlp", steps=10), LOSS, run)
    assert [line["step"] for line in read_metrics(run)] == [0]
    resume_training(run)
    train(tiny("mlp", steps=10), LOSS, run.with_name("whole"))
    assert_equal(content(run), content(run.with_name("whole")))


def test_a_gradient_that_overflows_under_a_finite_loss_stops_with_the_tensor(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Trainer.advance

    def overflowing(trainer: Trainer) -> StepLosses:
        losses = advance(trainer)
        if trainer.step == 10:
            next(trainer.generator.parameters()).data[0] = float("inf")
        return losses

    monkeypatch.setattr(Trainer, "advance", overflowing)
    training = train(tiny("mlp"), LOSS, run)
    assert training.status == "failed"
    assert training.reason == "step 10: generator has a layers.0.weight that is not finite"
    assert [path.name for path in checkpoints_in(run)] == ["step-00000000"]


def test_a_failed_training_can_be_resumed_and_interrupted(run: Path) -> None:
    class Interrupt(ProgressCallback[TrainingProgress]):
        def update(self, progress: TrainingProgress) -> None:
            if progress.step == 35:
                signal.raise_signal(signal.SIGINT)

    config = tiny("mlp", steps=100, checkpoint_every=10, stop_when_failed=True)
    assert train(config, "mul(0.0, p)", run).status == "failed"
    assert resume_training(run, callback=Interrupt()).status == "stopped"


@pytest.mark.slow
def test_the_floor_is_of_images_like_those_held_out() -> None:
    training_data = load_training_data(DataSpec(name="mnist5k"), 500)
    assert (
        training_data.reference_statistics("cpu").floor_fd < 40
    )  # of a sorted set's first images, which are two digits, it is larger


@pytest.mark.slow
def test_modes_are_those_of_training_images(digits: ImageSet) -> None:
    assert digits.labels is not None
    sevens = digits.labels == 7  # of "a patient" who is held out and has a class of his own
    shares = (
        TrainingData(digits, np.flatnonzero(~sevens), np.flatnonzero(sevens), np.flatnonzero(~sevens))
        .reference_statistics("cpu")
        .diversity.shares
    )
    assert shares is not None
    assert shares[7] < 0.02 and shares.max() < 0.2


def test_small_steps_are_made_on_one_thread(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganetic.training.train.PIXELS_A_THREAD", 8 * 32**2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    for batch, threads in ((8, "1"), (10, "2")):
        train(tiny("mlp", steps=10, batch=batch), LOSS, run / str(batch))
        assert read_metadata(run / str(batch)).made_with["cpu_threads"] == threads


def test_an_interrupt_writes_a_checkpoint_between_measurements(run: Path) -> None:
    class Interrupt(ProgressCallback[TrainingProgress]):
        def update(self, progress: TrainingProgress) -> None:
            if progress.step == 17:
                signal.raise_signal(signal.SIGINT)

    stopped = train(tiny("mlp"), LOSS, run, callback=Interrupt())
    assert (stopped.status, stopped.train_state.step) == ("stopped", 17)
    assert resume_training(run).status == "finished"
    train(tiny("mlp"), LOSS, run.with_name("whole"))
    both = [content(run), content(run.with_name("whole"))]
    assert_equal(*({**found, "kept": []} for found in both))


def test_resume_refuses_other_images_and_damaged_checkpoints(finished: Training, tmp_path: Path) -> None:
    run = tmp_path / "copy"
    shutil.copytree(finished.directory, run)
    file = checkpoints_in(run)[-1] / "average.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"average.safetensors: not a readable checkpoint"):
        resume_training(run)
    page = json.loads((run / "training.json").read_text())
    (run / "training.json").write_text(json.dumps({**page, "data": "digits:000000000000"}))
    with pytest.raises(UserError, match="was trained on digits:000000000000, which is now digits"):
        resume_training(run)


def test_a_directory_that_is_there_is_not_touched(finished: Training, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ganetic resume"):
        train(tiny(), LOSS, finished.directory)
    with pytest.raises(UserError, match="name a new directory"):
        train(tiny(), LOSS, tmp_path)


def test_a_finished_training_is_not_trained_further(finished: Training) -> None:
    before = content(finished.directory)
    again = resume_training(finished.directory)
    assert replace(again, directory=finished.directory) == finished
    assert_equal(content(finished.directory), before)


def test_the_best_is_a_trained_generator_once_there_is_one() -> None:
    state = TrainState(step=0, trace=((0, 5.0),))
    assert (state.best_step, state.best_fd) == (0, 5.0)
    state = TrainState(step=20, trace=((0, 5.0), (10, 7.0), (20, 6.0)))
    assert (state.best_step, state.best_fd) == (20, 6.0)
