"""Energy and CO₂ by scope and grain, for the present or as of an earlier moment, from the views of report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from datetime import date

    from services.store.pool import Connection

Row: TypeAlias = dict[str, Any]
"""Column → value."""

SCOPES: Final = ("enterprise", "site", "meter", "register")
PERIODS: Final = {"15m": "starts_at", "1d": "day", "1mo": "month"}
"""Grains, and the column that names their period: an instant, a local day, the first day of a local month."""
ROW_LIMIT: Final = 50_000

_NAMES: Final = {
    "enterprise": ("enterprise", "enterprise_zh", "enterprise_en"),
    "site": ("site", "site_zh", "site_en", "zone"),
    "meter": ("meter", "meter_zh", "meter_en", "level"),
    "register": ("register",),
}
_CARRIER: Final = ("carrier", "national_code", "carrier_zh", "carrier_en", "unit")
_ENERGY: Final = ("amount", "estimated_amount", "covered_s", "estimated_s")
_SHARES: Final = ("expected_s", "coverage_ratio", "resolution_ratio")
_ENERGY_PARTS: Final = ("import_amount", "export_amount", "sold_amount", "produced_amount")
_FACTOR: Final = ("kgco2_per_unit", "data_year", "provisional", "region", "method", "source")


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked: rows per `scope`, `since` ≤ period < `until`, of these codes only where they are given.

    Periods are µs at grain 15m and dates otherwise. `as_of` (µs) asks for the figures as they stood then.
    """

    scope: str
    grain: str
    since: int | date
    until: int | date
    enterprise: str | None = None
    site: str | None = None
    meter: str | None = None
    register: str | None = None
    carrier: str | None = None
    as_of: int | None = None


async def may_read(con: Connection, enterprise: str) -> bool:
    """Whether there is such an enterprise for the role in force."""
    found: bool = await con.fetchval(SQL["figures_may_read"], enterprise)
    return found


async def energy(con: Connection, ask: Ask) -> list[Row]:
    """Energy rows ordered by period and codes, amounts in the carrier's unit.

    Raises:
        TanfengError: The grain is not kept as of the past for this scope, or the rows are too many.
    """
    query = _Query(ask)
    fine = ask.scope in ("meter", "register")
    history = "_history" if ask.as_of is not None else ""
    if fine:
        view = f"energy_{ask.grain}{history}"
    else:
        _refuse_quarter_hours(ask)
        view = f"energy_site_{ask.grain}_history" if history else f"energy_{ask.scope}_{ask.grain}"
    keys = query.keys("direction") if fine else query.keys()
    if ask.scope == "meter" or (history and ask.scope == "enterprise"):
        summed = _ENERGY if fine else (*_ENERGY_PARTS, *_ENERGY)
        return await query.summed(con, view, keys, summed)
    columns = (*keys, *(() if fine else _ENERGY_PARTS), *_ENERGY, *(() if history else _SHARES))
    return await query.plain(con, view, columns)


async def emissions(con: Connection, ask: Ask) -> list[Row]:
    """CO₂ rows in kg, exact, with the factor used and where it comes from; unknown is null with its `state`.

    Raises:
        TanfengError: The scope or grain is not kept as of the past, or the rows are too many.
    """
    query = _Query(ask)
    fine = ask.scope in ("meter", "register")
    if ask.as_of is not None:
        _refuse_quarter_hours(ask)
        if fine:
            raise TanfengError(
                "历史排放按场所保存 emissions as of the past are kept per site", "用 ask with scope=site or enterprise"
            )
        view = f"emissions_{ask.grain}_history"
    elif fine:
        view = f"emissions_register_{ask.grain}"
    else:
        view = f"emissions_enterprise_{ask.grain}" if ask.scope == "enterprise" else f"emissions_{ask.grain}"
    keys = query.keys("direction") if fine else query.keys()
    if ask.scope == "meter" or (ask.as_of is not None and ask.scope == "enterprise"):
        return await query.summed(con, view, (*keys, *_FACTOR), ("amount",), SQL["figures_emissions_summed"])
    return await query.plain(con, view, (*keys, "amount", "emissions_kgco2", "state", *_FACTOR))


def _refuse_quarter_hours(ask: Ask) -> None:
    if ask.as_of is not None and ask.grain == "15m":
        raise TanfengError(
            f"15 分钟历史值不可用 quarter-hours of a {ask.scope} are not kept as of the past",
            "用 ask with grain=1d or 1mo, or with scope=register for energy",
        )


def _refuse_finer(ask: Ask, column: str) -> None:
    if column in SCOPES and SCOPES.index(column) > SCOPES.index(ask.scope):
        raise TanfengError(
            f"参数 {column} 比 scope 更细 {column} is finer than scope={ask.scope}",
            f"用 ask with scope={column}, or leave {column} out",
        )


def _sum(column: str) -> str:
    """A sum of what rows show. Amounts whose decimals do not end are shown to nine: to six, their sum is right."""
    if column.endswith("_s"):
        return f"sum({column})::bigint AS {column}"
    return f"round(sum({column}), least(scale(sum({column})), 6)) AS {column}"


class _Query:
    """The conditions of one Ask, and the two shapes of statement they go into."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.period = PERIODS[ask.grain]
        self.values: list[Any] = [ask.since, ask.until]
        self.where = [f"{self.period} >= $1", f"{self.period} < $2"]
        for column in (*SCOPES, "carrier"):
            if (code := getattr(ask, column)) is not None:
                _refuse_finer(ask, column)
                self.where.append(f"{column} = {self._parameter(code)}")
        if ask.as_of is not None:
            moment = self._parameter(ask.as_of)
            self.where.append(f"recorded_from <= {moment} AND {moment} < recorded_until")

    def _parameter(self, value: Any) -> str:  # noqa: ANN401 - whatever a column holds
        self.values.append(value)
        return f"${len(self.values)}"

    def keys(self, *more: str) -> tuple[str, ...]:
        """Period, names down to the scope, and carrier."""
        levels = SCOPES[: SCOPES.index(self.ask.scope) + 1]
        return (self.period, *(column for level in levels for column in _NAMES[level]), *more, *_CARRIER)

    async def plain(self, con: Connection, view: str, columns: tuple[str, ...]) -> list[Row]:
        return await self._fetch(con, "figures_rows", view, columns=", ".join(columns))

    async def summed(
        self, con: Connection, view: str, keys: tuple[str, ...], summed: tuple[str, ...], more: str = ""
    ) -> list[Row]:
        sums = ", ".join([*map(_sum, summed), *([more] if more else [])])
        return await self._fetch(con, "figures_summed_rows", view, keys=", ".join(keys), sums=sums)

    async def _fetch(self, con: Connection, name: str, view: str, **parts: str) -> list[Row]:
        codes = SCOPES[: SCOPES.index(self.ask.scope) + 1]
        order = ", ".join((self.period, *codes, "carrier"))
        statement = SQL[name].format(
            view=view, where=" AND ".join(self.where), order=order, limit=ROW_LIMIT + 1, **parts
        )
        rows = await con.fetch(statement, *self.values)
        if len(rows) > ROW_LIMIT:
            raise TanfengError(
                f"超过 {ROW_LIMIT} 行 more than {ROW_LIMIT} rows",
                "缩小范围 ask for a shorter time, a coarser grain or one enterprise",
            )
        return [dict(row) for row in rows]
