"""`tanfeng simulate verify`: the books, the figures and the budgets against the truth of a simulated stretch."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.model import iso
from services.store.visit import visit
from services.units import decimal_text
from simulators import ledger
from simulators.books import compare_all
from simulators.compare import SILENT, Compared, Judgement, rule_of
from simulators.district import read_points
from simulators.feed import Feed
from simulators.findings import Finding, Hours, Standing, budget_findings, figure_findings, table
from simulators.fleet import Fleet
from tanfeng.commands.migrate import database_dsn
from tanfeng.commands.simulate_fast import EXAMPLE, Dsn, Registry, TruthFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.points import Key

SHOWN: Final = 5
"""Wrong ones of a kind are listed up to so many."""


def verify(
    *,
    truth: TruthFile = Path("truth.jsonl"),
    registry: Registry = None,
    silent_only: Annotated[
        bool, typer.Option("--silent-only", help="List only registers that are silently wrong")
    ] = False,
    dsn: Dsn = "",
) -> None:
    """账本、指标、预算与真值比对。Compare books, figures and budgets with the truth; exit 1 if one is wrong."""
    if not asyncio.run(_verify(truth, registry or [EXAMPLE], database_dsn(dsn), silent_only=silent_only)):
        raise typer.Exit(1)


async def _verify(path: Path, registries: Sequence[Path], dsn: str, *, silent_only: bool) -> bool:
    truth = ledger.read(path)
    feed = Feed(Fleet(read_points(*registries), truth.seed), truth.every_us, truth.incidents)
    compared: dict[Key, Compared] = {}
    async with visit(dsn, name="tanfeng-verify") as con:
        async for key, found in compare_all(con, feed.fleet, truth):
            compared[key] = found
            if found.is_silently_wrong or not silent_only:
                sys.stdout.write(line_of(key, found))
            if found.is_silently_wrong:
                sys.stdout.writelines(f"  {line}\n" for line in details(found))
        points, hours = [counter.point for counter in feed.fleet.counters.values()], Hours(compared)
        findings = await figure_findings(con, points, truth, hours) + await budget_findings(con, points, truth, hours)
    sys.stdout.writelines(f"{line}\n" for line in (*_figures(findings), *_hours(list(compared.values()))))
    return not any(each.is_silently_wrong for each in compared.values()) and not _wrong(findings)


def line_of(key: Key, compared: Compared) -> str:
    """A register's sums and how its hours stand to the truth."""
    counts = ", ".join(f"{judgement} {hours}" for judgement, hours in sorted(compared.counts.items()))
    doubtful = sum(1 for reading in compared.readings if reading.outcome != "sound")
    booked = decimal_text(sum(hour.booked for hour in compared.hours))
    true = decimal_text(sum(hour.true for hour in compared.hours))
    return f"{'/'.join(key)}: booked {booked}, true {true}; {counts}; {doubtful} false readings not trusted\n"


def details(compared: Compared) -> Iterator[str]:
    """The first divergent reading and the rule that took it, days, legs, and the hours that nothing explains."""
    for reading in [each for each in compared.readings if each.outcome == "sound"][:1]:
        yield f"first divergent reading {iso(reading.at)}: stored {reading.stored}, true {reading.true}"
        yield f"  {rule_of(reading)}"
    for day in compared.days[:SHOWN]:
        yield f"day {day.day}: booked {day.booked}, its hours {day.hours}"
    for leg in compared.legs[:SHOWN]:
        yield f"leg {iso(leg.start)} … {iso(leg.end)}: booked {leg.booked}, true {leg.true}"
    for hour in [each for each in compared.hours if each.judgement in SILENT][:SHOWN]:
        yield f"hour {iso(hour.starts_us)}: booked {hour.booked}, true {hour.true}, {hour.judgement}"


def _figures(findings: Sequence[Finding]) -> Iterator[str]:
    """How the figures of each kind stand, and the first wrong ones."""
    for kind, counts in table(findings):
        yield f"{kind:16} " + ", ".join(f"{standing} {counts[standing]}" for standing in Standing)
    for each in _wrong(findings)[:SHOWN]:
        yield f"  wrong {each.what} {each.name}: stated {each.stated}, booked {each.booked}, true {each.true}"
    yield f"指标与预算 figures and budgets: {len(findings)}, wrong {len(_wrong(findings))}"


def _wrong(findings: Sequence[Finding]) -> list[Finding]:
    return [each for each in findings if each.standing is Standing.WRONG]


def _hours(compared: Sequence[Compared]) -> Iterator[str]:
    counts = ", ".join(f"{judgement} {sum(each.counts[judgement] for each in compared)}" for judgement in Judgement)
    wrong = sum(each.is_silently_wrong for each in compared)
    yield f"小时 hours: {counts}; 静默错误的寄存器 registers silently wrong: {wrong}"
