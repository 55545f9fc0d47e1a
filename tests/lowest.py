"""Prints the lowest versions that pyproject.toml allows, as constraints for pip: what `make test-lowest` installs.

    python tests/lowest.py > constraints.txt

Tools of tests and docs are left at their newest: nobody who uses the package installs them.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
TOOLS = {"test", "docs"}


def constraints(project: Mapping[str, Any]) -> list[str]:
    """``name==lowest`` for each package that users install.

    Raises:
        ValueError: a requirement has no lower bound.
    """
    table: dict[str, list[str]] = project["optional-dependencies"]
    extras = [requirement for name, own in table.items() if name not in TOOLS for requirement in own]
    return [_lowest(requirement) for requirement in [*project["dependencies"], *extras]]


def _lowest(requirement: str) -> str:
    found = re.fullmatch(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)(?:,.*)?", requirement)
    if found is None:
        raise ValueError(f'"{requirement}" has no lower bound; expected name>=version')
    return f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(constraints(tomllib.loads(PROJECT.read_text("utf-8"))["project"])) + "\n")
