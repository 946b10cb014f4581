"""数据中心 PUE: now, over windows, with how well it is known."""

from __future__ import annotations

from typing import Final

from dashboards import words
from dashboards.board import dashboard, lay, query_variable, warnings
from dashboards.fields import (
    COLOURED_TEXT,
    COUNT,
    GREEN,
    GREY,
    KW,
    KWH,
    ORANGE,
    SHARE,
    YELLOW,
    Json,
    hidden,
    link,
    of,
    steps,
    unknown,
)
from dashboards.panels import series, stat, states, table
from dashboards.shared import warnings_table
from dashboards.sources import DAY, HOUR, MONTH, OPEN, RANGE, ZONE

SITES: Final = "SELECT site_zh AS __text, site AS __value FROM report.pue_sites ORDER BY 1"
SITE: Final = "site_zh || ' (' || site || ')'"
"""Codes are unique, names need not be."""
MINE: Final = "site IN ($site)"
SHORT: Final = f"{RANGE} <= {2 * DAY + HOUR}"
MIDDLE: Final = f"({RANGE} > {2 * DAY + HOUR} AND {RANGE} <= {93 * DAY})"
LONG: Final = f"{RANGE} > {93 * DAY}"


def _starting(days: int) -> str:
    """Windows whose start lies on the days of the range, or up to `days` before: a filter on day is the fastest."""
    return (
        f"day BETWEEN ($__timeFrom()::timestamptz AT TIME ZONE '{ZONE}')::date - {days}"
        f" AND ($__timeTo()::timestamptz AT TIME ZONE '{ZONE}')::date AND $__timeFilter(ends_at)"
    )


NOW: Final = f"""
SELECT p.site_zh AS "数据中心",
       CASE p.span WHEN '1h' THEN '1 小时' WHEN '24h' THEN '24 小时' WHEN '1d' THEN '自然日'
                   WHEN '30d' THEN '30 天' WHEN '1mo' THEN '自然月' WHEN '12mo' THEN '12 个月' END AS "窗口",
       p.pue_ratio AS "PUE", p.label AS "名称", p.state AS "状态",
       coalesce(p.why, '—') AS "缺什么",
       p.total_kwh AS "总电量", p.it_kwh AS "IT 电量", p.limit_ratio AS "限值",
       p.total_resolution_ratio AS "总分辨率", p.it_resolution_ratio AS "IT 分辨率",
       p.total_uncertainty_ratio AS "总不确定度", p.it_uncertainty_ratio AS "IT 不确定度",
       p.category::text AS "类别", p.ends_at AS "窗口止", p.enterprise AS enterprise_code
FROM report.pue_current p
WHERE p.{MINE}
ORDER BY p.site_zh, array_position(ARRAY['1h', '24h', '1d', '30d', '1mo', '12mo'], p.span)
"""
WITH_LIMIT: Final = f"""CROSS JOIN LATERAL (
    VALUES ({SITE}, pue_ratio), ({SITE} || ' 限值', limit_ratio)
) AS l (metric, pue)"""
CURVE: Final = f"""
SELECT ends_at AS time, l.metric, l.pue FROM report.pue_1h {WITH_LIMIT}
WHERE {SHORT} AND on_the_hour AND {MINE} AND {_starting(1)}
UNION ALL
SELECT ends_at, l.metric, l.pue FROM report.pue_1d {WITH_LIMIT} WHERE {MIDDLE} AND {MINE} AND {_starting(1)}
UNION ALL
SELECT ends_at, l.metric, l.pue FROM report.pue_1mo {WITH_LIMIT} WHERE {LONG} AND {MINE} AND {_starting(31)}
ORDER BY 1, 2
"""
NUMBER: Final = """CASE WHEN state = 'high' AND EXISTS (
        SELECT FROM warned a WHERE a.site = p.site AND p.ends_at >= a.occurred_at AND p.ends_at <= a.ended_at) THEN 4
    WHEN state = 'high' THEN 1 WHEN state = 'ok' THEN 0 WHEN state = 'implausible' THEN 2 ELSE 3 END"""
