"""Monthly figures that a plant reports by hand, beside the metered ones; a new one supersedes, nothing is forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from services.errors import TanfengError
from services.store.queries import SQL
from services.units import decimal_text, factor, thousandths

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from services.store.pool import Connection


async def put_figure(
    con: Connection, site: str, carrier: str, month: date, amount: Decimal, unit: str, *, source: str, author: str
) -> bool:
    """Enter what a site used of a carrier in a month; False where this very figure is there already.

    Raises:
        TanfengError: There is no such site, carrier or unit, or the amount is negative or finer than a thousandth.
    """
    async with con.transaction():
        place = await con.fetchrow(SQL["figure_place"], site, carrier)
        if place is None:
            raise TanfengError(f"there is no site {site!r}, or no carrier {carrier!r}", "see `tanfeng registry show`")
        exact = thousandths(amount, factor(unit, place["unit"]))
        if exact < 0 or exact.denominator != 1:
            raise TanfengError(f"{amount} {unit} is no amount", f"write zero or more thousandths of {place['unit']}")
        key = (place["site_id"], carrier, month)
        was = await con.fetchrow(SQL["figure_current"], *key)
        if was is not None and (was["amount"], was["source"]) == (int(exact), source):
            return False
        await con.execute(SQL["figure_end"], *key)
        await con.execute(SQL["figure_add"], *key, int(exact), source, author)
        detail = {"site": site, "carrier": carrier, "month": f"{month:%Y-%m}", "amount": decimal_text(int(exact))}
        await con.execute(SQL["audit_add"], author, "manual figure", json.dumps(detail))
        return True
