"""What is really there where a meter seems silent: messages that are rejected, or a clock that is behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.alerts.watch.look import local
from services.ledger.meter_clocks import clocks_behind
from services.model import SECOND_US
from services.store.queries import SQL
from services.wire.rejections import REJECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.store.pool import Connection, Row

NO_SILENCE: Final = ("conflict", "bad_status", "retained")
"""Rejections that do not mean that a reading is missing: the instant has a value, or it was no reading."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a meter has no reading booked though it reports: the kind is a rejection's code or `clock_behind`."""

    kind: str
    words_zh: str
    words_en: str


@dataclass(frozen=True, slots=True)
class Silent:
    """A meter by its register that reported last; `allowed_us`: who sent nothing for that long reports nothing."""

    row: Row
    allowed_us: int

    @property
    def key(self) -> tuple[str, str]:
        """Enterprise and meter."""
        return self.row["enterprise"], self.row["meter"]

    @property
    def since(self) -> int:
        """When it was last heard of."""
        heard: int = self.row["recorded_at"] if self.row["newest_at"] is None else self.row["newest_at"]
        return heard


async def causes(con: Connection, now: int, silent: Sequence[Silent]) -> dict[tuple[str, str], Cause]:
    """Of meters that report, what keeps them from being booked, by enterprise and meter.

    Under (enterprise, '') stands what is rejected of messages that name no meter, such as a gateway's that nobody can
    read, since the last of the enterprise's meters fell silent.
    """
    if not silent:
        return {}
    meters = {each.key: (each.since, each.allowed_us) for each in silent}
    for each in silent:
        since, allowed_us = meters.get((each.key[0], ""), (each.since, each.allowed_us))
        meters[each.key[0], ""] = max(since, each.since), max(allowed_us, each.allowed_us)
    zones = {each.key[0]: each.row["zone"] for each in silent}
    found = {
        (row["enterprise"], row["meter"]): _rejected(row, zones[row["enterprise"]])
        for row in await _rejections(con, now, meters)
    }
    registers = {each.row["register_id"]: each for each in silent}
    least_s = min(each.allowed_us for each in silent) // SECOND_US
    for clock in await clocks_behind(con, now, least_s, list(registers)):
        zh, en = clock.words
        if clock.behind_s * SECOND_US >= registers[clock.register_id].allowed_us:
            cause = Cause("clock_behind", f"有上报，但时钟{zh}", f"reports, but its clock is {en}")
            found.setdefault((clock.enterprise, clock.meter), cause)
    return found


async def _rejections(con: Connection, now: int, meters: Mapping[tuple[str, str], tuple[int, int]]) -> list[Row]:
    enterprises, codes = zip(*meters, strict=True)
    since = [each for each, _ in meters.values()]
    lately = [now - allowed_us for _, allowed_us in meters.values()]
    return await con.fetch(SQL["rejected_lately"], enterprises, codes, since, lately, list(NO_SILENCE))


def _rejected(row: Row, zone: str) -> Cause:
    why, since = REJECTIONS[row["code"]], local(row["first_at"], zone)
    zh = f"有上报，但自 {since} 起 {row['seen_count']} 条消息被拒：{why.what_zh}（{row['code']}）"
    en = f"reports, but {row['seen_count']} messages rejected since {since}: {why.what_en} ({row['code']})"
    return Cause(row["code"], zh, en)


def summed_up(found: Mapping[str, Cause], count: int) -> dict[str, str]:
    """What a site's alert says of its causes, and what to do first: `why_…` and `todo_…` of its words.

    Args:
        found: By meter.
        count: How many meters of the site are silent.
    """
    meters = {meter: cause for meter, cause in found.items() if meter}
    named = meters or found
    if not named:
        return {"why_zh": "", "why_en": "", "todo_zh": "查网关、网络与供电", "todo_en": "Check gateway, network, power"}
    kinds = [cause.kind for cause in named.values()]
    kind = max(dict.fromkeys(kinds), key=kinds.count)
    first, cause = next((meter, cause) for meter, cause in named.items() if cause.kind == kind)
    which_zh, which_en = (f"{first} ", f"{first} ") if first else ("企业网关", "the enterprise's gateway ")
    others = len(meters) - 1
    more_zh, more_en = (f"，另有 {others} 块表有上报", f", {others} more report") if others > 0 else ("", "")
    silent = count - len(meters)
    rest_zh, rest_en = (f"，{silent} 块无任何消息", f", {silent} send nothing") if meters and silent else ("", "")
    is_clock = kind == "clock_behind"
    return {
        "why_zh": f"；{which_zh}{cause.words_zh}{more_zh}{rest_zh}",
        "why_en": f"; {which_en}{cause.words_en}{more_en}{rest_en}",
        "todo_zh": "校准时钟与时区" if is_clock else "按原因修复并重放 tanfeng rejected list",
        "todo_en": "Set clock and zone" if is_clock else "Mend the cause, see `tanfeng rejected list`",
    }
