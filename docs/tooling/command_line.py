"""The page of the command line, from Typer."""

from collections.abc import Iterator

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
    assert isinstance(group, typer.core.TyperGroup)
    commands = list(_commands(group))
    overview = table(
        ["command", "what it does"],
        [[f"[`ganetic {name}`](#{_anchor(name)})", str(command.help).split("\n\n")[0]] for name, command in commands],
    )
    return page("Command line", INTRODUCTION, overview, *(_section(name, command) for name, command in commands))


def _commands(group: typer.core.TyperGroup, above: str = "") -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Every command of a group by its name; those of a group in it have its name before theirs."""
    context = group.make_context("ganetic", [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, typer.core.TyperGroup):
            yield from _commands(command, f"{above}{name} ")
        else:
            assert isinstance(command, typer.core.TyperCommand)
            yield f"{above}{name}", command


def _anchor(name: str) -> str:
    return f"ganetic-{name.replace(' ', '-')}"


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
