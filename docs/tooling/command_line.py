"""The page of the command line, from Typer."""

import typer

from docs.tooling.markdown import code, fence, page, table
from ganetic.cli import main  # noqa: F401 - it registers the commands
from ganetic.cli.app import app

INTRODUCTION = """
Every command answers `--help` with what stands here.

A command ends with 0 when it is done, with 1 when it failed, with 2 when its input is wrong, and with 130 when it was
interrupted. An error is one line on stderr.
"""


def command_line() -> str:
    """Every command with its arguments and options, in the order of ``ganetic --help``."""
    group = typer.main.get_command(app)
    context = group.make_context("ganetic", [], resilient_parsing=True)
    names = group.list_commands(context)  # type: ignore[attr-defined]  # a Typer application with commands is a group
    commands = [(name, group.get_command(context, name)) for name in names]  # type: ignore[attr-defined]
    overview = table(
        ["command", "what it does"],
        [[f"[`ganetic {name}`](#ganetic-{name})", command.help.split("\n\n")[0]] for name, command in commands],
    )
    return page("Command line", INTRODUCTION, overview, *(_section(name, command) for name, command in commands))


def _section(name: str, command: typer.core.TyperCommand) -> str:
    context = command.make_context(f"ganetic {name}", [], resilient_parsing=True)
    usage = " ".join(["ganetic", name, *command.collect_usage_pieces(context)])
    parts = [f"## ganetic {name}", str(command.help), fence(usage, "text")]
    for title, kind in (("argument", typer.core.TyperArgument), ("option", typer.core.TyperOption)):
        records = [item.get_help_record(context) for item in command.params if isinstance(item, kind)]
        rows = [[code(record[0]), record[1]] for record in records if record]
        if rows:
            parts.append(table([title, "meaning"], rows))
    return "\n\n".join(part.strip("\n") for part in parts)
