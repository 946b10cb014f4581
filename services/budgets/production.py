"""Production per site and month, as declared, and the limits of energy per unit of product; nothing is forgotten."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from services.store.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class Limit:
    """kgce per unit of a product, on the calorific basis; may be negative. Grade 3 is that of existing plants."""

    product: str
    unit: str
    name_zh: str
    name_en: str
    grades: tuple[Decimal, Decimal, Decimal]
    source: str


async def add_production(
    con: Connection, site: str, month: date, product: str, amount: Decimal, unit: str, *, author: str
) -> bool:
    """Declare what a site produced in a month; a new figure supersedes. False where this very one is there already.

    Raises:
        TanfengError: There is no such site, the amount is negative, or the product's limits are per another unit.
    """
    if amount < 0 or month.day != 1:
        raise TanfengError(
            f"{amount} {unit} in {month} is no month's production", "give zero or more, of a whole month"
        )
    async with con.transaction():
        site_id = await con.fetchval(SQL["production_site"], site)
        if site_id is None:
            raise TanfengError(f"there is no site {site!r}", "see `tanfeng registry show`")
        limit_unit = await con.fetchval(SQL["production_limit_unit"], product)
        if limit_unit not in {None, unit}:
            raise TanfengError(f"the limits of {product} are per {limit_unit}", f"give the amount in {limit_unit}")
        key = (site_id, month, product)
        was = await con.fetchrow(SQL["production_current"], *key)
        if was is not None and (was["amount"], was["unit"]) == (amount, unit):
            return False
        await con.execute(SQL["production_end"], *key)
        await con.execute(SQL["production_add"], *key, unit, amount, author)
        before = None if was is None else f"{was['amount']} {was['unit']}"
        detail = {
            "site": site,
            "month": f"{month:%Y-%m}",
            "product": product,
            "amount": f"{amount} {unit}",
            "was": before,
        }
        await con.execute(SQL["audit_add"], author, "production declared", json.dumps(detail, ensure_ascii=False))
        return True


async def list_production(con: Connection, site: str | None = None) -> list[Row]:
    """The figures the role in force may read, with the energy per unit and its grade where they are known."""
    return await con.fetch(SQL["production_list"], site)


async def put_limit(con: Connection, limit: Limit, *, author: str) -> None:
    """Record a product's limits from now on; those in force are superseded, not forgotten.

    Raises:
        TanfengError: The grades are not in order.
    """
    if list(limit.grades) != sorted(limit.grades):
        raise TanfengError("grade 1 is the strictest", "give three limits from the smallest to the largest")
    async with con.transaction():
        await con.execute(SQL["limit_end"], limit.product)
        names = (limit.product, limit.unit, limit.name_zh, limit.name_en)
        await con.execute(SQL["limit_add"], *names, *limit.grades, limit.source, author)
        detail = {"product": limit.product, "grades": [str(grade) for grade in limit.grades], "source": limit.source}
        await con.execute(SQL["audit_add"], author, "product limit", json.dumps(detail, ensure_ascii=False))


async def list_limits(con: Connection) -> list[Row]:
    """The limits in force."""
    return await con.fetch(SQL["limit_list"])
