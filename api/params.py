"""Query parameters → what is asked. Every error names the parameter and the fix, Chinese first."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from services.figures.rows import PERIODS, SCOPES, Ask
from services.model import to_us

if TYPE_CHECKING:
    from collections.abc import Mapping

LEDGER_DAYS: Final = 92
"""Quarter-hours are given for at most this many days at once; longer ranges are daily."""

PARAMETERS: Final = {
    "scope": "每行对象 a row per enterprise (default), site, meter or register",
    "grain": "粒度 15m, 1d (default) or 1mo",
    "from": "起 first period: a local date, for 1mo a month YYYY-MM, for 15m an instant with zone",
    "until": "止（不含）end, not included; default: open, for 15m 92 days later",
    "enterprise": "企业代码 only this enterprise",
    "site": "场所代码 only this site",
    "meter": "表计代码 only this meter",
    "register": "寄存器代码 only this register",
    "carrier": "能源品种 only this carrier, such as electricity",
    "as_of": "以当时所知 as the figures stood at this instant with zone",
}
"""Every parameter and its documentation."""
_CODE: Final = re.compile(r"[a-z0-9_-]{1,40}")
_DAY_US: Final = 86_400_000_000
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Instants beyond these are none that anybody asks for, and near the ends of what can be reckoned with."""
_OPEN_END: Final = date(9999, 12, 31)


class ParameterError(Exception):
    """A query parameter that cannot be understood."""

    def __init__(self, parameter: str, message: str, fix: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.status = status
        self.parameter = parameter
        self.message = message
        self.fix = fix


def ask_of(given: Mapping[str, str]) -> Ask:
    """The question these parameters ask.

    Raises:
        ParameterError: One is unknown, missing, or not of its form.
    """
    for name in given:
        if name not in PARAMETERS:
            raise ParameterError(name, "未知参数 unknown parameter", f"可用 use one of {', '.join(PARAMETERS)}")
    grain = _choice(given, "grain", tuple(PERIODS), "1d")
    since, until = _instants(given) if grain == "15m" else _days(given, grain)
    return Ask(
        scope=_choice(given, "scope", SCOPES, "enterprise"),
        grain=grain,
        since=since,
        until=until,
        enterprise=_code(given, "enterprise"),
        site=_code(given, "site"),
        meter=_code(given, "meter"),
        register=_code(given, "register"),
        carrier=_code(given, "carrier"),
        as_of=_instant(given, "as_of") if "as_of" in given else None,
    )


def _choice(given: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    if value not in allowed:
        raise ParameterError(name, f"无效取值 {value!r} is no {name}", f"可用 use one of {', '.join(allowed)}")
    return value


def _code(given: Mapping[str, str], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not _CODE.fullmatch(value):
        raise ParameterError(name, f"无效代码 {value!r} is no code", "用 use a-z, 0-9, - and _, at most 40")
    return value


def _instants(given: Mapping[str, str]) -> tuple[int, int]:
    since = _instant(given, "from")
    until = _instant(given, "until") if "until" in given else since + LEDGER_DAYS * _DAY_US
    _refuse_empty(since, until)
    if until - since > LEDGER_DAYS * _DAY_US:
        raise ParameterError(
            "until",
            f"15 分钟数据最多 {LEDGER_DAYS} 天 quarter-hours are given for at most {LEDGER_DAYS} days",
            "缩短范围 shorten the range, or use grain=1d",
        )
    return since, until


def _days(given: Mapping[str, str], grain: str) -> tuple[date, date]:
    since = _day(given, "from", grain)
    until = _day(given, "until", grain) if "until" in given else _OPEN_END
    _refuse_empty(since, until)
    return since, until


def _refuse_empty(since: int | date, until: int | date) -> None:
    if not since < until:  # type: ignore[operator]  # both are of one kind
        raise ParameterError(
            "until", "until 须晚于 from until is not after from", "区间为 [from, until) it is excluded"
        )


def _required(given: Mapping[str, str], name: str, example: str) -> str:
    if not given.get(name):
        raise ParameterError(name, f"缺少参数 {name} is missing", f"例如 such as {name}={example}")
    return given[name]


def _instant(given: Mapping[str, str], name: str) -> int:
    example = "2026-11-22T10:00:00%2B08:00"
    text = _required(given, name, example)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ParameterError(
            name,
            f"无效时刻 {text!r} is no instant with a zone",
            f"例如 such as {name}={example} (在 URL 中 + 写作 %2B in a URL), or …Z",
        )
    if not _EARLIEST <= moment <= _LATEST:
        raise ParameterError(name, f"{text!r} 超出范围 is out of range", "用 use 1900 … 2200")
    return to_us(moment)


def _day(given: Mapping[str, str], name: str, grain: str) -> date:
    example = "2026-11" if grain == "1mo" else "2026-11-22"
    text = _required(given, name, example)
    try:
        day = date.fromisoformat(f"{text}-01" if grain == "1mo" and len(text) == len("2026-11") else text)
    except ValueError:
        raise ParameterError(
            name, f"无效日期 {text!r} is no date", f"用当地日期 use a local date, {name}={example}"
        ) from None
    if grain == "1mo" and day.day != 1:
        raise ParameterError(name, f"{text!r} 不是月初 is not the start of a month", f"例如 such as {name}={example}")
    return day
