"""Imports point down only."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ganetic"

LAYERS = (
    {"__main__"},
    {"cli"},
    {"api"},
    {"report", "plots"},
    {"studies"},
    {"evolution", "evaluation"},
    {"training"},
    {"callbacks"},
    {"jobs", "gan", "metrics", "stats"},
    {"loss", "data", "reproducible"},
    {"formats"},
    {"config", "files", "interrupt", "registry"},
    {"errors"},
)


def level(part: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def imported_parts(path: Path) -> set[str]:
    parts: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = (
            [node.module]
            if isinstance(node, ast.ImportFrom) and node.module
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        parts.update(name.split(".")[1] for name in names if name.startswith("ganetic."))
        if isinstance(node, ast.ImportFrom) and node.module == "ganetic":
            parts.update(alias.name for alias in node.names if (PACKAGE / f"{alias.name}.py").exists())
    return parts


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_from_its_own_layer_or_below(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for part in imported_parts(path):
        assert level(part) >= level(own), part


def test_jobs_know_neither_gans_nor_genetic_programming() -> None:
    paths = [path for path in modules() if path.parent.name == "jobs"]
    assert PACKAGE / "jobs" / "journal.py" in paths
    for path in paths:
        assert imported_parts(path) <= {"jobs", "config", "errors", "files"}
        assert "deap" not in path.read_text()