LEVEL: Final = f"""
WITH warned AS MATERIALIZED (
    SELECT site, occurred_at, coalesce(ended_at, now()) AS ended_at FROM report.alerts
    WHERE rule = 'PueHigh' AND {MINE}
)
SELECT ends_at AS time, {SITE} AS metric, {NUMBER} AS state FROM report.pue_1h p
WHERE {SHORT} AND on_the_hour AND {MINE} AND {_starting(1)}
UNION ALL
SELECT ends_at, {SITE}, {NUMBER} FROM report.pue_1d p WHERE {MIDDLE} AND {MINE} AND {_starting(1)}
UNION ALL
SELECT ends_at, {SITE}, {NUMBER} FROM report.pue_1mo p WHERE {LONG} AND {MINE} AND {_starting(31)}
ORDER BY 1, 2
"""
HOURS: Final = "(extract(epoch FROM ends_at - starts_at) / 3600)"
LOAD: Final = f"""
SELECT ends_at AS time, sum(it_kwh) AS "IT",
       CASE WHEN bool_and(total_kwh IS NOT NULL AND it_kwh IS NOT NULL) THEN sum(total_kwh - it_kwh) END AS "制冷与其他"
FROM report.pue_1h WHERE {SHORT} AND on_the_hour AND {MINE} AND {_starting(1)}
GROUP BY ends_at
UNION ALL
SELECT ends_at, sum(it_kwh) / {HOURS},
       CASE WHEN bool_and(total_kwh IS NOT NULL AND it_kwh IS NOT NULL) THEN sum(total_kwh - it_kwh) / {HOURS} END
FROM report.pue_1d WHERE {MIDDLE} AND {MINE} AND {_starting(1)}
GROUP BY starts_at, ends_at
UNION ALL
SELECT ends_at, sum(it_kwh) / {HOURS},
       CASE WHEN bool_and(total_kwh IS NOT NULL AND it_kwh IS NOT NULL) THEN sum(total_kwh - it_kwh) / {HOURS} END
FROM report.pue_1mo WHERE {LONG} AND {MINE} AND {_starting(31)}
GROUP BY starts_at, ends_at
ORDER BY 1
"""
YEAR_AGO: Final = f"({MONTH} - interval '11 months')::date"
MONTHS: Final = f"""
WITH reported AS MATERIALIZED (
    SELECT site, day, pue_ratio FROM report.pue_reported_1mo WHERE {MINE} AND day >= {YEAR_AGO}
), carbon AS MATERIALIZED (
    SELECT site, month, CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) END AS kgco2
    FROM report.emissions_1mo WHERE {MINE} AND month >= {YEAR_AGO} GROUP BY site, month
)
SELECT to_char(p.day, 'YYYY-MM') AS "月份", p.site_zh AS "数据中心", p.pue_ratio AS "iPUE", p.state AS "状态",
       coalesce(p.why, '—') AS "缺什么", p.total_kwh AS "总电量", p.it_kwh AS "IT 电量",
       o.kgco2 / nullif(p.it_kwh, 0) * 1000 AS "CUE",
       r.pue_ratio AS "自报"
FROM report.pue_1mo p
LEFT JOIN reported r ON r.site = p.site AND r.day = p.day
LEFT JOIN carbon o ON o.site = p.site AND o.month = p.day
WHERE p.{MINE} AND p.day >= {YEAR_AGO}
ORDER BY p.day DESC, 2
"""
HIGH_DAYS: Final = f"""
SELECT count(*) FILTER (WHERE state = 'high') AS "高于限值",
       count(*) FILTER (WHERE state = 'unknown') AS "未知"
FROM report.pue_1d
WHERE {MINE} AND day >= {MONTH}
HAVING count(*) > 0
"""
OPEN_PUE: Final = f"""
SELECT count(*) AS "PUE 预警" FROM report.alerts
WHERE rule IN ('PueHigh', 'PueReportedHigh', 'PueImplausible', 'PueDisagrees') AND {OPEN} AND {MINE}
"""


def build() -> Json:
    """The board of data centres."""
    return dashboard(
        "energy-pue",
        "03 数据中心 PUE Data centres",
        "PUE = 总电量 ÷ IT 电量，对齐窗口内先求和再相除。满 12 个月才叫 PUE，其余为 iPUE。"
        "Energy over energy in aligned windows; PUE only over 12 months, else iPUE.",
        lay(
            [(_open(), 8, 4), (_high(), 16, 4)],
            [(_now(), 24, 9)],
            [(_curve(), 24, 9)],
            [(_level(), 12, 7), (_load(), 12, 7)],
            [(_months(), 24, 8)],
            [(warnings_table(MINE, title="PUE 预警 Warnings", condition=f"rule LIKE 'Pue%' AND {OPEN}"), 24, 7)],
        ),
        variables=[query_variable("site", "数据中心 Data centre", SITES)],
        annotations=[warnings(f"rule LIKE 'Pue%' AND {MINE}")],
        time=("now-48h", "now"),
    )


