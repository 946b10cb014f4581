"""The data source and the pieces that queries are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dashboards.fields import Json

UID: Final = "energy-pg"
TYPE: Final = "grafana-postgresql-datasource"
SOURCE: Final = {"type": TYPE, "uid": UID}

ZONE: Final = "Asia/Shanghai"
"""Days and months of the boards, also for a viewer elsewhere."""
TODAY: Final = f"(now() AT TIME ZONE '{ZONE}')::date"
MONTH: Final = f"date_trunc('month', now() AT TIME ZONE '{ZONE}')::date"
DAY_AT: Final = f"day::timestamp AT TIME ZONE '{ZONE}'"
DAYS: Final = (
    f"day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE '{ZONE}')::date"
    f" AND ($__timeTo()::timestamptz AT TIME ZONE '{ZONE}')::date"
)
"""The days of the range; the last one may be incomplete."""
RANGE: Final = "$__unixEpochTo() - $__unixEpochFrom()"
HOUR: Final = 3600
DAY: Final = 86400

BY_MONTH: Final = f"({RANGE} > {93 * DAY})"
"""The whole district over so long a range is shown by month: a year of its days is more than a screen has points."""
MONTHS: Final = (
    f"month >= ($__timeFrom()::timestamptz AT TIME ZONE '{ZONE}')::date"
    f" AND month <= ($__timeTo()::timestamptz AT TIME ZONE '{ZONE}')::date"
)
"""The months that begin in the range; the last one may be incomplete."""
MONTH_AT: Final = f"month::timestamp AT TIME ZONE '{ZONE}'"
MONTH_HOURS: Final = (
    f"extract(epoch FROM least(now(), (month + interval '1 month') AT TIME ZONE '{ZONE}')"
    f" - month::timestamp AT TIME ZONE '{ZONE}') / 3600"
)
"""Hours of a month, of the running one until now."""

OPEN: Final = "state IN ('firing', 'acknowledged')"


def target(sql: str, ref: str = "A", form: str = "table") -> Json:
    """One query of a panel."""
    return {
        "refId": ref,
        "datasource": SOURCE,
        "editorMode": "code",
        "rawQuery": True,
        "rawSql": sql.strip(),
        "format": form,
    }


def at_most_whole(share: str) -> str:
    """A share of time that is not above 1 because the newest quarter-hour is booked before it was due; null stays null.

    Never least(): that takes null for 1.
    """
    return f"CASE WHEN {share} > 1 THEN 1 ELSE {share} END"


def is_grain(grain: str, quarters_until: int, hours_until: int) -> str:
    """True where a range is shown at this grain: a condition of constants, so other branches leave the plan.

    `grain`: 15m, 1h or 1d; ranges in seconds. The variable can only choose a coarser grain than the range would, so
    that a year never reads the ledger.
    """
    free = "'$grain' IN ('auto', '15m')"
    quarter = f"({free} AND {RANGE} <= {quarters_until})"
    hour = f"('$grain' IN ('auto', '15m', '1h') AND {RANGE} <= {hours_until})"
    return {"15m": quarter, "1h": f"(NOT {quarter} AND {hour})", "1d": f"NOT {hour}"}[grain]
