"""What is shipped: the wheel holds all that the package reads, and works where no source tree lies beside it."""

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest

from tests.lowest import constraints

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree and installed alone into an empty folder."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("ganetic-*.whl")
    target = folder / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)],
        check=True,
        capture_output=True,
    )
    return target


def run_python(site: Path, code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=site, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_carries_every_shipped_space(installed: Path) -> None:
    code = (
        "import ganetic; from ganetic.evolution.space import load_space; from ganetic.shipped import shipped_spaces; "
        "print(ganetic.__file__); "
        "print(*(load_space(name).name for name in shipped_spaces()))"
    )
    file, names = run_python(installed, code).splitlines()
    assert Path(file).is_relative_to(installed)
    assert names.split() == sorted(path.stem for path in (ROOT / "search_spaces").glob("*.toml"))


@pytest.mark.slow
def test_the_wheel_carries_the_schema_of_cards_and_the_type_marker(installed: Path) -> None:
    assert (installed / "ganetic" / "loss" / "card.schema.json").is_file()
    assert (installed / "ganetic" / "py.typed").is_file()


@pytest.mark.slow
def test_the_wheel_carries_every_bank_and_its_card(installed: Path) -> None:
    code = (
        "import ganetic; from ganetic.studies.bank import SHIPPED; "
        "print(*(f'{name}:{len(ganetic.bank(name).losses)}' for name in sorted(SHIPPED)))"
    )
    assert run_python(installed, code).split() == ["mnist5k:290", "pneumonia:220"]
    for name in ("mnist5k", "pneumonia"):
        assert (installed / "ganetic" / "studies" / f"bank_{name}.md").is_file()


@pytest.mark.slow
def test_a_command_of_the_wheel_runs(installed: Path) -> None:
    code = "from ganetic.cli import run_command; raise SystemExit(run_command(['losses', '--json']))"
    out = run_python(installed, code)
    assert '"ganetic"' in out


@pytest.mark.slow
def test_a_program_that_uses_every_name_is_type_checked_against_the_wheel(
    installed: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    shutil.copy(ROOT / "tests" / "typed_client.py", tmp_path / "client.py")  # beside it lies the source tree
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("typed-client")  # torch and pandas take half a minute, once
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mypy", "--strict", "--verbose", "--cache-dir", cache, "client.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed), "MYPYPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Success: no issues found in 1 source file"), done.stdout + done.stderr[-1000:]
    assert f"{installed}/ganetic/__init__.py" in done.stderr
    assert f"{ROOT}/ganetic" not in done.stderr


def test_the_lowest_versions_are_those_of_the_bounds() -> None:
    found = constraints(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])
    assert len(found) == len(set(found)) > 20
    table = {"dependencies": ["ray[train]>=2.4.0,<3"], "optional-dependencies": {"a": ["b-c>=1"], "test": ["d>=2"]}}
    assert constraints(table) == ["ray==2.4.0", "b-c==1"]
    with pytest.raises(ValueError, match=r'"b" has no lower bound; expected name>=version'):
        constraints({"dependencies": ["b"], "optional-dependencies": {}})


def test_every_dependency_says_who_uses_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    optional = [requirement for own in project["optional-dependencies"].values() for requirement in own]
    for requirement in [*project["dependencies"], *(one for one in optional if not one.startswith("ganetic["))]:
        (line,) = [line for line in text.splitlines() if f'"{requirement}"' in line]
        assert "#" in line, requirement
        assert ">=" in requirement
    assert requires("ganetic")
