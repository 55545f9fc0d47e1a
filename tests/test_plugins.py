"""Other packages bring models and sources of images: installed ones, each in a process that knows nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TOY = """
from typing import Literal
import numpy as np
from torch import nn
from ganetic.data.data_source import DataRequest, DataSource
from ganetic.data.raw import RawImages, raw_images
from ganetic.gan.model import ModelSpec, Nets

class Toy(ModelSpec):
    name: Literal["toy"] = "toy"
    units: int = 8
    def nets(self, size: int, channels: int) -> Nets:
        pixels, shape = channels * size**2, (channels, size, size)
        hidden = [nn.Linear(self.latent, self.units), nn.ReLU(), nn.Linear(self.units, pixels), nn.Tanh()]
        return Nets(
            nn.Sequential(*hidden, nn.Unflatten(1, shape)),
            nn.Sequential(nn.Flatten(), nn.Linear(pixels, 1), nn.Flatten(0)),
        )

class Waves(DataSource):
    place = "COUNT"
    def read(self, wanted: DataRequest) -> RawImages:
        phase = np.random.default_rng(0).uniform(0, 6, (int(wanted.place), 1, 1))
        pixels = np.sin(np.arange(16)[:, None] + 0.5 * np.arange(16) + phase) * 100 + 128
        return raw_images("waves", f"toy:{wanted.place}", pixels.astype(np.uint8), notes=("they are waves",))
"""

PROGRAM = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from ganetic.cli import run_command
said = []
for command in json.loads(sys.argv[1]):
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_command(command)
    said.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(said))
"""

Said = tuple[int, str, str]


def install(place: Path, name: str, source: str, **entry_points: str) -> None:
    """What pip makes of a package: a module, and what says which it is and what it brings."""
    module = name.replace("-", "_")
    information = place / f"{module}-1.0.dist-info"
    information.mkdir(parents=True)
    (place / f"{module}.py").write_text(source, encoding="utf-8")
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    text = "".join(f"[ganetic.{group}]\n{line}\n" for group, line in entry_points.items())
    (information / "entry_points.txt").write_text(text, encoding="utf-8")


def run(folder: Path, *commands: list[str]) -> list[Said]:
    """Run commands in a process that has the packages of a folder; for each the exit code, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{folder / 'site'}",
            "GANETIC_CACHE": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Said] = [(code, out, err) for code, out, err in json.loads(done.stdout.splitlines()[-1])]
    return found


TRAIN = ["train", "bce", "--config", "tiny.toml"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration, and a toy package installed below it."""
    install(tmp_path / "site", "toy-nets", TOY, models="toy = toy_nets:Toy", data="toy = toy_nets:Waves")
    text = 'steps = 20\ncheckpoint_every = 10\neval_images = 32\n[model]\nname = "toy"\nunits = 4\n'
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_toy_model_is_trained_on_a_toy_source(folder: Path) -> None:
    train, dry, wrong, other = run(
        folder,
        [*TRAIN, "--data", "toy:400", "--run", "run"],
        [*TRAIN, "--data", "toy:400", "--dry-run"],
        [*TRAIN, "--data", "toy:", "--run", "none"],
        [*TRAIN, "--data", "toy:400?window=0,9", "--run", "none"],
    )
    assert train[0] == 0, train
    assert "finished at step 20" in train[1]
    page = json.loads((folder / "run" / "training.json").read_text(encoding="utf-8"))
    assert page["config"]["model"] == {"name": "toy", "latent": 128, "spectral_norm": False, "units": 4}
    assert page["config"]["data"]["name"] == "toy:400"
    plan = json.loads(dry[1])
    assert plan["images"]["data"].startswith("waves:")
    assert plan["images"]["training"] + plan["images"]["held_out"] == 400
    assert wrong[0] == other[0] == 2
    assert 'data set "toy:" names no place; expected toy:COUNT' in wrong[2]
    assert "has 8-bit images" in other[2]


def test_what_is_wrong_with_a_package_is_said_in_one_line_and_harms_nothing_else(folder: Path) -> None:
    site = folder / "site"
    install(site, "broken-nets", "import nowhere", models="broken = broken_nets:Net", data="broken = broken_nets:Data")
    install(site, "odd-nets", "Net = 3", models="odd = odd_nets:Net")
    for name in ("first-twin", "second-twin"):
        install(site, name, TOY, models=f"twin = {name.replace('-', '_')}:Toy")
    install(site, "rival", TOY.replace('"toy"', '"mlp"'), models="mlp = rival:Toy")
    dry = [*TRAIN, "--data", "toy:400", "--dry-run"]
    good, broken, odd, twin, rival, data, typo, foreign = run(
        folder,
        dry,
        [*dry, "--model", "broken"],
        [*dry, "--model", "odd"],
        [*dry, "--model", "twin"],
        [*dry, "--model", "mlp"],
        [*TRAIN, "--data", "broken:x", "--dry-run"],
        [*TRAIN, "--data", "tyo:400", "--dry-run"],
        ["train", "bce", "--config", "demo", "--model", "dcgan", "--data", "toy:400", "--size", "32", "--dry-run"],
    )
    assert good[0] == foreign[0] == 0
    assert good[2] == foreign[2] == "", "nothing is said of packages that nobody asked for"
    said = "broken-nets 1.0 (broken_nets:{}) cannot be loaded (ModuleNotFoundError: No module named 'nowhere')"
    expected = {
        broken: f'model "broken" of {said.format("Net")}; mend or uninstall the package',
        odd: 'model "odd" of odd-nets 1.0 (odd_nets:Net) is 3; expected a subclass of ganetic.gan.model.ModelSpec',
        twin: 'model "twin" is registered by first-twin 1.0 (first_twin:Toy) and by second-twin 1.0 (second_twin:Toy)',
        rival: 'model "mlp" is registered by ganetic.gan.models.mlp.Mlp and by rival 1.0 (rival:Toy)',
        data: f'data set "broken" of {said.format("Data")}; mend or uninstall the package',
    }
    for (code, out, err), sentence in expected.items():
        assert (code, out) == (2, "")
        assert sentence in err
        assert len(err.splitlines()) == 1, err
    assert typo[0] == 2
    assert 'unknown data set "tyo:400"' in typo[2] and "toy:COUNT" in typo[2]
    warning, error = typo[2].splitlines()
    assert warning == f'data set "broken" of {said.format("Data")}; mend or uninstall the package; it is left out'
    assert error.startswith("ganetic: error: ")
