"""`tanfeng simulate fold`: a simulated stretch through decoder and fold alone, against its truth."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.errors import TanfengError
from services.model import HOUR_US, SECOND_US, iso
from simulators.compare import SILENT, Judgement
from simulators.district import points_of, read_content
from simulators.folded import fold_stretch
from simulators.incidents import What
from simulators.stretch import Stretch
from tanfeng.commands.simulate_fast import DAY_US, EXAMPLE, Without, hour_of
from tanfeng.commands.simulate_verify import details, line_of
from tanfeng.durations import seconds
from tanfeng.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.folded import Folded

EVERY_KIND: Final = EXAMPLE.with_name("every-kind.yaml")


def fold(
    *,
    registry: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Whose meters; default: both examples")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same readings")] = 1,
    start: Annotated[str, typer.Option(help="First midnight, with zone; default: so that it ends now")] = "",
    days: Annotated[int, typer.Option(min=1)] = 31,
    every: Annotated[float, typer.Option(parser=seconds, metavar="SPAN", help="Between two readings")] = "15m",  # type: ignore[assignment]  # typer parses the default
    incidents: Annotated[int, typer.Option(min=0, help="How many; every kind about as often")] = 400,
    without: Without = None,
    apart: Annotated[int, typer.Option(min=0, help="Ticks between two incidents of one meter")] = 14,
) -> None:
    """不经数据库，只用记账核心比对真值。The same against the fold alone, without a database; exit 1 if one is wrong."""
    contents = [read_content(file) for file in registry or (EXAMPLE, EVERY_KIND)]
    from_us, every_us = hour_of(start, days), round(every * SECOND_US)
    if every_us < SECOND_US or HOUR_US % every_us:
        raise TanfengError("an hour is no multiple of --every", "for example --every 15m")
    stretch = Stretch(
        points=[point for content in contents for point in points_of(content)],
        seed=seed,
        from_us=from_us,
        until_us=from_us + days * DAY_US,
        every_us=every_us,
        incidents=incidents,
        kinds=[kind for kind in What if kind not in (without or ())],
        apart=apart,
    )
    registers = [register for content in contents for register in content.registers.values()]
    found: list[Folded] = []
    with bar() as shown:
        task = shown.add_task("模拟 simulate", total=(stretch.until_us - from_us) // every_us + 2)
        for each in fold_stretch(registers, stretch, lambda _: shown.advance(task)):
            found.append(each)
            if each.compared.is_silently_wrong:
                sys.stdout.write(line_of(each.key, each.compared))
                sys.stdout.writelines(f"  {line}\n" for line in details(each.compared))
    sys.stdout.writelines(f"{line}\n" for line in (f"{iso(from_us)} + {days} d", *_summary(found)))
    if any(each.compared.is_silently_wrong for each in found):
        raise typer.Exit(1)


def _summary(found: Sequence[Folded]) -> Iterator[str]:
    """Hours by judgement, events, register-days that are known, and registers that are silently wrong."""
    hours: Counter[Judgement] = sum((each.compared.counts for each in found), Counter())
    yield "小时 hours: " + ", ".join(f"{judgement} {hours[judgement]}" for judgement in Judgement)
    events = Counter(kind for each in found for kind, _ in each.books.events)
    yield "事件 events: " + (", ".join(f"{kind} {number}" for kind, number in sorted(events.items())) or "none")
    days, known = sum(each.days for each in found), sum(each.known_days for each in found)
    yield f"可知的计量点日 register-days known: {known} of {days} ({known / days:.2%})"
    silent = sum(hours[judgement] for judgement in SILENT)
    wrong = sum(each.compared.is_silently_wrong for each in found)
    yield f"静默错误 silent: hours {silent}, registers {wrong}"
