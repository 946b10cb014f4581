"""数据质量: how complete, how well resolved, and what was odd."""

from __future__ import annotations

from typing import Final

from dashboards import words
from dashboards.board import dashboard, enterprises, lay
from dashboards.fields import (
    COLOURED_CELL,
    COLOURED_TEXT,
    COUNT,
    GREEN,
    GREY,
    ORANGE,
    SHARE,
    SINCE,
    YELLOW,
    Json,
    hidden,
    link,
    of,
    steps,
    texts,
    unknown,
)
from dashboards.panels import history, series, stat, table
from dashboards.shared import MINE, REASON, coverage_today, open_count, warnings_table
from dashboards.sources import BY_MONTH, DAY_AT, DAYS, MONTH, MONTH_AT, MONTHS, OPEN, TODAY

QUALITY_RULES: Final = (
    "rule IN ('MeterSilent', 'CompletenessLow', 'ReadingHeld', 'ReadingOverruled', 'RegisterBreak', 'ActInconsistent',"
    " 'DataConflict', 'BackdatedChange', 'FactorMissing')"
)
KINDS: Final = texts(reset=("清零", YELLOW), rollover=("翻转", GREY), **{"break": ("示数中断", ORANGE)})
COVERAGE: Final = f"""
SELECT {DAY_AT} AS time, enterprise_zh || ' ' || site_zh || ' (' || site || ')' AS metric,
       least(1, sum(covered_s) / nullif(sum(expected_s), 0)) AS covered
FROM report.energy_site_1d
WHERE NOT {BY_MONTH} AND {MINE} AND {DAYS} AND day < {TODAY}
GROUP BY 1, 2
UNION ALL
SELECT {MONTH_AT}, enterprise_zh || ' ' || site_zh || ' (' || site || ')',
       least(1, sum(covered_s) / nullif(sum(expected_s), 0))
FROM report.energy_site_1mo
WHERE {BY_MONTH} AND {MINE} AND {MONTHS} AND month < {MONTH}
GROUP BY 1, 2
ORDER BY 1, 2
"""
RESOLUTION: Final = f"""
SELECT {DAY_AT} AS time, sum(covered_s) / nullif(sum(expected_s), 0) AS "有账",
       sum(covered_s - estimated_s) / nullif(sum(expected_s), 0) AS "实测"
FROM report.energy_enterprise_1d
WHERE NOT {BY_MONTH} AND {MINE} AND {DAYS} AND day < {TODAY}
GROUP BY 1
UNION ALL
SELECT {MONTH_AT}, sum(covered_s) / nullif(sum(expected_s), 0),
       sum(covered_s - estimated_s) / nullif(sum(expected_s), 0)
FROM report.energy_enterprise_1mo
WHERE {BY_MONTH} AND {MINE} AND {MONTHS} AND month < {MONTH}
GROUP BY 1
ORDER BY 1
"""
WORST: Final = f"""
SELECT max(enterprise_zh) AS "企业", max(site_zh) AS "场所", max(meter_zh) AS "表计", register AS "示数",
       max(level)::text AS "级",
       coalesce(sum(covered_s), 0) / 604800.0 AS "有账占比",
       coalesce(sum(covered_s - estimated_s), 0) / 604800.0 AS "实测占比",
       sum(estimated_amount) / nullif(sum(amount), 0) AS "估算电量占比", to_char(max(day), 'MM-DD') AS "最后有账日",
       enterprise AS enterprise_code
FROM (
    SELECT enterprise, meter, register, enterprise_zh, site_zh, meter_zh, level, NULL::int AS covered_s,
           NULL::int AS estimated_s, NULL::numeric AS amount, NULL::numeric AS estimated_amount, NULL::date AS day
    FROM report.registers WHERE {MINE} AND valid_until > {TODAY}
    UNION ALL
    SELECT enterprise, meter, register, NULL, NULL, NULL, NULL, covered_s, estimated_s, amount, estimated_amount, day
    FROM report.energy_1d WHERE {MINE} AND day BETWEEN {TODAY} - 7 AND {TODAY} - 1
) AS r
GROUP BY enterprise, meter, register
HAVING count(enterprise_zh) > 0
ORDER BY 6, 7, 1, 2, 3
LIMIT 200
"""
EVENTS: Final = f"""
SELECT read_at AS "时刻", enterprise_zh AS "企业", site AS "场所", meter AS "表计", register AS "示数", kind AS "类别",
       shift AS "跳变", unit AS "单位", acknowledged_by AS "确认人", recorded_at AS "记录于"
FROM report.data_events
WHERE {MINE} AND $__timeFilter(recorded_at)
ORDER BY recorded_at DESC
LIMIT 200
"""
REJECTED: Final = f"""
SELECT code AS "原因", code AS "Reason", code AS "代码", coalesce(enterprise, '（无此企业）') AS "企业",
       sum(seen_count) AS "次数", max(last_at) AS "最近",
       count(*) FILTER (WHERE replayed_at IS NOT NULL) AS "已重放", max(detail) AS "说明"
FROM report.rejections
WHERE ({MINE} OR enterprise IS NULL OR enterprise NOT IN (SELECT n.enterprise FROM report.enterprises n))
  AND $__timeFilter(last_at)
GROUP BY code, enterprise
ORDER BY 5 DESC, 1
LIMIT 100
"""
ESTIMATED: Final = f"""
SELECT sum(estimated_amount) / nullif(sum(import_amount), 0) AS "估算占比"
FROM report.energy_enterprise_1d
WHERE {MINE} AND carrier = 'electricity' AND day BETWEEN {TODAY} - 7 AND {TODAY} - 1
HAVING count(*) > 0
"""


