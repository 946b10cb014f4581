"""How far something is that takes a while: a bar on stderr, or lines now and then where a log is read later."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable


def bar() -> Progress:
    """Shown on a terminal; elsewhere its last state."""
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*shown, console=Console(stderr=True))


def now_and_then(say: Callable[[str], None], words: str, every_s: float = 5.0) -> Callable[[int], None]:
    """Takes how much is left and says it, `{}` in the words, the first time and then every `every_s`."""
    said_at = float("-inf")

    def tell(left: int) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= every_s:
            said_at = time.monotonic()
            say(words.format(left))

    return tell


REBUILDING = "按现行规则重建账目，还有 {0} 个计量点 / rebuilding books by the present rule, {0} registers left"
"""What `now_and_then` says of the registers of an older accounting rule."""
