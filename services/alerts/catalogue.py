"""Every rule there is, with what it says. Each has a page in docs/runbooks and a row in default.yaml.

A summary is one line that names the subject and says what to do; `{…}` are keys of the alert's evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.alerting.model import Severity
from services.alerts.rule import Mode, Parameter, Rule
from services.declared import scalars
from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOWS: Final = ("1h", "24h", "30d")


def _window(text: str) -> str:
    if text not in WINDOWS:
        raise TanfengError(f"{text!r} is no window of PUE", f"use one of {', '.join(WINDOWS)}")
    return text


def _parameters(**defaults: tuple[Callable[[str], object], str]) -> dict[str, Parameter]:
    return {name.rstrip("_"): Parameter(read, default) for name, (read, default) in defaults.items()}


def _above(raise_at: str, clear_at: str, lasting: str) -> dict[str, Parameter]:
    decimal = scalars.decimal
    return _parameters(above=(decimal, raise_at), clear=(decimal, clear_at), for_=(scalars.duration, lasting))


_PUE = {"window": Parameter(_window, "24h")}

_ALL: Final = (
    Rule(
        "PueHigh",
        Mode.WINDOWS,
        Severity.WARNING,
        "PUE 偏高",
        "PUE high",
        "{place_zh}：{window} PUE {value}，限值 {limit}。先查制冷与 UPS 负载率，再核对计量边界",
        "{place_en}: PUE {value} over {window}, limit {limit}. Check cooling and UPS load, then the metering boundary",
        _PUE | _above("1.5", "1.45", "1h"),
    ),
    Rule(
        "PueReportedHigh",
        Mode.WINDOWS,
        Severity.WARNING,
        "运营方自报 PUE 偏高",
        "Reported PUE high",
        "{place_zh}：运营方自报 PUE {value}（{window}），限值 {limit}；{meters_zh}。请运营方说明，接入或修复电量表核实",
        "{place_en}: its operator reports a PUE of {value} ({window}), limit {limit}; {meters_en}. Ask why; meter it",
        _PUE | _above("1.5", "1.45", "1h"),
    ),
    Rule(
        "PueDisagrees",
        Mode.WINDOWS,
        Severity.NOTICE,
        "自报与实测 PUE 不符",
        "Reported and measured PUE disagree",
        "{place_zh}：自报 {reported} 与实测 {measured} 相差 {value}。核对双方的边界与计量点",
        "{place_en}: {reported} reported, {measured} measured, {value} apart. Compare boundaries and metering points",
        _PUE | _above("0.05", "0.04", "1h"),
    ),
    Rule(
        "PueImplausible",
        Mode.WINDOWS,
        Severity.WARNING,
        "PUE 不可信",
        "PUE implausible",
        "{place_zh}：IT 电量 {it_kwh} kWh 不小于总电量 {total_kwh} kWh。核对总表与 IT 表的接线、倍率和边界",
        "{place_en}: IT energy {it_kwh} kWh is not below the total {total_kwh} kWh. Check wiring, multipliers, bounds",
        {"window": Parameter(_window, "1h")} | _parameters(for_=(scalars.duration, "0s")),
    ),
    Rule(
        "BudgetExceeded",
        Mode.OCCURRENCES,
        Severity.WARNING,
        "用能预算达到限额",
        "Budget level reached",
        "{name_zh}：累计 {value} {unit}，已达预算的 {level} %（{limit} {unit}）。安排余下期间的用能，或申请调整预算",
        "{name_en}: {value} {unit}, above {level} % of the budget ({limit} {unit}). Plan the rest, or ask for more",
        every_s=2.0,
    ),
    Rule(
        "BudgetPaceHigh",
        Mode.STATES,
        Severity.WARNING,
        "用能进度超前",
        "Ahead of the budget's plan",
        "{name_zh}：实际为计划进度的 {percent} %。今后每天须不超过 {needed}，查看主要用能设备",
        "{name_en}: {percent} % of the planned curve. Stay within {needed} a day from now on; look at the main users",
        _above("1.10", "1.05", "1h"),
        every_s=30.0,
    ),
    Rule(
        "BudgetForecastHigh",
        Mode.STATES,
        Severity.WARNING,
        "预测将超预算",
        "Forecast above the budget",
        "{name_zh}：预计期末为预算的 {percent} %。今后每天须不超过 {needed}，才能不超",
        "{name_en}: forecast to end at {percent} % of the budget. To end within it: {needed} a day from now on",
        _above("1.00", "0.98", "1h"),
        every_s=30.0,
    ),
    Rule(
        "IntensityHigh",
        Mode.STATES,
        Severity.WARNING,
        "单位产品能耗超限",
        "Energy per unit of product high",
        "{name_zh}：{product} 单耗 {value} {unit}，限值 {limit}（{month} 起）。核对产量申报，再查工序能耗",
        "{name_en}: {value} {unit} for {product}, limit {limit} (from {month}). Check the output, then the process",
        every_s=30.0,
    ),
    Rule(
        "MeterSilent",
        Mode.STATES,
        Severity.WARNING,
        "表计失联",
        "Meters silent",
        "{place_zh}：{count} 块表无数据，最早自 {since_local}{why_zh}。{todo_zh}，须在 {repair_by} 前修复",
        "{place_en}: {count} meters silent since {since_local}{why_en}. {todo_en}; due {repair_by}",
        _parameters(intervals=(scalars.positive, "4"), at_least=(scalars.span, "5m")),
        every_s=3.0,
    ),
    Rule(
        "MessagesRejected",
        Mode.STATES,
        Severity.WARNING,
        "消息大多被拒",
        "Messages mostly rejected",
        "{name_zh}：自 {since_local} 起 {rejected} 条消息被拒，占 {percent} %{which_zh}：{what_zh}（{code}）。"
        "执行 tanfeng rejected list --enterprise {subject}，按原因修复后重放",
        "{name_en}: {rejected} messages rejected since {since_local}, {percent} %{which_en}: {what_en} ({code}). "
        "Run `tanfeng rejected list --enterprise {subject}`; mend, then replay",
        _parameters(window=(scalars.span, "1h"), above=(scalars.positive, "0.6"), least=(scalars.positive, "3")),
        every_s=30.0,
    ),
    Rule(
        "ClockBehind",
        Mode.STATES,
        Severity.NOTICE,
        "表计时钟落后",
        "Meter clocks behind",
        "{place_zh}：{count} 块表的读数总是迟到，{worst} 时钟{behind_zh}。校准时钟与时区，或声明 naive_zone",
        "{place_en}: {count} meters stamp readings late, the clock of {worst} is {behind_en}: energy is booked in the "
        "wrong hours. Set clock and zone, or declare naive_zone",
        _parameters(above=(scalars.span, "10m")),
        every_s=60.0,
    ),
    Rule(
        "CompletenessLow",
        Mode.STATES,
        Severity.NOTICE,
        "数据完整率不足",
        "Completeness low",
        "{place_zh}：{day} 有 {count} 路数据完整率低于 {limit_percent} %，最低 {percent} %。补传缺失数据或说明原因",
        "{place_en}: {count} registers below {limit_percent} % on {day}, the lowest {percent} %. Resend the rest",
        _parameters(below=(scalars.decimal, "0.90"), clear=(scalars.decimal, "0.95")),
        every_s=60.0,
    ),
    Rule(
        "ReadingHeld",
        Mode.STATES,
        Severity.NOTICE,
        "读数存疑待裁定",
        "Reading held",
        "{register}：自 {since_local} 起 {readings} 个读数存疑，未入账{suspect_zh}。"
        "执行 tanfeng held show {register} 并裁定",
        "{register}: {readings} readings held since {since_local}, nothing is booked{suspect_en}. Run "
        "`tanfeng held show {register}`, then decide",
        _parameters(
            for_=(scalars.duration, "1m"),
            warning_after=(scalars.span, "6h"),
            critical_after=(scalars.span, "3d"),
            warning_tce=(scalars.positive, "1"),
            critical_tce=(scalars.positive, "10"),
        ),
        every_s=1.0,
    ),
    Rule(
        "MeterStuck",
        Mode.STATES,
        Severity.WARNING,
        "表计读数卡滞",
        "Meter stuck",
        "{register}：{what_zh}。查网关与电表的通信；确为停机的，在登记表中加长 flat",
        "{register}: {what_en}. Look at the link between gateway and meter; of a true standstill allow a longer `flat`",
        every_s=10.0,
    ),
    Rule(
        "ReadingOverruled",
        Mode.STATES,
        Severity.NOTICE,
        "已入账读数被推翻",
        "Reading overruled",
        "{register}：{count} 个读数被后续读数推翻，账已更正。核对表计通信后确认",
        "{register}: {count} readings overruled by later ones, the books corrected. Check the meter, acknowledge",
        noted=True,
    ),
    Rule(
        "RegisterBreak",
        Mode.STATES,
        Severity.WARNING,
        "表码断裂",
        "Register broke",
        "{register}：{count} 处表码断裂，其间电量未知{suspect_zh}。查是否换表或清零，用 tanfeng held decide 申明",
        "{register}: {count} breaks, the energy between is unknown{suspect_en}. Was it replaced or reset? "
        "`tanfeng held decide`",
        noted=True,
    ),
    Rule(
        "ActInconsistent",
        Mode.STATES,
        Severity.WARNING,
        "申明与读数矛盾",
        "Act inconsistent",
        "{register}：申明的终止表码与读数矛盾（{count} 处），该段未入账。核对后撤销并重新申明",
        "{register}: a declared final value contradicts the readings ({count}). Withdraw it and declare it anew",
        noted=True,
    ),
    Rule(
        "DataConflict",
        Mode.STATES,
        Severity.NOTICE,
        "同一时刻两个读数",
        "Two values for one instant",
        "{place_zh}：{count} 次收到与已存读数不同的值，以先存者为准。查重复上报的网关",
        "{place_en}: {count} readings differ from the stored ones, which stand. Find what publishes twice",
        noted=True,
        every_s=5.0,
    ),
    Rule(
        "BackdatedChange",
        Mode.STATES,
        Severity.NOTICE,
        "旧账被迟到数据改动",
        "Closed days changed",
        "{register}：{count} 个已结日的电量被改，共 {value} {unit}。核对后确认，已上报的须更正",
        "{register}: {count} closed days changed by {value} {unit} in all. Check; correct what was reported",
        _parameters(older=(scalars.span, "3d"), stood=(scalars.duration, "1d")),
        noted=True,
        every_s=5.0,
    ),
    Rule(
        "FactorMissing",
        Mode.STATES,
        Severity.WARNING,
        "缺少排放因子",
        "Emission factor missing",
        "{name_zh}：{carrier_zh} {years} 年无可用排放因子，CO₂ 未知。用 tanfeng factors add 录入并注明来源",
        "{name_en}: no factor for {carrier_en} in {years}, its CO₂ is unknown. Add it with its source: tanfeng factors",
        every_s=60.0,
    ),
    Rule(
        "DemandHigh",
        Mode.WINDOWS,
        Severity.WARNING,
        "需量超限",
        "Demand high",
        "{place_zh}：15 分钟平均 {value} kW，限值 {limit} kW。错开大设备启停或转移负荷",
        "{place_en}: {value} kW over 15 minutes, limit {limit} kW. Stagger large loads or move them",
        {"limits": Parameter(scalars.positive, "", is_map=True)}
        | _parameters(clear_ratio=(scalars.positive, "0.95"), for_=(scalars.duration, "0s")),
    ),
    Rule(
        "IngestLagHigh",
        Mode.STATES,
        Severity.CRITICAL,
        "采集滞后",
        "Ingest lags",
        "采集滞后 {value} 秒（限值 {limit}）：{why_zh}。查看采集进程、消息代理与数据库",
        "Ingest lags by {value} s, limit {limit}: {why_en}. Look at ingest, the broker and the database",
        _above("120", "60", "1m"),
    ),
    Rule(
        "ClockDiffers",
        Mode.STATES,
        Severity.CRITICAL,
        "时钟不可信",
        "A clock is not believed",
        "{program_zh}：{why_zh}，相差 {ahead_s} 秒；{held_zh}。核对各机器的时钟同步（chronyc tracking）",
        "{program_en}: {why_en}, by {ahead_s} s; {held_en}. Check the clocks of all machines (chronyc tracking)",
        _parameters(lasts=(scalars.duration, "10m")),
    ),
    Rule(
        "MaintenanceFailed",
        Mode.STATES,
        Severity.WARNING,
        "数据库维护失败",
        "Maintenance fails",
        "{task_zh}失败或久未执行。执行 tanfeng maintain --once 查看原因，并检查磁盘与维护进程",
        "{task_en} fails or is not run any more. Run `tanfeng maintain --once`; check the disk and the process",
        _parameters(overdue=(scalars.duration, "2d")),
        every_s=60.0,
    ),
    Rule(
        "BrokerDrops",
        Mode.STATES,
        Severity.WARNING,
        "消息代理丢弃消息",
        "Broker drops messages",
        "近 {window} 内 {count} 条消息未到达采集：{what_zh}。查网关主题与队列上限",
        "{count} within {window} never reached ingest: {what_en}. Check gateways' topics and the queue's limit",
        _parameters(window=(scalars.duration, "1h"), above=(scalars.decimal, "0")),
        every_s=10.0,
    ),
    Rule(
        "SessionTakeover",
        Mode.STATES,
        Severity.CRITICAL,
        "客户端标识被接管",
        "Client id taken over",
        "{who}：客户端标识{what_zh}，近 {window} 内 {count} 次。换发口令与标识：tanfeng access broker --renew",
        "{who}: a client id {what_en}, {count} times within {window}. Renew it: `tanfeng access broker --renew`",
        _parameters(window=(scalars.duration, "1h"), above=(scalars.decimal, "20")),
        every_s=10.0,
    ),
    Rule(
        "LoginRefused",
        Mode.STATES,
        Severity.WARNING,
        "消息代理多次拒绝登录",
        "Broker refuses logins",
        "近 {window} 内 {count} 次登录被拒：口令错误或有人试探。查代理日志中的地址，封禁或更正",
        "{count} logins refused within {window}: a wrong password, or somebody guesses. The broker's log says where",
        _parameters(window=(scalars.duration, "10m"), above=(scalars.decimal, "30")),
        every_s=10.0,
    ),
)

RULES: Final = {rule.name: rule for rule in _ALL}
"""By name."""
