"""Pages as a terminal shows them."""

import io

from rich.console import Console

from ganetic.report.renderers.terminal import print_page
from ganetic.report.table import Block, Page


def lines_of(part: Page | Block, width: int = 80) -> list[str]:
    """Print a page, or a block alone, on a terminal so wide; returns its lines without spaces at their ends."""
    file = io.StringIO()
    print_page(Console(file=file, width=width), part if isinstance(part, Page) else Page((part,)))
    return [line.rstrip() for line in file.getvalue().splitlines()]
