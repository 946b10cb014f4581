"""Gate D, first half: the frames of every panel on the seeded database, as JSON for the page.

`python -m dashboards.gates.frames FILE`
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dashboards.build import BOARDS
from tests import grafana_sql, servers
from tests.board_world import fill
from tests.contract.test_dashboard_queries import ask, connected
from tests.grafana_boards import variables

if TYPE_CHECKING:
    from dashboards.fields import Json

AGES: Final = {"now-24h": 1, "now-48h": 2, "now-30d": 30, "now-6h": 0.25}


async def frames(dsn: str) -> Json:
    """Per dashboard its JSON and, per panel, its frame, over the range it opens with."""
    logins = await fill(dsn)
    found: Json = {}
    async with connected(logins.district) as con:
        for build in BOARDS.values():
            board = build()
            end = datetime.now(UTC)
            span = grafana_sql.Range(end - timedelta(days=AGES[board["time"]["from"]]), end)
            chosen = await variables(con, board, "one" if board["uid"] == "energy-enterprise" else "all", span)
            shown: dict[int, list[Json]] = {}
            for panel in board["panels"]:
                target = panel["targets"][0]
                sql = grafana_sql.interpolate(target["rawSql"], chosen, span)
                frame = await ask(con, grafana_sql.expand(sql, span, timescaledb=False), target["format"])
                shown[panel["id"]] = [_field(each) for each in frame]
            found[board["uid"]] = {"board": board, "frames": shown}
    return found


def _field(field: grafana_sql.Field) -> Json:
    values = [_plain(value) for value in field.values]
    return {"name": field.name, "type": field.kind, "labels": field.labels, "values": values, "config": {}}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, date):
        return round(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


def main() -> None:
    """Start a server, seed it, ask everything, write the file."""
    with servers.postgres_server() as server, server.database(server.make_template()) as dsn:
        found = asyncio.run(frames(dsn))
    Path(sys.argv[1]).write_text(json.dumps(found, ensure_ascii=False, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
