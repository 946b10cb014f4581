"""The `tanfeng` command: one module of `tanfeng.commands` for each sub-command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import typer

from services.errors import TanfengError

COMMANDS: Final = ("energy", "migrate")
"""Modules of `tanfeng.commands`; each has `add(app)`, which adds its command or group of commands."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tanfeng 碳峰: exact energy, standard coal and CO₂ from meter feeds.",
)
for _name in COMMANDS:
    import_module(f"tanfeng.commands.{_name}").add(app)


def main() -> None:
    """Run the command; a problem a person can mend is one line and exit code 2."""
    try:
        app()
    except TanfengError as problem:
        sys.stderr.write(f"tanfeng: {problem}\n")
        sys.exit(2)
