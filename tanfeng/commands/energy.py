"""`tanfeng energy FILE.csv`: what a list of readings books under a policy, and why; no database needed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from services.accounting.fold import Fold
from services.accounting.policy import DEFAULT_GAP_INTERVALS, DEFAULT_SLACK_US, Policy, Version, compile_policy
from services.errors import TanfengError
from services.model import SECOND_US, Kind, OnFall, Stamp
from services.units import FACTORS
from tanfeng.durations import seconds
from tanfeng.energy import render, statement
from tanfeng.energy.events_file import read_acts
from tanfeng.energy.listing import Listing, read_listing

_TONNE: Final = "t"
"""Kept as it is where no carrier says whether it counts in tonnes or kilograms."""


class Grain(StrEnum):
    """Widths of the intervals printed."""

    SEGMENTS = "segments"
    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"


class Format(StrEnum):
    """How the statement is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(energy)


def energy(
    file: Annotated[Path, typer.Argument(help="CSV with the columns read_at,value, in any row order")],
    kind: Annotated[Kind, typer.Option(help="how the register counts")] = Kind.TOTAL_INCREASING,
    unit: Annotated[str, typer.Option(help="unit of the values")] = "kWh",
    resolution: Annotated[str | None, typer.Option(help="smallest step; default: the last decimal place")] = None,
    max_rate: Annotated[str | None, typer.Option(help="most that can flow, unit per hour; or unknown")] = None,
    modulus: Annotated[str | None, typer.Option(help="where the register rolls over to 0; default: never")] = None,
    interval: Annotated[str | None, typer.Option(help="reporting interval, as 15m; default: the file's median")] = None,
    gap: Annotated[str | None, typer.Option(help="longer than this is estimated; default: four intervals")] = None,
    slack: Annotated[str | None, typer.Option(help="clock tolerance; default: 60s, or the interval if shorter")] = None,
    noise: Annotated[str | None, typer.Option(help="a fall of at most this is no energy; default: one step")] = None,
    on_fall: Annotated[OnFall, typer.Option(help="when a held run becomes the truth")] = OnFall.CONFIRM,
    flat: Annotated[str | None, typer.Option(help="longest believable standstill; default: no limit")] = None,
    stamp: Annotated[Stamp, typer.Option(help="which end of its interval an amount is stamped with")] = Stamp.END,
    events: Annotated[Path | None, typer.Option(help="JSON list of declared acts")] = None,
    grain: Annotated[Grain, typer.Option(help="width of the intervals")] = Grain.HOUR,
    zone: Annotated[
        str | None, typer.Option(help="zone of days and hours, and of times without one; default: Asia/Shanghai")
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="how to print")] = Format.TABLE,
) -> None:
    """Show what a list of readings books under a policy, and why: accepted, held, reset, rollover, estimated."""
    factor = _unit(unit)
    shown_zone = _zone(zone or "Asia/Shanghai")
    listing = read_listing(file, shown_zone)
    version = replace(
        _version(listing, resolution, max_rate, modulus, interval, gap, slack, noise, on_fall),
        flat_us=None if flat is None else _span(flat),
        stamp=stamp,
    )
    acts = read_acts(events, shown_zone) if events else []
    policy = compile_policy(kind, [version], acts, unit_factor=factor[1], integrate=kind is Kind.MEASUREMENT)
    said = _statement(listing, policy, factor, grain, shown_zone)
    if output is Format.JSON:
        typer.echo(json.dumps(said, ensure_ascii=False, indent=1))
    elif output is Format.CSV:
        typer.echo(render.as_csv(said), nl=False)
    else:
        render.print_table(Console(), said, shown_zone, _assumed(version, unit))
    if listing.rows and not listing.standing:
        raise TanfengError(
            f"none of the {len(listing.rows)} rows of {file} could be read", "see the reason of each row"
        )


def _statement(
    listing: Listing, policy: Policy, unit: tuple[str, Fraction], grain: Grain, zone: str
) -> dict[str, object]:
    fold = Fold(policy)
    fold.take_all(listing.readings(unit[1]))
    rows = statement.intervals(fold.effects, listing.standing, grain, zone)
    total = statement.amount_text(sum(row.amount for row in rows), policy.parts) if fold.effects.segments else None
    return {
        "unit": unit[0],
        "total": total,
        "intervals": [row.record(policy.parts) for row in rows],
        "readings": statement.reading_records(listing, fold.effects.verdicts, fold.state),
        "events": statement.event_records(fold.effects.events),
    }


def _unit(unit: str) -> tuple[str, Fraction]:
    """The unit that amounts are in, and how many of it one declared unit is; power integrates to energy."""
    if unit == _TONNE:
        return unit, Fraction(1)
    if unit not in FACTORS:
        raise TanfengError(f"unknown unit {unit!r}", f"use one of {', '.join([*FACTORS, _TONNE])}")
    kept, factor = FACTORS[unit]
    return {"kW": "kWh"}.get(kept, kept), factor


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError):
        raise TanfengError(f"unknown zone {name!r}", "use a name such as Asia/Shanghai") from None


def _version(
    listing: Listing,
    resolution: str | None,
    max_rate: str | None,
    modulus: str | None,
    interval: str | None,
    gap: str | None,
    slack: str | None,
    noise: str | None,
    on_fall: OnFall,
) -> Version:
    step = listing.resolution() if resolution is None else _positive("--resolution", resolution)
    every = listing.interval_us() if interval is None else _span(interval)
    if not every:
        raise TanfengError(f"--interval {interval!r} is no time", "write the time between readings, as 15m")
    return Version(
        max_rate=None if max_rate in {None, "unknown"} else _positive("--max-rate", str(max_rate)),
        resolution=step,
        modulus=None if modulus is None else _positive("--modulus", modulus),
        interval_us=every,
        gap_us=DEFAULT_GAP_INTERVALS * every if gap is None else _span(gap),
        slack_us=min(DEFAULT_SLACK_US, every) if slack is None else _span(slack),
        noise=step if noise is None else _positive("--noise", noise, zero=True),
        on_fall=on_fall,
    )


def _positive(option: str, text: str, *, zero: bool = False) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0 or (number == 0 and not zero):
        raise TanfengError(
            f"{option} {text!r} is no {'' if zero else 'positive '}number", "write a decimal such as 1200"
        )
    return number


def _span(text: str) -> int:
    return round(seconds(text) * SECOND_US)


def _assumed(version: Version, unit: str) -> str:
    """The policy in force, so that what was inferred from the file is seen."""
    rate = "未知 / unknown" if version.max_rate is None else f"{version.max_rate} {unit}/h"
    return (
        f"规则 / policy: max-rate {rate} · resolution {version.resolution} · noise {version.noise} · "
        f"interval {version.interval_us // SECOND_US}s · gap {version.gap_us // SECOND_US}s · "
        f"slack {version.slack_us // SECOND_US}s · on-fall {version.on_fall}"
    )
