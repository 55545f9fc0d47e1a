"""What a terminal can do, and texts that are broken where they may be."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text


def redraws(console: Console) -> bool:
    """Return whether a display can be drawn over itself: not in a file or a pipe, nor where ``TERM`` is ``dumb``."""
    return console.is_terminal and not console.is_dumb_terminal


class Parts:
    """A text of parts, broken only between them, so that no number stands apart from what it counts.

    Args:
        parts: the parts; each but the last is followed by a comma.
        title: what stands before them; later lines are indented by its length.
    """

    def __init__(self, parts: Sequence[str], title: str = "") -> None:
        self.parts = tuple(parts)
        self.title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines; a part that is wider than the console is broken like any text."""
        yield Text("\n".join(self.lines(options.max_width)))

    def lines(self, width: int) -> list[str]:
        """Return the lines for a console of so many columns."""
        indent = " " * cell_len(self.title)
        lines = [self.title + ", ".join(self.parts[:1])]
        for part in self.parts[1:]:
            # A comma may still have to follow the part.
            if cell_len(f"{lines[-1]}, {part},") <= width:
                lines[-1] += f", {part}"
            else:
                lines[-1] += ","
                lines.append(indent + part)
        return lines
