"""The generated pages, and what writes them.

They are committed, so that they can be read without building the site. `make docs` writes them again, and
tests/test_docs.py fails where one is stale.
"""

from pathlib import Path

from docs.tooling.command_line import command_line
from docs.tooling.configuration import configuration
from docs.tooling.loss_card import loss_card
from docs.tooling.python_api import python_api

FOLDER = Path(__file__).parents[1] / "reference"

PAGES = {"cli.md": command_line, "configuration.md": configuration, "python.md": python_api, "card.md": loss_card}
"""What makes the text of each page."""


def write_pages() -> None:
    """Write every page whose text has changed."""
    for name, text in PAGES.items():
        path = FOLDER / name
        new = text()
        if not path.exists() or path.read_text(encoding="utf-8") != new:
            path.write_text(new, encoding="utf-8")
