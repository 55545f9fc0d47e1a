"""`ganetic doctor` says what there is, and fails at nothing."""

import json
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ganetic
from ganetic import doctor
from ganetic.cli import run_command

ROOT = Path(__file__).parents[1]


def run_doctor(folder: Path, *options: str, path: Path | None = None, **variables: str) -> str:
    """Run the command in a process of its own, with another place before all others on its path."""
    places = [str(place) for place in (path, ROOT) if place is not None]
    done = subprocess.run(
        [sys.executable, "-m", "ganetic", "doctor", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """A folder in which the package's metadata are those of pyproject.toml, with a package that nobody has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needs = [f"Requires-Dist: {one}" for one in project["dependencies"]] + ["Requires-Dist: torch>=999"]
    for extra, requirements in {**project["optional-dependencies"], "moon": ["moonstone>=1"]}.items():
        needs += [f'Requires-Dist: {one}; extra == "{extra}"' for one in requirements]
    folder = tmp_path / "described" / f"ganetic-{ganetic.__version__}.dist-info"
    folder.mkdir(parents=True)
    head = f"Metadata-Version: 2.4\nName: ganetic\nVersion: {ganetic.__version__}\n"
    (folder / "METADATA").write_text(head + "\n".join(needs) + "\n", encoding="utf-8")
    return folder.parent


def test_it_says_what_a_report_of_a_bug_needs(tmp_path: Path, described: Path) -> None:
    cache = tmp_path / "home" / "cache"
    (cache / "features").mkdir(parents=True)
    (cache / "features" / "net").write_bytes(bytes(3000))
    variables = {"HOME": str(tmp_path / "home"), "GANETIC_CACHE": str(cache), "SECRET_TOKEN": "swordfish"}
    found = json.loads(run_doctor(tmp_path, "--json", path=described, **variables))
    assert found["ganetic"]["version"] == found["ganetic"]["installed"] == ganetic.__version__
    assert found["system"]["python"].startswith(sys.version.split()[0])
    assert {"numpy", "torch", "ray", "pydicom", "moonstone"} <= set(found["packages"])
    assert "pytest" not in found["packages"]
    assert found["packages"]["moonstone"] == "not installed"
    assert found["packages"]["torch"].endswith(", expected >=999")
    assert found["missing"]["[moon]"] == "moonstone; pip install 'ganetic[moon]'"
    assert found["devices"]["trains_on"] in ("cpu", "cuda")
    assert found["cache"]["place"] == found["variables"]["GANETIC_CACHE"] == "~/cache"
    assert found["cache"]["features"] == "2.9 KiB in 1 files"
    assert set(found["free disk"]) >= {"here", "cache", "temporary"}
    assert "swordfish" not in json.dumps(found)


def test_what_is_broken_is_said_and_the_rest_told(tmp_path: Path) -> None:
    (tmp_path / "broken" / "torch").mkdir(parents=True)
    (tmp_path / "broken" / "torch" / "__init__.py").write_text("raise ImportError('libcudart is not there')\n")
    (tmp_path / "broken" / "packaging.py").write_text("raise RuntimeError('no packaging')\n")
    (tmp_path / "broken" / "numpy.py").write_text("raise ImportError('no numpy')\n")
    text = run_doctor(tmp_path, path=tmp_path / "broken", GANETIC_CACHE="/proc/nothing", RAY_ADDRESS="nonsense")
    lines = [line.strip() for line in text.splitlines()]
    assert "problem: torch cannot be imported: ImportError: libcudart is not there" in lines
    assert "cluster: nonsense, not reachable (invalid literal for int() with base 10: 'nonsense')" in lines
    assert "place: /proc/nothing" in lines
    assert "problem: RuntimeError: no packaging" in lines or "problem: ModuleNotFoundError" in text
    assert "Traceback" not in text


def test_every_part_that_fails_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> object:
        raise ValueError("of no\nuse")

    for part in ("_package", "_system", "_packages", "_devices", "_ray", "_cache", "_disk", "_variables", "_missing"):
        monkeypatch.setattr(doctor, part, broken)
    assert run_command(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("  problem: ValueError: of no use") == 9


def test_a_cluster_that_listens_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert doctor._ray() == {"cluster": f"{address}, reachable"}
    assert "not reachable" in doctor._ray()["cluster"]


def test_a_cluster_of_this_machine_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert doctor._ray()["cluster"].startswith("none here")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    assert doctor._ray()["cluster"].startswith("127.0.0.1:1, not reachable")


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (200 << 20, "200 MiB"), (3 << 50, "3072 TiB")]
)
def test_bytes_are_written_for_people(count: int, said: str) -> None:
    assert doctor._bytes(count) == said
