"""Random amounts in parts of a thousandth, by all views of energy, coal and CO₂, against exact fractions."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from services.accounting.policy import Version, compile_policy
from services.accounting.refold import Difference
from services.ledger.cards import Card, Scope
from services.ledger.entries import Entries, Newest
from services.model import QUARTER_US, Kind
from services.store.pool import connect
from services.units import PARTS, exact_decimal
from tests.figure_world import add_district, add_enterprise, add_register, instant, local_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.store.pool import Connection

ZONE = "Asia/Shanghai"
START = instant("2026-01-30T22:00+08:00")
SIGNS = {"import": 1, "export": -1, "sold": -1, "produced": 0}
PLACED = (
    ("import", None),
    ("import", None),
    ("import", "因"),
    ("export", None),
    ("sold", None),
    ("sold", "因"),
)
"""Direction and why it is exempt, of the registers of each site."""
EMITS = {"import": 1, "export": 0, "sold": -1, "produced": 0}


def shown(exact: Fraction) -> Decimal:
    """As core.rounded has it: up to 15 decimals as they are; what has more is rounded to 9, half away from zero."""
    ends = exact_decimal(exact)
    if ends is not None and -int(ends.normalize().as_tuple().exponent) <= 15:
        return ends
    units, rest = divmod(abs(exact) * 10**9, 1)
    return Decimal((int(units) + (rest * 2 >= 1)) * (1 if exact > 0 else -1)).scaleb(-9)


class World:
    """Registers of every direction at two sites of two enterprises, and what they booked."""

    def __init__(self, rnd: Random) -> None:
        self.rnd = rnd
        self.registers: list[dict[str, Any]] = []
        self.booked: list[tuple[dict[str, Any], int, Fraction, Fraction]] = []

    async def fill(self, con: Connection) -> None:
        """Both kinds of registers, some of them exempt; all book for four days around a month's end."""
        await add_district(con)
        for enterprise in ("a", "b"):
            sites = [f"{enterprise}{n}" for n in (1, 2)]
            await add_enterprise(con, enterprise, *sites)
            for site in sites:
                for number, (direction, exempt) in enumerate(PLACED):
                    kind = self.rnd.choice([Kind.INTERVAL, Kind.INTERVAL, Kind.TOTAL_INCREASING])
                    register_id = await add_register(
                        con, site, f"{site}-{number}", direction=direction, kind=kind.value, emission_exempt=exempt
                    )
                    self.registers.append(
                        {"id": register_id, "enterprise": enterprise, "site": site, "meter": f"{site}-{number}",
                         "direction": direction, "exempt": exempt is not None, "kind": kind}
                    )  # fmt: skip
        for _ in range(3):
            entries = Entries()
            quarters = self.rnd.sample(range(START, START + 300 * QUARTER_US, QUARTER_US), 12)
            for register in self.registers:
                rows = self._rows(register, quarters)
                entries.add(await _card(con, register), Difference(rows), Newest(None, None), None)
            async with con.transaction():
                await entries.write(con)

    def _rows(self, register: dict[str, Any], quarters: list[int]) -> dict[int, list[int]]:
        """Changes of these quarter-hours: of either sign, tiny and large, often a third of something."""
        unit = PARTS if register["kind"] is Kind.INTERVAL else 1
        rows = {}
        for at in quarters:
            amount = self.rnd.choice([1, -1, 1, 1]) * self.rnd.choice(
                [self.rnd.randrange(3), unit // 3 + 1, self.rnd.randrange(5 * unit), self.rnd.randrange(10**9 * unit)]
            )
            rows[at] = [amount, self.rnd.choice([0, amount]), 900, 0]
            self.booked.append((register, at, Fraction(amount, unit * 1000), Fraction(rows[at][1], unit * 1000)))
        return rows

    def total(
        self, keys: tuple[str, ...], period: str, weigh: Callable[[dict[str, Any]], int]
    ) -> dict[tuple[Any, ...], list[Fraction]]:
        """[amount, estimated] by these keys and the period, of the bookings that have a weight."""
        sums: dict[tuple[Any, ...], list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        for register, at, amount, estimated in self.booked:
            day = local_day(at, ZONE)
            when = {"starts_at": at, "day": day, "month": day.replace(day=1)}[period]
            row = sums[(*(register[key] for key in keys), when)]
            row[0] += weigh(register) * amount
            row[1] += estimated
        return sums


async def _card(con: Connection, register: dict[str, Any]) -> Card:
    policy = compile_policy(
        register["kind"],
        [Version(None, Decimal("0.001"), None, 900_000_000, 3600_000_000, 0, Decimal(0))],
    )
    scope = await con.fetchrow("SELECT * FROM core.register_scope WHERE register_id = $1", register["id"])
    assert scope is not None
    counts = Scope(
        scope["enterprise_id"], scope["site_id"], "electricity", register["direction"], date(1, 1, 1), date(9999, 1, 1)
    )
    return Card(register["id"], 1, policy, Fraction(1), ZONE, (counts,))


PERIODS = {"15m": "starts_at", "1d": "day", "1mo": "month"}


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_view_shows_the_exact_sum(edition_database: str, seed: int) -> None:
    """By register, site and enterprise; by quarter-hour, day and month; energy, coal and CO₂; now and as of now."""
    con = await connect(edition_database, name="tests")
    try:
        world = World(Random(seed))
        await world.fill(con)
        for grain, period in PERIODS.items():
            expected = world.total(("site", "meter"), period, lambda _: 1)
            for past in ("", "_history"):
                rows = await con.fetch(
                    f"SELECT site, meter, {period}, amount, estimated_amount FROM report.energy_{grain}{past}"
                )
                found = {tuple(row)[:3]: [row["amount"], row["estimated_amount"]] for row in rows}
                assert found == {key: [shown(each) for each in sums] for key, sums in expected.items()}
            for scope in ("site", "enterprise"):
                expected = world.total((scope,), period, lambda register: SIGNS[register["direction"]])
                for past in ("", "_history"):
                    if past and (scope == "enterprise" or grain == "15m"):
                        continue
                    rows = await con.fetch(
                        f"SELECT {scope}, {period}, amount, estimated_amount FROM report.energy_{scope}_{grain}{past}"
                    )
                    found = {(row[0], row[1]): [row["amount"], row["estimated_amount"]] for row in rows}
                    assert found == {key: [shown(each) for each in sums] for key, sums in expected.items()}
            await _assert_converted(con, world, grain, period)
    finally:
        await con.close()


async def _assert_converted(con: Connection, world: World, grain: str, period: str) -> None:
    """CO₂ and coal of a site are its exact energy times the factor, all the digits that can be told."""
    emitting = world.total(("site",), period, lambda r: 0 if r["exempt"] else EMITS[r["direction"]])
    rows = await con.fetch(
        f"SELECT site, {period}, emissions_kgco2, state, kgco2_per_unit, amount FROM report.emissions_{grain}"
    )
    known = [row for row in rows if row["state"] == "known"]
    assert known
    for row in known:
        exact = emitting[row["site"], row[1]][0]
        assert row["amount"] == shown(exact)
        assert abs(Fraction(row["emissions_kgco2"]) - exact * Fraction(row["kgco2_per_unit"])) <= Fraction(1, 10**15)
    assert {row["state"] for row in rows} <= {"known", "energy_missing", "exempt"}
    assert all(emitting[row["site"], row[1]][0] == 0 for row in rows if row["state"] == "exempt")
    if grain == "15m":
        return
    used = world.total(("site",), period, lambda register: SIGNS[register["direction"]])
    for row in await con.fetch(
        f"SELECT site, {period}, coal_tce, kgce_per_unit FROM report.coal_{grain} WHERE state = 'known'"
    ):
        exact = used[row["site"], row[1]][0] * Fraction(row["kgce_per_unit"]) / 1000
        assert abs(Fraction(row["coal_tce"]) - exact) <= Fraction(1, 10**18)
