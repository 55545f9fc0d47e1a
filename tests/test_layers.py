"""Imports point down only. `python -m tests.test_layers` prints how many there are, and those that do not."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "ganetic"

LAYERS = (
    {"__main__"},
    {"cli"},
    {"api"},
    {"publishing"},
    {"report", "plots"},
    {"studies"},
    {"augmenting", "evolution", "evaluation", "detection"},
    {"training"},
    {"callbacks"},
    {"jobs", "gan", "metrics", "stats"},
    {"loss", "data", "reproducible"},
    {"doctor", "formats"},
    {"config", "files", "interrupt", "registry", "shipped"},
    {"errors"},
)


def level(part: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def part_of(module: str) -> str:
    """The name below ``ganetic``: a package, or a module of its own."""
    return module.split(".")[1]


def name_of(path: Path) -> str:
    return ".".join(("ganetic", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """The modules of the package that one imports, wherever it does."""
    known = {name_of(one) for one in modules()}
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in known else node.module for name in inner)
    return {name for name in found if name.startswith("ganetic.")}


def edges() -> list[tuple[str, str]]:
    """Every import of one module by another."""
    return [(name_of(path), target) for path in modules() for target in sorted(imports(path))]


def upward() -> list[tuple[str, str]]:
    return [(source, target) for source, target in edges() if level(part_of(target)) < level(part_of(source))]


def summary() -> str:
    return f"{len(modules())} modules, {len(edges())} imports, {len(upward())} of them upward"


def test_no_import_points_up() -> None:
    print(summary())  # noqa: T201 - pytest shows it with -s
    assert upward() == []


def test_jobs_know_neither_gans_nor_genetic_programming() -> None:
    paths = [path for path in modules() if path.parent.name == "jobs"]
    assert PACKAGE / "jobs" / "journal.py" in paths
    for path in paths:
        assert {part_of(name) for name in imports(path)} <= {"jobs", "config", "errors", "files"}
        assert "deap" not in path.read_text()


if __name__ == "__main__":
    said = (f"{source} imports {target}" for source, target in upward())
    print(*said, summary(), sep="\n")  # noqa: T201
