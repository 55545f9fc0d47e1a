"""What to do after a search."""

from pathlib import Path

from ganetic.errors import typed
from ganetic.evolution.results import EXHAUSTED, Run


def next_steps(run: Run, best: Path | None) -> str:
    """Name the commands that go on from here, with this run's paths."""
    directory = run.directory
    if best is None:
        more = ("--max-trials", 2 * run.asked) if run.status == "finished" else ()
        go_on = (typed("ganetic", "resume", directory, *more), "go on where it stopped")
        steps = [
            *([go_on] if run.stop_reason != EXHAUSTED else ()),
            (typed("ganetic", "show", directory), "look again"),
            (typed("ganetic", "report", directory), "all of it as a page, one file for the browser"),
            (typed("ganetic", "plot", directory, "--kind", "progress"), "see how it went"),
        ]
    else:
        steps = [
            (typed("ganetic", "report", directory), "all of it as a page, one file for the browser"),
            (typed("ganetic", "plot", directory, "--kind", "samples"), "images made with the winner"),
            (typed("ganetic", "export", "stable.json", "--run", directory, "--pick", "stability"), "another pick"),
            (typed("ganetic", "confirm", directory), "what may be claimed: the winner on seeds that chose nothing"),
        ]
    return "What next:\n" + "\n".join(f"  {command}\n      {purpose}" for command, purpose in steps)
