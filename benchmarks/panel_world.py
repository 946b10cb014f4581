"""A district of any size with a year of rows, for `benchmarks/panels.py`.

Ten copies of the example district, three of them with its data centres, with more sub-meters beside its own until
there are enough registers. What one copy books is real: its registers are read every 15 minutes of the year from the
simulated fleet and booked by `services.ledger.booking`. The other copies and the further sub-meters take the ledger,
day, count and state rows of the register they are a copy of, by INSERT … SELECT within the database, with raw readings
of the last 35 days only: the panels read rollups. Scope days are summed from the days, as `tanfeng verify` does.
Warnings, events, rejections and the minutes of ingest are made up, a year of each.
"""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from services.budgets.entry import enter_budgets, read_file
from services.budgets.outlook import forecast_budgets
from services.budgets.production import add_production
from services.figures import access
from services.ledger.booking import Books
from services.ledger.directory import load_directory
from services.model import QUARTER_US, Arrival
from services.registry.apply import apply_plan
from services.registry.content import plan_file
from services.store.migrate import migrate
from services.store.pool import connect
from services.store.queries import SQL, parse
from services.wire.numbers import convert
from simulators.district import read_points
from simulators.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.store.pool import Connection

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
COPIES: Final = 10
WITH_HALLS: Final = 3
"""So many of the copies have the example's two data centres: six, few are as many in one district."""
DAY_US: Final = 96 * QUARTER_US
ROWS: Final = dict(parse((Path(__file__).with_suffix(".sql")).read_text("utf-8")))
COPIED: Final = (
    "energy_day", "reading_day", "reported_15m", "reported_day", "reading", "register_state", "scope_day",
)  # fmt: skip
MADE_UP: Final = ("alerts", "events", "rejections", "minutes", "evaluations")
PASSWORD: Final = "panels"  # noqa: S105 - of a database on loopback that lives as long as the benchmark
ROLE: Final = "grafana_panels"


@dataclass(frozen=True)
class Size:
    """How much there is. `days` end now."""

    registers: int
    days: int
    seed: int = 1


def registry(size: Size) -> str:
    """The registry file: copies of the example district, then clones of its sub-meters until there are enough."""
    example = yaml.safe_load((EXAMPLES / "district.yaml").read_text("utf-8"))
    enterprises = {
        f"{code}-{n:02}": _renamed(enterprise, n)
        for n in range(COPIES)
        for code, enterprise in example["enterprises"].items()
        if enterprise["industry"] != "data_centre" or n < WITH_HALLS
    }
    missing = size.registers - sum(1 for _ in _registers(enterprises))
    for clone in range(2, 1000):
        for site in _sites(enterprises):
            for code, meter in [
                each for each in site["meters"].items() if each[1]["level"] > 1 and "--" not in each[0]
            ]:
                booked = {name: each for name, each in meter["registers"].items() if "carrier" in each}
                if missing < len(booked) or not booked:
                    continue
                site["meters"][f"{code}--{clone}"] = {**meter, "level": 3, "registers": booked}
                missing -= len(booked)
        if missing < 1:
            break
    document = {"district": example["district"], "enterprises": enterprises}
    return yaml.dump(document, Dumper=_Plain, allow_unicode=True, sort_keys=False)


class _Plain(yaml.SafeDumper):
    """Without anchors, so that a register can be read where it stands."""

    def ignore_aliases(self, data: object) -> bool:
        """Never an alias."""
        return data is not None


def _renamed(enterprise: dict[str, Any], n: int) -> dict[str, Any]:
    made = copy.deepcopy(enterprise)
    made["name_zh"] += f"{n + 1}号"
    made["name_en"] += f" {n + 1}"
    for site in made["sites"].values():
        site["name_zh"] += f"{n + 1}号"
    made["sites"] = {f"{code}-{n:02}": site for code, site in made["sites"].items()}
    return made


