"""企业明细: one enterprise with its sites, carriers, meters, budgets and warnings."""

from __future__ import annotations

from typing import Final

from dashboards import words
from dashboards.board import dashboard, enterprises, grain_variable, lay, warnings
from dashboards.fields import (
    AMOUNT,
    COLOURED_TEXT,
    COUNT,
    KW,
    KWH,
    SHARE,
    SINCE,
    TCE,
    TCO2,
    Json,
    of,
    unknown,
)
from dashboards.panels import series, stat, table
from dashboards.shared import (
    COAL,
    MINE,
    budget_table,
    co2_sum,
    coverage_today,
    energy_sum,
    open_count,
    warnings_table,
)
from dashboards.sources import DAY, DAY_AT, DAYS, HOUR, MONTH, TODAY, is_grain

Q, H = 3 * DAY + HOUR, 31 * DAY + HOUR

SITE: Final = "site_zh || ' (' || site || ')'"
"""Codes are unique, names need not be."""
POWER: Final = f"""
SELECT starts_at AS time, {SITE} AS metric, amount / 0.25 AS power FROM report.energy_site_15m
WHERE {is_grain("15m", Q, H)} AND {MINE} AND carrier = 'electricity' AND $__timeFilter(starts_at)
UNION ALL
SELECT date_trunc('hour', starts_at), {SITE}, sum(amount) / (count(*) * 0.25) FROM report.energy_site_15m
WHERE {is_grain("1h", Q, H)} AND {MINE} AND carrier = 'electricity' AND $__timeFilter(starts_at) GROUP BY 1, 2
UNION ALL
SELECT {DAY_AT}, {SITE}, amount / 24 FROM report.energy_site_1d
WHERE {is_grain("1d", Q, H)} AND {MINE} AND carrier = 'electricity' AND {DAYS} AND day < {TODAY}
ORDER BY 1, 2
"""
CARRIERS: Final = f"""
WITH energy AS MATERIALIZED (
    SELECT carrier, carrier_zh, unit, sum(amount) AS amount,
           sum(estimated_amount) / nullif(sum(import_amount), 0) AS estimated
    FROM report.energy_enterprise_1mo
    WHERE {MINE} AND month = {MONTH} GROUP BY carrier, carrier_zh, unit
), coal AS MATERIALIZED (
    SELECT carrier,
           CASE WHEN bool_and(state <> 'coefficient_missing') THEN sum(coal_tce) FILTER (WHERE basis = 'calorific') END
               AS calorific,
           CASE WHEN bool_and(state <> 'coefficient_missing') THEN sum(coal_tce) FILTER (WHERE basis = 'primary') END
               AS prim
    FROM report.coal_1mo WHERE {MINE} AND month = {MONTH} GROUP BY carrier
), carbon AS MATERIALIZED (
    SELECT carrier, CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) * 0.001 END AS tco2,
           CASE WHEN bool_or(state = 'factor_missing') THEN 'factor_missing'
                WHEN bool_or(provisional) THEN 'provisional' ELSE 'known' END AS factor,
           max(kgco2_per_unit) AS kgco2_per_unit, max(data_year) AS data_year, max(source) AS source
    FROM report.emissions_enterprise_1mo WHERE {MINE} AND month = {MONTH} GROUP BY carrier
)
SELECT e.carrier_zh AS "品种", e.amount AS "本月用量", e.unit AS "单位", e.estimated AS "估算占比",
       c.calorific AS "当量值", c.prim AS "等价值", o.tco2 AS "CO₂", o.factor AS "因子",
       o.kgco2_per_unit AS "因子值 kg/单位", o.data_year::text AS "因子年份", o.source AS "来源"
FROM energy e
LEFT JOIN coal c USING (carrier)
LEFT JOIN carbon o USING (carrier)
ORDER BY c.calorific DESC NULLS LAST, 1
"""
DAILY: Final = f"""
SELECT {DAY_AT} AS time, {SITE} AS metric, amount AS energy
FROM report.energy_site_1d
WHERE {MINE} AND carrier = 'electricity' AND day BETWEEN {TODAY} - 30 AND {TODAY} - 1
ORDER BY 1, 2
"""
CARBON: Final = f"""
SELECT {DAY_AT} AS time, carrier_zh AS metric,
       CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) * 0.001 END AS co2
FROM report.emissions_enterprise_1d
WHERE {MINE} AND day BETWEEN {TODAY} - 30 AND {TODAY} - 1
GROUP BY 1, 2
ORDER BY 1, 2
"""
METERS: Final = f"""
WITH total AS MATERIALIZED (
    SELECT enterprise, meter, register, sum(amount) AS amount, sum(estimated_amount) AS estimated,
           sum(covered_s) AS covered_s
    FROM report.energy_1d WHERE {MINE} AND {DAYS} GROUP BY enterprise, meter, register
), newest AS MATERIALIZED (
    SELECT enterprise, meter, register, max(ends_at) AS at FROM report.energy_15m
    WHERE {MINE} AND starts_at > now() - interval '2 days' GROUP BY enterprise, meter, register
)
SELECT r.site_zh AS "场所", r.meter_zh AS "表计", r.register AS "示数", r.level::text AS "级", n.at AS "账至",
       t.amount AS "用量", r.unit AS "单位", t.estimated / nullif(t.amount, 0) AS "估算占比",
       coalesce(t.covered_s, 0) / nullif(extract(epoch FROM
           least(now(), (($__timeTo()::timestamptz AT TIME ZONE r.zone)::date + 1)::timestamp AT TIME ZONE r.zone)
           - (($__timeFrom()::timestamptz AT TIME ZONE r.zone)::date)::timestamp AT TIME ZONE r.zone), 0) AS "覆盖率"
FROM report.registers r
LEFT JOIN total t USING (enterprise, meter, register)
LEFT JOIN newest n USING (enterprise, meter, register)
WHERE r.{MINE} AND r.valid_until > {TODAY}
ORDER BY r.site_zh, r.level, r.meter_zh, r.register
"""


