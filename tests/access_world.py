"""Two enterprises and a login of one of them: what the contract of access looks at."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from services.budgets.production import add_production
from services.figures import access
from services.store.migrate import migrate
from services.store.pool import connect
from tests.alert_world import add_alert
from tests.budget_world import add_budget
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters, restate_day
from tests.pue_world import add_hall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

JAN_1 = instant("2026-01-01T00:00+08:00")
SECRET = 8_641_973
"""The foreign enterprise's amounts, in thousandths: recognisable wherever they turn up."""
FOREIGN = ("rival", "8641.973", "8641973", "25925.919")

FILLED = frozenset(
    f"{figure}_{grain}{history}"
    for figure, grains, histories in (
        ("energy", ("15m", "1d", "1mo"), ("", "_history")),
        ("energy_site", ("1d", "1mo"), ("", "_history")),
        ("coal", ("1d", "1mo"), ("", "_history")),
        ("emissions", ("1d", "1mo"), ("", "_history")),
        ("energy_site", ("15m",), ("",)),
        ("emissions", ("15m",), ("",)),
        ("energy_enterprise", ("15m", "1d", "1mo"), ("",)),
        ("emissions_enterprise", ("15m", "1d", "1mo"), ("",)),
        ("emissions_register", ("15m", "1d", "1mo"), ("",)),
        ("pue", ("1h", "24h", "1d", "30d", "1mo", "12mo"), ("",)),
        ("pue_reported", ("1h", "24h", "1d", "30d", "1mo", "12mo"), ("",)),
    )
    for grain in grains
    for history in histories
) | {
    "enterprises",
    "registers",
    "data_events",
    "rejections",
    "power_latest",
    "budget_status",
    "budget_months",
    "budget_sites",
    "budget_versions",
    "manual_figures",
    "alerts",
    "alert_history",
    "maintenance",
    "completeness",
    "completeness_1mo",
    "completeness_enterprise",
    "silent_meters",
    "production",
    "intensity_1mo",
    "nonfossil_1mo",
}
"""Relations this world has rows of both enterprises in; a new one gets rows in the world and its name here."""


@dataclass
class World:
    """A database with two enterprises, and logins of the one that looks."""

    owner: Connection
    tenant: Connection
    role: str


def as_login(dsn: str, role: str, password: str) -> str:
    """The same database as another login."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}"))


@asynccontextmanager
async def open_world(dsn: str) -> AsyncIterator[World]:
    """Rows of both enterprises in every table that report shows anything of."""
    owner = await connect(dsn, name="owner")
    await migrate(owner)  # the right to temporary tables belongs to a database and is not cloned with it
    await add_district(owner)
    for enterprise, amount in (("works", 1000), ("rival", SECRET)):
        await add_enterprise(owner, enterprise, f"{enterprise}-1")
        register = await add_register(owner, f"{enterprise}-1", f"{enterprise}-main")
        await book(owner, register, quarters(JAN_1, 3, amount))
        await restate_day(owner, register, date(2026, 1, 1), amount * 3 + 3, instant("2026-02-01T00:00Z"))
        power = await add_register(
            owner, f"{enterprise}-1", f"{enterprise}-main", "power", kind="measurement", quantity="power", unit="kW"
        )
        await owner.execute(
            "UPDATE core.register_state SET newest_at = $2, newest_value = $3 WHERE register_id = $1",
            power,
            JAN_1,
            amount,
        )
        await owner.execute("INSERT INTO core.event VALUES ($1, 'break', $2, $3)", register, JAN_1, amount)
        await owner.execute(
            "INSERT INTO core.rejection (code, detail, enterprise, topic, payload, payload_bytes, payload_sha256,"
            " first_at, last_at) VALUES ('x', $1, $1, $1, ''::bytea, 1, $2, $3, $3)",
            enterprise,
            enterprise.encode(),
            JAN_1,
        )
        await add_budget(owner, enterprise, f"{enterprise}-1", amount)
        await add_alert(owner, enterprise, f"{enterprise}-1")
        await add_hall(owner, f"{enterprise}-1", register, date(2026, 1, 1))
        await add_production(owner, f"{enterprise}-1", date(2026, 1, 1), "steel", Decimal(amount), "t", author="li")
    await owner.execute("INSERT INTO core.evaluation VALUES ('rival', now(), 0, 0, NULL)")
    await owner.execute("INSERT INTO core.ingest_minute VALUES ($1, 0, $2, $2, 0, 0, 0, 1)", JAN_1, SECRET)
    role = f"tenant_{urlsplit(dsn).path[1:]}"
    await access.create_tenant(owner, role, "pw", "works", author="li")
    tenant = await connect(as_login(dsn, role, "pw"), name="tenant")
    yield World(owner, tenant, role)
    await tenant.close()
    await owner.execute(f"DROP OWNED BY {role}")
    await owner.execute(f"DROP ROLE {role}")
    await owner.close()