def build() -> Json:
    """The board of data quality."""
    return dashboard(
        "energy-quality",
        "05 数据质量 Data quality",
        "完整率、分辨率、估算占比、待定与中断、拒收的报文。Completeness, resolution, estimates, events and rejections.",
        lay(
            _figures(),
            [(_history(), 24, 9)],
            [(_resolution(), 24, 7)],
            [(_rejected(), 24, 8)],
            [(_worst(), 24, 10)],
            [(warnings_table(MINE, title="数据类预警 Data warnings", condition=f"{QUALITY_RULES} AND {OPEN}"), 24, 8)],
            [(_events(), 24, 8)],
        ),
        variables=[enterprises()],
        time=("now-30d", "now"),
        refresh="1m",
    )


def _figures() -> list[tuple[Json, int, int]]:
    alerts = {"unit": COUNT, "thresholds": words.ALERTS}
    low = "rule = 'CompletenessLow'"
    return [
        (stat("今日覆盖率", "1 级表有账的时间 ÷ 应有时间，含完全断报的表。Silent meters included.",
              coverage_today(), unit=SHARE, decimals=1, thresholds=words.COMPLETE, mappings=[unknown()]), 4, 4),
        (stat("近 7 日估算电量占比", "比表计间隙长的区段，其电量按时间摊分。Energy spread over long gaps.",
              ESTIMATED, unit=SHARE, decimals=2, mappings=[unknown()],
              thresholds=steps(GREEN, (0.02, YELLOW), (0.05, ORANGE))), 4, 4),
        (stat("静默场所", "有断报表计的场所。Sites with silent meters.",
              open_count("静默场所", "rule = 'MeterSilent'"), **alerts), 4, 4),
        (stat("完整率不足", "日完整率低于 90 % 的未决预警。Below the national gate.",
              open_count("完整率", low), **alerts), 4, 4),
        (stat("待裁定读数", "须由人申报换表、清零或更正。A person must declare what happened.",
              open_count("待裁定", "rule = 'ReadingHeld'"), **alerts), 4, 4),
        (stat("示数中断", "旧示数与新示数之间的用量未知。The use between old and new counter is not known.",
              open_count("示数中断", "rule = 'RegisterBreak'"), **alerts), 4, 4),
    ]  # fmt: skip


def _history() -> Json:
    return history(
        "每日有账占比 Days booked",
        "每格一天（长于 93 天的范围一月），按场所；没有格子即什么也没记上。"
        "One cell per day, or month beyond 93 days, and site; no cell, nothing booked.",
        COVERAGE,
        unit=SHARE,
        decimals=0,
        min=0,
        max=1,
        thresholds=words.COMPLETE,
    )


def _resolution() -> Json:
    return series(
        "有账与实测 Covered and resolved",
        "有账：区段覆盖的时间；实测：不长于间隙的区段。两线之差是摊分出来的。"
        "Covered by segments, and by segments no longer than the gap; the difference is spread.",
        RESOLUTION,
        unit=SHARE,
        decimals=1,
        max=1,
    )


def _rejected() -> Json:
    return table(
        "拒收 Rejected",
        "所选范围内，按原因与企业；处理办法按代码见拒收说明。"
        "By reason and enterprise within the range; the list of reasons tells by code what to do.",
        REJECTED,
        [
            *REASON,
            of("企业", width=120),
            of("次数", unit=COUNT, width=70),
            of("最近", unit=SINCE, width=110),
            of("已重放", width=80),
        ],
    )


def _worst() -> Json:
    share = {"unit": SHARE, "decimals": 1, "width": 100, "thresholds": words.COMPLETE, "cell": COLOURED_TEXT}
    return table(
        "近 7 日各示数 Registers in 7 days",
        "有账占比最低的在前；完全无账的也在内。The least covered first, those without any data too.",
        WORST,
        [
            hidden("enterprise_code"),
            of("企业", width=160, links=[link("企业明细", "energy-enterprise",
                                             "var-enterprise=${__data.fields.enterprise_code}")]),
            of("级", width=50),
            of("有账占比", **share),
            of("实测占比", **share),
            of("估算电量占比", unit=SHARE, decimals=2, mappings=[unknown()], width=120),
        ],
    )  # fmt: skip


def _events() -> Json:
    return table(
        "数据事件 Events",
        "中断、翻转、清零及其确认。Breaks, rollovers and resets.",
        EVENTS,
        [of("类别", mappings=[KINDS], cell=COLOURED_CELL, width=90), of("时刻", width=170), of("记录于", width=170)],
    )
