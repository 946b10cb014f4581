"""Every `tanfeng …` in the documentation is a command with options that exist, and every link leads to a file."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tanfeng.cli import COMMANDS, app
from tests.servers import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.name not in ("LICENSE", "CHANGELOG.md")
)
INLINE = re.compile(r"`(?:\.venv/bin/)?tanfeng ([^`]+)`")
BLOCK = re.compile(r"^```sh[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """What follows `tanfeng`, from inline code and from blocks of shell; lines that go on are joined."""
    found = [" ".join(each.split()) for each in INLINE.findall(text) if each[0].isalpha()]
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = re.split(r"(?:^|[\s(]|\.venv/bin/)tanfeng (?=[a-z])", line.split(" #")[0])[1:]
            found += [word.strip().rstrip(")") for word in words]
    return found


@cache
def help_of(words: tuple[str, ...]) -> str | None:
    """The help of this command; None: there is none."""
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "250", "TERM": "dumb"})
    return done.output if done.exit_code == 0 else None


def problem(command: str) -> str:
    """What of it does not exist; empty: all does."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quotation that goes on on the next line
        words = command.split()
    if words[0] not in COMMANDS:
        return f"no command {words[0]}"
    named = [words[0]]
    shown = help_of((words[0],)) or ""
    if "COMMAND [ARGS]" in shown and len(words) > 1:
        named.append(words[1])
        shown = help_of(tuple(named)) or ""
    if not shown:
        return f"no command {' '.join(named)}"
    options = {word.split("=")[0] for word in words if re.fullmatch(r"--[a-z].*", word)}
    unknown = [option for option in sorted(options) if not re.search(rf"{option}\b", shown)]
    return f"{' '.join(named)} has no {unknown}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists(page: Path) -> None:
    """By the help of the program itself."""
    text = page.read_text("utf-8")
    assert {command: said for command in commands(text) if (said := problem(command))} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    """Relative ones; those to the web are not followed."""
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    assert [each for each in targets if "://" not in each and not (page.parent / each).exists()] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    """A misspelt command, sub-command and option; from a block and from a line that goes on."""
    text = "`tanfeng verfy`\n```sh\ntanfeng held lst\ntanfeng verify \\\n  --hsh\ntanfeng verify --hash\n```\n"
    said = [problem(command) for command in commands(text)]
    assert said == ["no command verfy", "no command held lst", "verify has no ['--hsh']", ""]
