"""Codes of the service in words, with the colour each is shown in. Red stands only beside an open warning."""

from __future__ import annotations

from typing import Final

from dashboards.fields import BLUE, GREEN, GREY, ORANGE, RED, TEXT, YELLOW, Json, numbers, steps, texts, unknown
from services.wire import REJECTIONS


def named(column: str, words: Json) -> str:
    """SQL that says a code in words, for the legend of a graph, which no mapping reaches."""
    cases = " ".join(f"WHEN '{code}' THEN '{word['text']}'" for code, word in words["options"].items())
    return f"CASE {column} {cases} ELSE {column} END"


PUE_STATE: Final = texts(
    ok=("正常", GREEN),
    high=("高于限值", ORANGE),
    implausible=("不合理（IT 不小于总量）", ORANGE),
    unknown=("未知", GREY),
)
PUE_STATE_NUMBER: Final = numbers(
    (0, "正常", GREEN), (1, "高于限值", ORANGE), (2, "不合理", YELLOW), (3, "未知", GREY), (4, "高于限值且有预警", RED)
)
"""A query gives 4 only where a warning is open."""
PUE_WHY: Final = texts(
    owner_changed=("窗口内产权变更", GREY),
    no_boundary=("窗口内边界未定义", GREY),
    it_missing=("IT 电量缺失", GREY),
    total_missing=("总电量缺失", GREY),
    it_uncertain=("IT 电量不确定度超 5 %", GREY),
    total_uncertain=("总电量不确定度超 5 %", GREY),
    it_coarse=("IT 电量分辨率不足 95 %", GREY),
    total_coarse=("总电量分辨率不足 95 %", GREY),
    it_load_low=("IT 负荷过低", GREY),
    it_not_below_total=("IT 不小于总量", GREY),
    reported_missing=("自报值缺失", GREY),
    below_one=("自报值小于 1", GREY),
)
BUDGET_STATE: Final = texts(
    exceeded=("已超预算", ORANGE),
    forecast_over=("预计超预算", ORANGE),
    ahead=("超进度", YELLOW),
    within=("正常", GREEN),
    unknown=("未知（数据不足）", GREY),
)
BUDGET_WHY: Final = texts(
    factor_missing=("缺因子", GREY),
    data_missing=("缺数据", GREY),
    production_missing=("缺产量", GREY),
    just_begun=("刚开始", GREY),
    no_data=("无数据", GREY),
)
SEVERITY: Final = texts(critical=("严重", RED), warning=("预警", ORANGE), notice=("提示", BLUE))
PAST_SEVERITY: Final = texts(critical=("严重", TEXT), warning=("预警", TEXT), notice=("提示", TEXT))
ALERT_STATE: Final = texts(firing=("未处理", ORANGE), acknowledged=("已确认", BLUE), resolved=("已解除", GREEN))
FACTOR: Final = texts(known=("已知", TEXT), factor_missing=("缺因子", GREY), provisional=("暂用上年因子", YELLOW))
SITE_STATE: Final = texts(
    known=("已知", TEXT),
    coverage_low=("覆盖率不足", ORANGE),
    figure_missing=("缺手工填报", ORANGE),
    just_begun=("刚开始", GREY),
    no_data=("无数据", GREY),
    not_expected=("不要求", GREY),
)
RULE: Final = texts(
    PueHigh=("PUE 偏高", TEXT),
    PueReportedHigh=("自报 PUE 偏高", TEXT),
    PueDisagrees=("自报与实测 PUE 不符", TEXT),
    PueImplausible=("PUE 不合理", TEXT),
    BudgetExceeded=("超预算", TEXT),
    BudgetPaceHigh=("超进度", TEXT),
    BudgetForecastHigh=("预计超预算", TEXT),
    IntensityHigh=("单耗超限额", TEXT),
    MeterSilent=("表计静默", TEXT),
    MessagesRejected=("消息大多被拒", TEXT),
    ClockBehind=("时钟落后", TEXT),
    CompletenessLow=("完整率不足", TEXT),
    ReadingHeld=("读数待定", TEXT),
    MeterStuck=("读数卡滞", TEXT),
    ReadingOverruled=("读数被否决", TEXT),
    RegisterBreak=("示数中断", TEXT),
    ActInconsistent=("申报不一致", TEXT),
    DataConflict=("数据冲突", TEXT),
    BackdatedChange=("追溯更改", TEXT),
    FactorMissing=("缺因子", TEXT),
    DemandHigh=("需量超限", TEXT),
    IngestLagHigh=("入库延迟", TEXT),
    ClockDiffers=("时钟不可信", TEXT),
    MaintenanceFailed=("维护失败", TEXT),
    BrokerDrops=("代理丢弃消息", TEXT),
    SessionTakeover=("标识被接管", TEXT),
    LoginRefused=("登录被拒", TEXT),
)
REJECTION_ZH: Final = texts(**{code: (each.what_zh, TEXT) for code, each in REJECTIONS.items()})
REJECTION_EN: Final = texts(**{code: (each.what_en, TEXT) for code, each in REJECTIONS.items()})
SHARE_WORDS: Final = [unknown()]

ALERTS: Final = steps(GREEN, (1, RED))
"""For counts of open warnings only."""
COMPLETE: Final = steps(ORANGE, (0.9, YELLOW), (0.98, GREEN))
"""The national gate of a day is 90 %."""
USED: Final = steps(GREEN, (0.8, YELLOW), (1.0000001, ORANGE))
"""A step is met at its value, but only more than the whole allowance is over it."""
OPEN_ALERT: Final = texts(预警中=("预警中", RED), 无=("无", "transparent"))
