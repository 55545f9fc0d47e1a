"""The command line: parse, load, call, print. Nothing heavy is imported before a command needs it."""

from ganetic.cli.main import main, run_command

__all__ = ["main", "run_command"]
