"""接入运行: what comes in, how fast, what is refused; for a login of the whole district."""

from __future__ import annotations

from typing import Final

from dashboards.board import dashboard, lay
from dashboards.fields import (
    COLOURED_TEXT,
    COUNT,
    GREEN,
    GREY,
    ORANGE,
    SECONDS,
    SINCE,
    TEXT,
    YELLOW,
    Json,
    of,
    steps,
    texts,
)
from dashboards.panels import series, stat, table
from dashboards.shared import REASON, warnings_table
from dashboards.sources import DAY, HOUR, RANGE

NONE: Final = {"type": "special", "options": {"match": "null", "result": {"text": "无", "color": GREY, "index": 0}}}
WIDTH: Final = (
    f"CASE WHEN {RANGE} <= {6 * HOUR} THEN 60 WHEN {RANGE} <= {3 * DAY} THEN 600"
    f" WHEN {RANGE} <= {32 * DAY} THEN 3600 ELSE {DAY} END"
)
"""Seconds of a bucket, a constant once the range stands in it."""
BUCKET: Final = f"to_timestamp(floor(extract(epoch FROM at) / ({WIDTH})) * ({WIDTH}))"
COUNTS: Final = f"""(
    SELECT minute AS at, slot, messages, accepted, duplicates, rejected, held, batches FROM report.ingest_minute
    WHERE {RANGE} <= {3 * DAY} AND $__timeFilter(minute)
    UNION ALL
    SELECT hour, slot, messages, accepted, duplicates, rejected, held, batches FROM report.ingest_hour
    WHERE {RANGE} > {3 * DAY} AND $__timeFilter(hour)
) AS c"""
"""Minutes, or hours where a bucket is an hour or more."""
RATES: Final = f"""
SELECT {BUCKET} AS time, sum(messages) / ({WIDTH})::numeric AS "报文", sum(accepted) / ({WIDTH})::numeric AS "入库读数"
FROM {COUNTS}
WHERE at < date_trunc('minute', now())
GROUP BY 1
ORDER BY 1
"""
REFUSED: Final = f"""
SELECT {BUCKET} AS time, sum(rejected) AS "拒收", sum(duplicates) AS "重复", sum(held) AS "待定"
FROM {COUNTS}
GROUP BY 1
ORDER BY 1
"""
SLOTS: Final = f"""
SELECT {BUCKET} AS time, '通道 ' || slot AS metric, sum(messages) / ({WIDTH})::numeric AS rate
FROM {COUNTS}
WHERE at < date_trunc('minute', now())
GROUP BY 1, 2
ORDER BY 1, 2
"""
BATCH: Final = f"""
SELECT {BUCKET} AS time, sum(messages) / nullif(sum(batches), 0)::numeric AS "每批报文"
FROM {COUNTS}
GROUP BY 1
ORDER BY 1
"""
NEWEST: Final = """
SELECT greatest(0, extract(epoch FROM now() - max(minute) - interval '1 minute')) AS "距上一批"
FROM report.ingest_minute WHERE minute > now() - interval '7 days'
HAVING count(*) > 0
"""
LEDGER: Final = """
SELECT extract(epoch FROM now() - max(ends_at)) AS "账龄"
FROM report.energy_15m WHERE starts_at > now() - interval '1 day'
HAVING count(*) > 0
"""
HOUR_SUM: Final = """
SELECT sum({column}) AS "{name}" FROM report.ingest_minute WHERE minute > now() - interval '1 hour' HAVING count(*) > 0
"""
BY_CODE: Final = """
SELECT code AS "原因", code AS "Reason", code AS "代码", sum(seen_count) AS "次数",
       count(DISTINCT enterprise) AS "企业数", max(last_at) AS "最近", max(topic) AS "主题示例", max(detail) AS "说明"
FROM report.rejections
WHERE $__timeFilter(last_at)
GROUP BY code
ORDER BY 4 DESC, 1
LIMIT 50
"""
TOLD: Final = """
SELECT kind AS "事项", kind AS "What", nullif(subject, '') AS "用户", sum(seen) AS "次数", max(minute) AS "最近"
FROM report.broker_minute
WHERE $__timeFilter(minute)
GROUP BY kind, subject
ORDER BY 4 DESC, 1
LIMIT 50
"""
TOLD_ZH: Final = texts(
    denied=("越权发布", TEXT),
    dropped=("队列溢出丢弃", TEXT),
    session_lost=("采集会话丢失", TEXT),
    takeover=("标识被接管", TEXT),
    replaced=("同用户顶替", TEXT),
    refused_login=("登录被拒", TEXT),
)
EVALUATIONS: Final = """
SELECT rule AS "规则", evaluated_at AS "上次", seconds AS "用时", observed AS "观察数", problem AS "问题"
FROM report.evaluations
ORDER BY problem NULLS LAST, evaluated_at
"""
OWN_RULES: Final = (
    "rule IN ('IngestLagHigh', 'ClockDiffers', 'DataConflict', 'BrokerDrops', 'SessionTakeover', 'LoginRefused')"
)


