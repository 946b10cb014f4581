"""How a field of a panel looks: units, thresholds, texts for values, overrides and links."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
"""Only where the query reads report.alerts: a red number has a warning behind it."""
GREY: Final = "#808080"
BLUE: Final = "blue"
TEXT: Final = "text"

KWH: Final = "kwatth"
KW: Final = "kwatt"
TCO2: Final = "suffix: tCO₂"
TCE: Final = "suffix: tce"
SHARE: Final = "percentunit"
PLAIN: Final = "none"
COUNT: Final = "short"
AMOUNT: Final = "locale"
"""A quantity whose unit stands in a column beside it: all its digits, never thousands as K or millions as Mil."""
SECONDS: Final = "s"
SINCE: Final = "dateTimeFromNow"

NO_DATA: Final = "无数据"
UNKNOWN: Final = "未知"
"""A row is there but its value is not known: neither nothing nor zero."""


def steps(first: str, *more: tuple[float, str]) -> Json:
    """Absolute thresholds: the colour below all steps, then (from value, colour)."""
    found: list[Json] = [{"color": first, "value": None}]
    return {"mode": "absolute", "steps": found + [{"color": color, "value": value} for value, color in more]}


def plain() -> Json:
    """No judgement: the colour of text."""
    return steps(TEXT)


def texts(**words: tuple[str, str]) -> Json:
    """Words instead of codes: code → (text, colour)."""
    result = {
        code: {"text": text, "color": color, "index": index}
        for index, (code, (text, color)) in enumerate(words.items())
    }
    return {"type": "value", "options": result}


def numbers(*words: tuple[int, str, str]) -> Json:
    """Words instead of numbers: (number, text, colour)."""
    return texts(**{str(number): (text, color) for number, text, color in words})


def unknown() -> Json:
    """What stands where the value is null."""
    return {"type": "special", "options": {"match": "null", "result": {"text": UNKNOWN, "color": GREY, "index": 99}}}


def of(name: str, **properties: Any) -> Json:
    """An override of one column. `unit`, `decimals`, `width`, … ; see PROPERTIES."""
    found = [{"id": PROPERTIES.get(key, key), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": found}


PROPERTIES: Final = {
    "width": "custom.width",
    "align": "custom.align",
    "cell": "custom.cellOptions",
    "draw": "custom.drawStyle",
    "fill": "custom.fillOpacity",
    "line": "custom.lineWidth",
    "dash": "custom.lineStyle",
    "stack": "custom.stacking",
    "name": "displayName",
    "low": "min",
    "high": "max",
}

COLOURED_TEXT: Final = {"type": "color-text"}
COLOURED_CELL: Final = {"type": "color-background", "mode": "basic"}


def hidden(name: str) -> Json:
    """A column that only links use; 12.2 obeys the one property, 13 the other."""
    hide = {"legend": True, "tooltip": True, "viz": True}
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "custom.hidden", "value": True}, {"id": "custom.hideFrom", "value": hide}],
    }


def link(title: str, uid: str, *more: str) -> Json:
    """A link to another dashboard that carries the time range; `more`: 'var-site=${__data.fields.site_code}'."""
    return {"title": title, "url": "&".join([f"/d/{uid}?${{__url_time_range}}", *more]), "targetBlank": False}
