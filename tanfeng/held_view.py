"""How a person reads what is held: the whole stretch, what is suspected, and what each explanation would book."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.table import Table

from services.alerts.suspects import suspect_of
from services.model import SECOND_US, iso
from services.units import decimal_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from services.ledger.held import HeldReading, HeldRegister, HeldRun

_MEANING: Final = {
    "false": ("误读，不计电量；表恢复后照常", "read wrongly: nothing is booked", "ignore --at FROM --until UNTIL"),
    "swap": ("换了表，首段未知", "another meter: the way is unknown", "replacement --at AT --final F --start S"),
    "restart": ("从零重新计数", "started again at zero", "reset --at AT"),
    "rise": ("全部为真实用量", "all of it was used", "correct max_rate in the registry"),
    "rollover": ("寄存器翻转", "passed its modulus", "replacement --at AT --final MODULUS --start 0"),
}


def list_table(found: Sequence[HeldRegister]) -> Table:
    """One row a register: the stretch from its true start."""
    table = Table(title="待判定 / held")
    for heading in (
        "寄存器 / register",
        "基准 / baseline",
        "首个存疑 / first held",
        "读数 / readings",
        "至 / until",
        "疑似 / suspect",
    ):
        table.add_column(heading)
    for held in found:
        stretch = (iso(held.first_at), str(held.readings), iso(held.until_at))
        table.add_row(held.name, _baseline(held), *stretch, held.suspect or "—")
    return table


def stretch(held: HeldRegister, multiplier: Fraction, zone: str) -> str:
    """The stretch, and what to declare if what is suspected of it is true."""
    since, until = _local(held.first_at, zone), _local(held.until_at, zone)
    lines = [f"{held.name}: 基准 / baseline {_baseline(held)}"]
    lines.append(f"自 since {since} 至 until {until}: {held.readings} 个读数 / readings")
    suspect = suspect_of(held.suspect, multiplier)
    if suspect is not None:
        lines.append(f"疑似 / suspect {held.suspect}: {suspect.zh} / {suspect.en}")
    if suspect is not None and suspect.declare:
        after = f"'{_local(held.until_at + SECOND_US, zone)}'"
        declare = suspect.declare.replace("AT", f"'{since}'").replace("UNTIL", after)
        lines.append(f"若属实 / if it is: tanfeng held decide {held.name} {declare} --as … --reason …")
    if suspect is not None and suspect.mend_zh:
        lines.append(f"{suspect.mend_zh} / {suspect.mend_en}")
    return "\n".join(lines)


def runs_view(held: HeldRegister, runs: Sequence[HeldRun]) -> Group:
    """The runs that the state remembers, each with what every explanation of it would book."""
    parts: list[str | Table] = []
    for number, run in enumerate(runs, 1):
        bound = "未知 / unknown" if run.bound is None else f"{decimal_text(run.bound)} {held.unit}"
        parts.append(
            f"第 {number} 组 / run {number}: {run.run.count} 个读数 / readings, "
            f"{decimal_text(run.run.first.value)} @ {iso(run.run.first.at)} … "
            f"{decimal_text(run.run.last.value)} @ {iso(run.run.last.at)}; 上限 / bound {bound}"
        )
        table = Table()
        for heading in ("解释 / explanation", f"会入账 / would book [{held.unit}]", "合理 / fits", "裁定 / decide"):
            table.add_column(heading)
        for each in run.explanations:
            zh, en, command = _MEANING[each.code.split()[0]]
            own = 0 if each.code == "false" else run.own_amount
            booked = f"{decimal_text(each.leg)} + {decimal_text(own)}"
            table.add_row(f"{each.code}: {zh} / {en}", booked, "是 / yes" if each.fits else "否 / no", command)
        parts.append(table)
    return Group(*parts)


def readings_table(readings: Sequence[HeldReading], held: HeldRegister) -> Table:
    """Held amounts or momentary values: each is accepted or ignored by itself."""
    table = Table(caption=f"前 {len(readings)} 个，共 {held.readings} / the first {len(readings)} of {held.readings}")
    for heading in ("时刻 / read_at", "表显 / sent", "疑似 / suspect", "属实 / if true"):
        table.add_column(heading)
    for each in readings:
        at = iso(each.at)
        table.add_row(at, f"{each.sent:f}", each.suspect or "—", f"accept --at {at}")
    return table


def _baseline(held: HeldRegister) -> str:
    return "—" if held.base is None else f"{decimal_text(held.base.value)} {held.unit} @ {iso(held.base.at)}"


def _local(at: int, zone: str) -> str:
    return datetime.fromtimestamp(at / SECOND_US, ZoneInfo(zone)).isoformat(" ", "seconds")
