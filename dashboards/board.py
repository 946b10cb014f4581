"""A whole dashboard: variables, places, links and the annotations of warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dashboards.sources import SOURCE, ZONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.fields import Json

COLUMNS: Final = 24
REFRESH: Final = ["10s", "30s", "1m", "5m", "15m"]


def lay(*rows: Sequence[tuple[Json, int, int]]) -> list[Json]:
    """Place rows of (panel, width, height) below one another; ids count from 1 in reading order."""
    placed: list[Json] = []
    y = 0
    for row in rows:
        x = 0
        for panel, width, height in row:
            grid = {"x": x, "y": y, "w": width, "h": height}
            placed.append({"id": len(placed) + 1, **panel, "gridPos": grid})
            x += width
        y += max(height for _, _, height in row)
    return placed


def query_variable(name: str, label: str, sql: str, *, everything: bool = True) -> Json:
    """A list of __text and __value that a query gives; several may be chosen, and all where `everything`.

    Always of several, so that Grafana quotes the values: write IN ($name).
    """
    chosen: Json = {"text": ["全部"], "value": ["$__all"]} if everything else {"text": [], "value": []}
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "definition": sql,
        "query": sql,
        "refresh": 2,
        "sort": 0,
        "regex": "",
        "multi": True,
        "includeAll": everything,
        "hide": 0,
        "skipUrlSync": False,
        "current": {"selected": True, **chosen},
        "options": [],
    }


def grain_variable() -> Json:
    """How fine a range is shown; automatic by its length, or coarser."""
    words = (("auto", "自动 auto"), ("15m", "15 分钟"), ("1h", "1 小时"), ("1d", "1 天"))
    options = [{"selected": value == "auto", "text": text, "value": value} for value, text in words]
    return {
        "type": "custom",
        "name": "grain",
        "label": "粒度 Grain",
        "query": ",".join(f"{text} : {value}" for value, text in words),
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "skipUrlSync": False,
        "current": options[0],
        "options": options,
    }


ENTERPRISES: Final = (
    "SELECT enterprise_zh AS __text, enterprise AS __value FROM report.enterprises ORDER BY industry, enterprise_zh"
)


def enterprises(*, everything: bool = True) -> Json:
    """The enterprises the login may read."""
    return query_variable("enterprise", "企业 Enterprise", ENTERPRISES, everything=everything)


WARNINGS: Final = """
SELECT occurred_at AS time, ended_at AS timeend, summary_zh AS text, rule || ',' || severity AS tags
FROM report.alerts
WHERE {scope} AND severity <> 'notice' AND occurred_at <= $__timeTo() AND coalesce(ended_at, now()) >= $__timeFrom()
ORDER BY 1
LIMIT 200
"""


def warnings(scope: str) -> Json:
    """Warnings drawn over the graphs as regions; `scope` is a condition on report.alerts."""
    return {
        "name": "预警 Warnings",
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "datasource": SOURCE,
        "target": {
            "refId": "Anno",
            "datasource": SOURCE,
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": WARNINGS.format(scope=scope).strip(),
            "format": "table",
        },
    }


def dashboard(
    uid: str,
    title: str,
    about: str,
    panels: list[Json],
    *,
    variables: Sequence[Json] = (),
    annotations: Sequence[Json] = (),
    time: tuple[str, str] = ("now-24h", "now"),
    refresh: str = "30s",
) -> Json:
    """A classic dashboard of schema 42, editable by no one: the code is its home."""
    menu = {
        "type": "dashboards",
        "title": "能源看板 Energy boards",
        "tags": ["energy"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["energy"],
        "schemaVersion": 42,
        "editable": False,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "preload": False,
        "timezone": ZONE,
        "weekStart": "monday",
        "time": {"from": time[0], "to": time[1]},
        "refresh": refresh,
        "timepicker": {"refresh_intervals": REFRESH},
        "templating": {"list": list(variables)},
        "annotations": {"list": list(annotations)},
        "links": [menu],
        "panels": panels,
    }