def build() -> Json:
    """The board of operators."""
    return dashboard(
        "energy-ingest",
        "06 接入运行 Ingest operations",
        "报文速率、拒收、重复、待定、入账新鲜度与规则评估。只有区级登录看得到接入统计。"
        "Rates, refusals, freshness and evaluation; counts are shown to a login of the district only.",
        lay(
            _figures(),
            [(_rates(), 12, 8), (_refused(), 12, 8)],
            [(_slots(), 12, 7), (_batches(), 12, 7)],
            [(_codes(), 24, 9)],
            [(_evaluations(), 24, 7)],
            [(_broker(), 24, 7)],
            [(warnings_table(OWN_RULES, title="接入预警 Warnings"), 24, 6)],
        ),
        time=("now-6h", "now"),
    )


def _figures() -> list[tuple[Json, int, int]]:
    sums = (("messages", "报文"), ("accepted", "入库读数"), ("duplicates", "重复"), ("rejected", "拒收"))
    about = "最近 60 分钟，不随时间范围改变。The last 60 minutes, whatever the range."
    counts = [
        (stat(f"{name}（1 小时）", about, HOUR_SUM.format(column=column, name=name), unit=COUNT,
              thresholds=steps(GREEN, (1, YELLOW)) if column == "rejected" else None), 4, 4)
        for column, name in sums
    ]  # fmt: skip
    late = stat("距上一批", "最近一次入库分钟之后的时间。Since the last minute that booked anything.", NEWEST,
                unit=SECONDS, decimals=0, thresholds=steps(GREEN, (60, YELLOW), (120, ORANGE)))  # fmt: skip
    ledger = stat(
        "账龄",
        "现在减最新账格的末尾；负数是进行中的一刻钟。Now less the newest quarter's end.",
        LEDGER,
        unit=SECONDS,
        decimals=0,
        thresholds=steps(GREEN, (1800, YELLOW), (3600, ORANGE)),
    )
    return [*counts, (late, 4, 4), (ledger, 4, 4)]


def _rates() -> Json:
    return series(
        "速率 Rates", "每秒报文与新入库读数。Messages and new readings a second.", RATES, unit="cps", decimals=1
    )


def _refused() -> Json:
    return series("拒收、重复、待定", "每格的条数。Counts per bucket.", REFUSED, unit=COUNT, draw="bars", fill=60)


def _slots() -> Json:
    return series("各通道速率 By slot", "一个接入进程占一个通道。One worker has one slot.", SLOTS,
                  unit="cps", stacked=True, fill=30)  # fmt: skip


def _batches() -> Json:
    return series(
        "每批报文 Batch size", "批越大说明积压越多。Large batches mean a backlog.", BATCH, unit=COUNT, decimals=1
    )


def _codes() -> Json:
    return table(
        "拒收原因 Rejections",
        "所选范围内；处理办法按代码见拒收说明。Within the range; the list of reasons tells by code what to do.",
        BY_CODE,
        [
            *REASON,
            of("次数", unit=COUNT, width=80),
            of("企业数", width=80),
            of("最近", unit=SINCE, width=120),
        ],
    )


def _broker() -> Json:
    return table(
        "消息代理 Broker",
        "代理自报的丢弃、越权、顶替与拒绝登录；不能知道的见 broker-durability。What the broker tells of itself.",
        TOLD,
        [
            of("事项", width=140, mappings=[TOLD_ZH]),
            of("What", width=140),
            of("用户", mappings=[NONE]),
            of("次数", unit=COUNT, width=80),
            of("最近", unit=SINCE, width=120),
        ],
    )


def _evaluations() -> Json:
    return table(
        "规则评估 Evaluation",
        "上次评估、用时与失败原因。When each rule was last looked at, and why a look failed.",
        EVALUATIONS,
        [
            of("规则", width=160),
            of("上次", unit=SINCE, width=120),
            of("用时", unit=SECONDS, decimals=2, width=80),
            of("观察数", width=80),
            of("问题", mappings=[NONE],
               cell=COLOURED_TEXT),
        ],
    )  # fmt: skip