def _sites(enterprises: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (site for enterprise in enterprises.values() for site in enterprise["sites"].values())


def _registers(enterprises: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that are booked."""
    for site in _sites(enterprises):
        for meter in site["meters"].values():
            yield from (each for each in meter["registers"].values() if "carrier" in each)


async def fill(dsn: str, size: Size) -> None:
    """All of it, into an empty database."""
    con = await connect(dsn, name="benchmark")
    await migrate(con)
    text = registry(size)
    plan, problems = await plan_file(con, text, is_csv=False)
    wrong = [each for each in problems if not each.is_warning]
    if wrong:
        raise SystemExit(f"the registry is refused: {wrong[0]}")
    await apply_plan(con, plan, "benchmark")
    await asyncio.to_thread(_book_profile, dsn, text, size)
    await con.execute("ANALYZE core.energy_day")
    await _copy(con, size)
    await _power(con, dsn, text, size)
    await _budgets(con)
    for kind in MADE_UP:
        await con.execute(ROWS[f"make_{kind}"], size.days)
    await con.execute("VACUUM ANALYZE")
    await access.create_tenant(con, ROLE, PASSWORD, None, author="benchmark")
    await con.close()


def _book_profile(dsn: str, text: str, size: Size) -> None:
    """Book the first copy, its registers shared between two processes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        file = Path(folder) / "registry.yaml"
        file.write_text(text, "utf-8")
        for done in [pool.submit(_book_half, dsn, file, size, half) for half in range(2)]:
            done.result()


def _book_half(dsn: str, file: Path, size: Size, half: int) -> None:
    asyncio.run(_book(dsn, file, size, half))


async def _book(dsn: str, file: Path, size: Size, half: int) -> None:
    points = [each for each in read_points(file) if each.key.enterprise.endswith("-00") and "--" not in each.key.meter]
    fleet = Fleet(points, size.seed)
    mine = [meter for n, meter in enumerate(fleet.meters) if n % 2 == half]
    con = await connect(dsn, name="benchmark-profile")
    _, directory = await load_directory(con)
    books, now = Books(), time.time_ns() // 1000
    refs = {(meter.enterprise, meter.code): directory[meter.enterprise, meter.code].registers for meter in mine}
    until = now // QUARTER_US * QUARTER_US
    for start in range(until - size.days * DAY_US, until, DAY_US):
        arrivals = []
        for at in range(start, start + DAY_US, QUARTER_US):
            for meter in mine:
                for code, display in meter.displays.items():
                    value = display.displayed(at) if code != "power" else None
                    if value is not None:
                        ref = refs[meter.enterprise, meter.code][code]
                        arrivals.append(Arrival(ref.register_id, at, *convert(value, ref), now))
        async with con.transaction():
            await books.book(con, arrivals)
    await con.close()


async def _copy(con: Connection, size: Size) -> None:
    """Give the copies the rows of what they are copies of, week after week as they would have come."""
    await con.execute(ROWS["twins"])
    await con.execute("ANALYZE twin")
    now = time.time_ns() // 1000
    for at in range(now - (size.days + 1) * DAY_US, now, 7 * DAY_US):
        await con.execute(ROWS["copy_week"], at)
    for table in COPIED:
        await con.execute(ROWS[f"copy_{table}"])


async def _power(con: Connection, dsn: str, text: str, size: Size) -> None:
    """The last half-hour of every register of power: what is shown as the latest."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "registry.yaml"
        file.write_text(text, "utf-8")
        fleet = Fleet(read_points(file), size.seed)
    _, directory = await load_directory(con)
    now = time.time_ns() // 1000
    arrivals = []
    for meter in fleet.meters:
        for code, display in meter.displays.items():
            ref = directory[meter.enterprise, meter.code].registers[code]
            for at in range(now // 60_000_000 * 60_000_000 - 30 * 60_000_000, now, 60_000_000):
                value = display.displayed(at) if code == "power" else None
                if value is not None:
                    arrivals.append(Arrival(ref.register_id, at, *convert(value, ref), now))
    books = await connect(dsn, name="benchmark-power")
    async with books.transaction():
        await Books().book(books, arrivals)
    await books.close()


def budget_file() -> str:
    """The example's budgets for every copy of their enterprises, and one of electricity a month for each enterprise."""
    this_year = datetime.now(UTC).year
    example = yaml.safe_load((EXAMPLES / "budgets.yaml").read_text("utf-8"))["budgets"]
    budgets = [_budget(each, None) for each in example if "district" in each]
    for n in range(COPIES):
        budgets += [_budget(each, n) for each in example if "enterprise" in each]
        for code, enterprise in yaml.safe_load((EXAMPLES / "district.yaml").read_text("utf-8"))["enterprises"].items():
            if enterprise["industry"] == "data_centre" and n >= WITH_HALLS:
                continue
            budgets.append({
                "code": f"{code}-{n:02}-kwh", "enterprise": f"{code}-{n:02}", "name_zh": "月度电力预算",
                "name_en": "Electricity a month", "carriers": ["electricity"], "measure": "energy", "unit": "MWh",
                "monthly": 2000,
            })  # fmt: skip
    return yaml.dump({"budgets": [{**each, "year": this_year} for each in budgets]}, Dumper=_Plain, allow_unicode=True)


def _budget(example: dict[str, Any], n: int | None) -> dict[str, Any]:
    made = dict(example)
    if n is None:
        made["plants"] = [f"{site}-00" for site in made.get("plants", ())]
        return made
    for name in ("code", "enterprise", "site"):
        if name in made:
            made[name] += f"-{n:02}"
    return made


async def _budgets(con: Connection) -> None:
    """Entered, with the production that an intensity is per, and forecast."""
    this_year = datetime.now(UTC)
    for n in range(COPIES):
        for month in range(1, this_year.month):
            first = this_year.date().replace(month=month, day=1)
            await add_production(con, f"steel-works-{n:02}", first, "粗钢", Decimal(60_000), "t", author="benchmark")
    drafts, problems = await read_file(con, budget_file())
    if problems:
        raise SystemExit(f"the budgets are refused: {problems[0]}")
    await enter_budgets(con, drafts, "benchmark")
    await forecast_budgets(con, time.time_ns() // 1000)


async def check(con: Connection) -> dict[str, int]:
    """Rows of the tables the panels read; stops where scope days or months are not the sums of days."""
    if await con.fetch(SQL["wrong_scope_days"]) or await con.fetch(SQL["wrong_months"]):
        raise SystemExit("scope days or months are not the sums of their days")
    tables = (
        "energy_15m",
        "energy_day",
        "energy_month",
        "energy_scope_day",
        "reading_day",
        "reading",
        "ingest_minute",
        "alert",
    )
    return {table: await con.fetchval(f"SELECT count(*) FROM core.{table}") for table in tables}
