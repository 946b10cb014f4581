"""The `tanfeng` command: one module of `tanfeng.commands` for each sub-command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import typer
from typer.core import TyperGroup

from services.errors import TanfengError

if TYPE_CHECKING:
    from typer._click import Command, Context  # typer's own copy of click

COMMANDS: Final = (
    "energy",
    "migrate",
    "registry",
    "factors",
    "access",
    "api",
    "replay",
    "simulate",
    "held",
    "verify",
    "budget",
    "production",
    "ingest",
    "rejected",
    "rules",
    "evaluate",
    "alerts",
    "maintenance",
    "maintain",
    "notify",
    "health",
    "doctor",
    "up",
)
"""Modules of `tanfeng.commands`; each has `add(app)`, which adds its command or group of commands."""


class _Commands(TyperGroup):
    """Imports a command's module when that command is asked for: a program starts without what the others need."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - the interface
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002 - the interface
        if cmd_name not in COMMANDS:
            return None
        one = typer.Typer()
        import_module(f"tanfeng.commands.{cmd_name}").add(one)
        return typer.main.get_group(one).commands[cmd_name]


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _tanfeng() -> None:
    """碳峰：由表计读数得出准确的能耗、标准煤与 CO₂。Tanfeng: exact energy, standard coal and CO₂ from meter feeds."""


def main() -> None:
    """Run the command; a problem a person can mend is one line and exit code 2."""
    try:
        app()
    except TanfengError as problem:
        _end(problem)
    except Exception as problem:
        # only once something failed: most commands need no database
        from services.store.visit import told  # noqa: PLC0415

        if (lost := told(problem)) is None:
            raise
        _end(lost)


def _end(problem: TanfengError) -> None:
    sys.stderr.write(f"tanfeng: {problem}\n")
    sys.exit(2)