def build() -> Json:
    """The page every other board leads to."""
    return dashboard(
        "energy-enterprise",
        "02 企业明细 Enterprise",
        "一家企业的用能、标准煤、碳排放、预算、表计与预警。One enterprise: energy, CO₂, budgets, warnings.",
        lay(
            _figures(),
            [(_power(), 24, 8)],
            [(_carriers(), 24, 6)],
            [(_daily(), 12, 8), (_carbon(), 12, 8)],
            [(budget_table(), 24, 7)],
            [(warnings_table(MINE), 24, 7)],
            [(_meters(), 24, 10)],
        ),
        variables=[enterprises(everything=False), grain_variable()],
        annotations=[warnings(MINE)],
    )


def _figures() -> list[tuple[Json, int, int]]:
    unknowns = {"mappings": [unknown()], "decimals": 1}
    return [
        (stat("今日用电", "今天零时起，只计 1 级表。Since midnight; level 1 meters.",
              energy_sum("今日用电", TODAY), unit=KWH, **unknowns), 4, 4),
        (stat("本月用电", "本自然月。This calendar month.", energy_sum("本月用电", MONTH), unit=KWH, **unknowns), 4, 4),
        (stat("本月综合能耗（当量值）", "吨标准煤，电按当量值。Standard coal, calorific basis.",
              COAL, unit=TCE, **unknowns), 4, 4),
        (stat("本月 CO₂", "缺因子即为未知。Unknown where a factor is missing.",
              co2_sum("本月 CO₂", MONTH), unit=TCO2, **unknowns), 4, 4),
        (stat("今日覆盖率", "1 级表有账的时间 ÷ 应有时间。Booked time ÷ expected time.",
              coverage_today(), unit=SHARE, thresholds=words.COMPLETE, **unknowns), 4, 4),
        (stat("未决预警", "预警与严重级。Open warnings without notices.",
              open_count("未决预警", "severity <> 'notice'", MINE), unit=COUNT, thresholds=words.ALERTS), 4, 4),
    ]  # fmt: skip


def _power() -> Json:
    return series(
        "各场所用电功率 Power by site",
        "账上电量 ÷ 时长；缺口不补。粒度随范围：15 分钟、1 小时、1 天。Booked energy ÷ time; gaps stay gaps.",
        POWER,
        unit=KW,
        stacked=True,
        fill=40,
    )


def _carriers() -> Json:
    return table(
        "本月分品种 By carrier this month",
        "标准煤的两种口径不可相加；因子的年份与来源在后两列。Never add the two bases of coal.",
        CARRIERS,
        [
            of("本月用量", unit=AMOUNT, decimals=1, width=120),
            of("单位", width=60),
            of("估算占比", unit=SHARE, decimals=1, width=80),
            of("当量值", unit=TCE, decimals=1, mappings=[unknown()], width=90),
            of("等价值", unit=TCE, decimals=1, mappings=[unknown()], width=90),
            of("CO₂", unit=TCO2, decimals=1, mappings=[unknown()], width=100),
            of("因子", mappings=[words.FACTOR], cell=COLOURED_TEXT, width=110),
            of("因子值 kg/单位", decimals=4, width=110),
        ],
    )


def _daily() -> Json:
    return series(
        "近 30 天日用电 Daily electricity",
        "按场所，不随时间范围改变。By site, whatever the range.",
        DAILY,
        last="31d",
        unit=KWH,
        draw="bars",
        fill=60,
        stacked=True,
    )


def _carbon() -> Json:
    return series(
        "近 30 天日 CO₂ Daily CO₂",
        "按品种；未知的日子留空。By carrier; unknown days stay empty.",
        CARBON,
        last="31d",
        unit=TCO2,
        draw="bars",
        fill=60,
        stacked=True,
    )


def _meters() -> Json:
    return table(
        "表计 Meters",
        "所选范围各日的用量与覆盖率；“账至”为两天内最后一个记账时刻，空即无数据。"
        "Per register over the days of the range; empty means nothing booked in two days.",
        METERS,
        [
            of("级", width=50),
            of("账至", unit=SINCE, width=120),
            of("用量", unit=AMOUNT, decimals=1, width=120),
            of("单位", width=70),
            of("估算占比", unit=SHARE, decimals=1, width=90),
            of("覆盖率", unit=SHARE, decimals=1, thresholds=words.COMPLETE, cell=COLOURED_TEXT, width=90),
        ],
    )
