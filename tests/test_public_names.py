"""What `ganetic.NAME` is: the same thing in every process, whatever was imported or called before."""

import ast
import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import ganetic

ROOT = Path(__file__).parents[1]

IMPORT_ALL = """
for module in pkgutil.walk_packages(ganetic.__path__, "ganetic."):
    if module.name != "ganetic.__main__":  # which is the command itself
        importlib.import_module(module.name)
"""
TAKE_ALL = """
taken += [(name, getattr(ganetic, name)) for name in {names}]
"""


def run_python(code: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported_for_type_checkers() -> dict[str, str]:
    """The names that type checkers are told of, each with the module that it comes from."""
    tree = ast.parse((ROOT / "ganetic" / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_no_name_is_that_of_a_submodule() -> None:
    modules = {module.name for module in pkgutil.iter_modules(ganetic.__path__)}
    assert {"api", "evolution"} <= modules
    assert not modules & set(ganetic.__all__)


def test_what_runs_is_what_type_checkers_are_told() -> None:
    told = imported_for_type_checkers()
    assert sorted([*told, "__version__"]) == ganetic.__all__
    for name, module in told.items():
        assert getattr(ganetic, name) is getattr(import_module(module), name)


def test_dir_lists_the_names() -> None:
    assert dir(ganetic) == sorted(ganetic.__all__)


@pytest.mark.parametrize(
    ("name", "said"),
    [("serch", 'did you mean "search"?'), ("loadloss", 'did you mean "load_loss"?'), ("runtime", '"Runtime"?')],
)
def test_an_unknown_name_is_an_attribute_error_that_helps(name: str, said: str) -> None:
    with pytest.raises(AttributeError, match=f'module "ganetic" has no attribute "{name}"; ') as caught:
        getattr(ganetic, name)
    assert str(caught.value).endswith(said)
    assert not hasattr(ganetic, name)


def test_a_traceback_guesses_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import ganetic; ganetic.serch"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.lower().count("did you mean") == 1


def test_import_waits_for_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, ganetic; dir(ganetic), ganetic.__version__, ganetic.UserError, hasattr(ganetic, 'nothing');"
        "heavy = {'torch', 'ray', 'sympy', 'deap', 'matplotlib', 'numpy', 'pandas', 'scipy', 'pydantic', 'rich'};"
        "print(sorted(sys.modules.keys() & heavy))"
    )
    assert run_python(code, tmp_path) == "[]\n", "`import ganetic` must wait for none of these"


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    [IMPORT_ALL, TAKE_ALL.format(names="reversed(ganetic.__all__)") + IMPORT_ALL],
    ids=["all submodules", "all names backwards, then all submodules"],
)
def test_names_are_the_same_whatever_was_imported_before(before: str, tmp_path: Path) -> None:
    code = (
        f"import importlib, pkgutil, types, ganetic\ntaken = []\n{before}"
        + 2 * TAKE_ALL.format(names="ganetic.__all__")
        + "from ganetic import *\n"
        + "taken += [(name, globals()[name]) for name in ganetic.__all__]\n"
        + "assert len(taken) >= 3 * len(ganetic.__all__)\n"
        + "assert not [name for name, what in taken if isinstance(what, types.ModuleType)]\n"
        + "assert all(what is dict(taken)[name] for name, what in taken)\n"
        + "assert all(callable(what) for name, what in taken if name != '__version__')\n"
    )
    run_python(code, tmp_path)


@pytest.mark.slow
def test_search_is_called_again_and_again_in_one_process(tmp_path: Path) -> None:
    code = """
import ganetic
from tests.small_run import SPACE, small_runtime
try:
    ganetic.open_run("nowhere")
except ganetic.UserError as error:
    print(error)
for directory in ("one", "two", "three"):
    run = ganetic.search(SPACE, run=directory, runtime=small_runtime(max_trials=12))
    assert ganetic.open_run(directory).status == run.status == "finished"
"""
    assert run_python(code, tmp_path).startswith("nowhere: there is no run here")


def test_every_name_is_in_the_program_that_is_type_checked() -> None:
    tree = ast.parse((ROOT / "tests" / "typed_client.py").read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ganetic"
    }
    assert set(ganetic.__all__) <= used
