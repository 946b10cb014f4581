"""Panels as plain dicts, without place and id; `board.lay` gives them those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dashboards.fields import NO_DATA, PLAIN, Json, plain
from dashboards.sources import SOURCE, target

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION: Final = "13.2.2"
LAST: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}
ROWS: Final = {"calcs": ["lastNotNull"], "fields": "", "values": True, "limit": 30}
LEGEND: Final = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
NO_LEGEND: Final = {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []}
TOOLTIP: Final = {"mode": "multi", "sort": "desc"}
STACK: Final = {"mode": "normal", "group": "A"}


def _panel(kind: str, title: str, about: str, sql: str, form: str, options: Json, **field: Any) -> Json:
    defaults = {
        "unit": field.get("unit", PLAIN),
        "thresholds": field.get("thresholds") or plain(),
        "mappings": list(field.get("mappings", ())),
        "noValue": NO_DATA,
        "color": field.get("color") or {"mode": "thresholds"},
        "custom": field.get("custom", {}),
    }
    defaults |= {key: field[key] for key in ("decimals", "min", "max", "links") if field.get(key) is not None}
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": SOURCE,
        "pluginVersion": VERSION,
        "targets": [target(sql, form=form)],
        "options": options,
        "fieldConfig": {"defaults": defaults, "overrides": list(field.get("overrides", ()))},
    }


def stat(title: str, about: str, sql: str, **field: Any) -> Json:
    """One big number."""
    options = {
        "reduceOptions": LAST,
        "orientation": "auto",
        "textMode": "value",
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    return _panel("stat", title, about, sql, "table", options, **field)


def table(title: str, about: str, sql: str, overrides: Sequence[Json], **field: Any) -> Json:
    """Rows, in the order of the query."""
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False}
    options = {"showHeader": True, "cellHeight": "sm"}
    return _panel("table", title, about, sql, "table", options, overrides=overrides, custom=custom, **field)


def bars(title: str, about: str, sql: str, **field: Any) -> Json:
    """One horizontal bar for each row: a text column and a number."""
    options = {
        "reduceOptions": ROWS,
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "left",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 40,
        "legend": NO_LEGEND,
    }
    return _panel("bargauge", title, about, sql, "table", options, **field)


def series(title: str, about: str, sql: str, **field: Any) -> Json:
    """Lines over time, or bars with `draw='bars'`; gaps stay gaps. `last` is a range of its own, such as 31d."""
    own = {"timeFrom": field.pop("last")} if "last" in field else {}
    custom = {
        "drawStyle": field.pop("draw", "line"),
        "lineInterpolation": "linear",
        "lineWidth": field.pop("line", 1),
        "fillOpacity": field.pop("fill", 10),
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
        "barAlignment": 1,
        "stacking": STACK if field.pop("stacked", False) else {"mode": "none", "group": "A"},
        "axisPlacement": "auto",
        "axisSoftMin": field.pop("soft_min", 0),
        "thresholdsStyle": {"mode": field.pop("lines", "off")},
    }
    options = {"legend": LEGEND, "tooltip": TOOLTIP}
    field.setdefault("color", {"mode": "palette-classic"})
    return _panel("timeseries", title, about, sql, "time_series", options, custom=custom, **field) | own


def states(title: str, about: str, sql: str, **field: Any) -> Json:
    """A coloured band per series; values are numbers with words."""
    custom = {"lineWidth": 0, "fillOpacity": 75}
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": NO_LEGEND,
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("state-timeline", title, about, sql, "time_series", options, custom=custom, **field)


def history(title: str, about: str, sql: str, **field: Any) -> Json:
    """One cell per series and time."""
    custom = {"lineWidth": 1, "fillOpacity": 75}
    options = {
        "showValue": "never",
        "rowHeight": 0.85,
        "colWidth": 0.9,
        "legend": NO_LEGEND,
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("status-history", title, about, sql, "time_series", options, custom=custom, **field)