def _now() -> Json:
    return table(
        "当前 Now",
        "每个窗口一行；状态未知时“缺什么”写明原因。分辨率是实测时间占比，不确定度是跨窗口边缘的估算占比。"
        "One row per window; resolution is measured time, uncertainty the estimated share across the edges.",
        NOW,
        [
            hidden("enterprise_code"),
            of("数据中心", width=140,
               links=[link("企业明细", "energy-enterprise", "var-enterprise=${__data.fields.enterprise_code}")]),
            of("窗口", width=75),
            of("PUE", decimals=2, mappings=[unknown()], width=65),
            of("名称", width=60),
            of("状态", mappings=[words.PUE_STATE], cell=COLOURED_TEXT, width=100),
            of("缺什么", mappings=[words.PUE_WHY], width=140),
            of("总电量", unit=KWH, decimals=1, width=95),
            of("IT 电量", unit=KWH, decimals=1, width=95),
            of("限值", decimals=2, width=60),
            *(of(name, unit=SHARE, decimals=1, width=95)
              for name in ("总分辨率", "IT 分辨率", "总不确定度", "IT 不确定度")),
            of("类别", width=60),
            of("窗口止", unit="dateTimeAsLocalNoDateIfToday", width=150),
        ],
    )  # fmt: skip


def _open() -> Json:
    return stat("未决 PUE 预警", "偏高、不合理、与自报不符。Open warnings about PUE.", OPEN_PUE,
                unit=COUNT, thresholds=words.ALERTS)  # fmt: skip


def _curve() -> Json:
    return series(
        "PUE 曲线",
        "范围 2 天内用 1 小时窗口，93 天内用 1 天窗口，更长用自然月；未知处断开。另画各场所当时的限值；虚线：1.3、1.4。"
        "Windows of an hour, a day or a month by range; broken where unknown; beside it each site's limit then.",
        CURVE,
        decimals=2,
        soft_min=1,
        thresholds=steps(GREEN, (1.3, YELLOW), (1.4, ORANGE)),
        lines="dashed",
        fill=0,
    )


def _level() -> Json:
    return states(
        "PUE 状态",
        "与曲线同窗口；灰色为未知。The same windows; grey is unknown.",
        LEVEL,
        mappings=[words.PUE_STATE_NUMBER],
    )


def _load() -> Json:
    return series(
        "平均功率构成 Load",
        "IT 与其余（制冷、配电、照明）；缺一侧则其余留空。IT and the rest; the rest is empty where a side is missing.",
        LOAD,
        unit=KW,
        stacked=True,
        fill=40,
    )


def _months() -> Json:
    return table(
        "近 12 个月 Months",
        "CUE 为每 IT 千瓦时的克 CO₂；自报值按时间加权，不与电量混算。CUE in g per IT kWh; reported values beside.",
        MONTHS,
        [
            of("月份", width=80),
            of("iPUE", decimals=2, mappings=[unknown()], width=70),
            of("状态", mappings=[words.PUE_STATE], cell=COLOURED_TEXT, width=110),
            of("缺什么", mappings=[words.PUE_WHY]),
            of("总电量", unit=KWH, decimals=1, width=100),
            of("IT 电量", unit=KWH, decimals=1, width=100),
            of("CUE", unit="suffix: g/kWh", decimals=0, mappings=[unknown()], width=90),
            of("自报", decimals=2, width=70),
        ],
    )


def _high() -> Json:
    colours = [of("高于限值", thresholds=steps(GREEN, (1, ORANGE))), of("未知", thresholds=steps(GREEN, (1, GREY)))]
    panel = stat("本月高于限值与未知的天数", "本月，各数据中心相加。Days this month above the limit, and unknown ones.",
                 HIGH_DAYS, unit="suffix: 天", decimals=0, overrides=colours)  # fmt: skip
    panel["options"]["textMode"] = "value_and_name"
    return panel
