"""Every reason for which a message, or a part of it, is not booked: what, why and the fix, in Chinese and English.

`docs/rejections.md` is `markdown()` of this table; a test keeps them equal.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Explanation(NamedTuple):
    """What a rejection code means to the person who reads it."""

    what_zh: str
    what_en: str
    why_zh: str
    why_en: str
    fix_zh: str
    fix_en: str


REJECTIONS: Final[dict[str, Explanation]] = {
    # the message
    "unknown_topic": Explanation(
        "主题不属于本系统",
        "the topic is none of ours",
        "只读取 keu/v1/{企业}/{表计}/readings、keu/v1/{企业}/readings 和 …/status",
        "only keu/v1/{enterprise}/{meter}/readings, keu/v1/{enterprise}/readings and …/status are read",
        "改为向上述主题发布",
        "publish to one of these topics",
    ),
    "bad_code": Explanation(
        "企业、表计或寄存器编码格式不对",
        "the code of an enterprise, meter or register is malformed",
        "编码只含小写字母、数字和连字符，1 至 40 个；大小写不同即为不同编码",
        "a code is 1 to 40 lower-case letters, digits and hyphens; nothing is folded to lower case silently",
        "按登记的编码原样填写",
        "write the code exactly as it is registered",
    ),
    "payload_too_large": Explanation(
        "消息超过字节上限",
        "the message is larger than the limit",
        "过大的消息会占满内存，拖住其他企业的数据",
        "a message that large would fill the memory and hold up everyone else's data",
        "拆成几条消息，或调高 TANFENG_PAYLOAD_LIMIT_BYTES",
        "split it into several messages, or raise TANFENG_PAYLOAD_LIMIT_BYTES",
    ),
    "too_many_readings": Explanation(
        "一条消息中的读数超过上限",
        "the message holds more readings than the limit",
        "一条消息在一个事务中入账，过多会延误后面的数据",
        "a message is booked in one transaction; too many readings delay what comes after",
        "拆成几条消息，或调高 TANFENG_MESSAGE_LIMIT_READINGS",
        "split it into several messages, or raise TANFENG_MESSAGE_LIMIT_READINGS",
    ),
    "too_many_faults": Explanation(
        "错误读数太多，其余未读",
        "too many of its readings are bad; the rest was not read",
        "读到第 100 个错误读数且错误多于正确时停止，以免一家的错误数据拖慢其他企业",
        "reading stops at the hundredth bad one where bad ones are the more, so that nobody's faults hold up others",
        "改正网关的配置；按前面的错误逐一处理后重放",
        "mend the gateway by what is said of the readings before; replay after that",
    ),
    "over_share": Explanation(
        "该企业的错误消息过多，此消息未逐项检查",
        "the enterprise sends so much that is wrong that this message was not examined",
        "检查错误消息的处理时间每家企业不超过十分之一，超出后大消息排队；队列（8 MiB 或 1000 条）满后只计数",
        "examining what is wrong takes at most a tenth of the time for each enterprise; beyond it large and faulty "
        "messages wait, and where 8 MiB or 1,000 of them do, further ones are only counted",
        "停止错误的发送方；其内容没有保留，好的读数请让网关补发",
        "stop what sends it; its bytes are not kept: let the gateway send again what was good in it",
    ),
    "retained": Explanation(
        "消息是代理保留的旧副本",
        "the message is a retained copy from the broker",
        "每次重连代理都会再发一遍保留消息，它不是新的读数",
        "the broker sends a retained message again after every reconnect; it is no new reading",
        "发布读数时不要设置 retain；清除主题上的保留消息",
        "publish readings without the retain flag; clear the retained message of the topic",
    ),
    "empty_payload": Explanation(
        "消息为空",
        "the message is empty",
        "空消息不等于零读数",
        "an empty message is not a reading of zero",
        "没有读数时不要发布",
        "publish nothing when there is no reading",
    ),
    "not_utf8": Explanation(
        "消息不是 UTF-8 文本",
        "the message is not UTF-8 text",
        "JSON 必须用 UTF-8 编码；常见原因是 GBK 编码或传输损坏",
        "JSON is written in UTF-8; GBK text and damaged transfers are the usual causes",
        "以 UTF-8（不带 BOM）发布",
        "publish UTF-8 without a byte order mark",
    ),
    "not_json": Explanation(
        "消息不是 JSON",
        "the message is not JSON",
        "语法有误，或混入 BOM、控制字节，无法可靠读出任何读数",
        "its syntax is broken, or a BOM or a control byte is in it, so no reading in it can be trusted",
        "用 docs/payload.schema.json 检查消息；去掉 BOM 和控制字节",
        "check the message against docs/payload.schema.json; leave out the BOM or control byte",
    ),
    "too_deep": Explanation(
        "JSON 嵌套过深",
        "the JSON is nested too deeply",
        "读数只有三层；更深的是故障或攻击",
        "readings are three levels deep; anything deeper is a fault or an attack",
        "按 docs/payload.schema.json 的结构发布",
        "publish the structure of docs/payload.schema.json",
    ),
    "bad_status": Explanation(
        "状态消息格式不对",
        "the status message is malformed",
        '状态是 {"state": "online"} 或 {"state": "offline"}，或空消息',
        'a status is {"state": "online"} or {"state": "offline"}, or empty',
        "按此格式设置上线消息和遗嘱",
        "set birth and last will to one of these",
    ),
    # a reading of it
    "no_readings": Explanation(
        "读数列表为空",
        "the list of readings is empty",
        "空列表说明网关采集失败，不等于零",
        "an empty list means that the gateway collected nothing; it is not zero",
        "没有读数时不要发布；检查网关",
        "publish nothing when there is no reading; check the gateway",
    ),
    "not_a_reading": Explanation(
        "结构不是读数",
        "the structure is no reading",
        "读数是含 read_at 和 registers 的对象，registers 也是对象",
        "a reading is an object with read_at and registers, and registers is an object",
        "用 docs/payload.schema.json 检查消息",
        "check the message against docs/payload.schema.json",
    ),
    "missing_field": Explanation(
        "缺少字段",
        "a field is missing",
        "读数需要 read_at 和 registers；网关的读数还需要 meter",
        "a reading needs read_at and registers, and a gateway's also meter",
        "补上缺少的字段",
        "add the missing field",
    ),
    "unknown_field": Explanation(
        "有不认识的字段",
        "there is a field that is not known",
        "忽略它可能改变含义，例如 unit 或 multiplier；单位和倍率只在登记表中声明",
        "ignoring it could change the meaning, as with unit or multiplier: those are declared in the registry only",
        "只保留 meter、read_at、registers",
        "keep meter, read_at and registers only",
    ),
    "duplicate_key": Explanation(
        "同一个键出现两次",
        "a key stands there twice",
        "两个值中哪个为准无从判断",
        "which of the two values holds cannot be known",
        "每个键只写一次；多个时刻用多个读数",
        "write each key once; use several readings for several instants",
    ),
    "meter_mismatch": Explanation(
        "主题与消息中的表计不一致",
        "topic and payload name different meters",
        "主题是已验证的身份，消息内容不能改变它",
        "the topic is the identity that was checked; the payload cannot change it",
        "发布到该表计的主题，或去掉 meter 字段",
        "publish to the topic of that meter, or leave the field meter out",
    ),
    "unknown_meter": Explanation(
        "该企业没有登记此表计",
        "the enterprise has no such meter registered",
        "未登记的表计没有单位和倍率，无法入账；其他企业的表计同样拒绝，且不透露其存在",
        "a meter that is not registered has no unit to book in; another enterprise's is rejected alike, "
        "without telling that it exists",
        "登记表计（tanfeng registry apply）后用 tanfeng rejected replay 重放，或改正编码",
        "register it (tanfeng registry apply), then run tanfeng rejected replay; or correct the code",
    ),
    "no_registers": Explanation(
        "读数中没有寄存器",
        "the reading has no registers",
        "空的 registers 不等于零",
        "empty registers are not zero",
        "没有数值时不要发布该读数",
        "leave the reading out when there is no value",
    ),
    # its time
    "bad_time": Explanation(
        "read_at 无法识别",
        "read_at cannot be read",
        "应为带时区的 ISO 8601 时间，或 1970 年以来的秒或毫秒数（可加引号：10 位或 13 位）",
        "it must be ISO 8601 with a zone, or seconds or milliseconds since 1970 (in quotes: of 10 or 13 digits)",
        "例如 2026-11-22T10:00:00+08:00",
        "write for example 2026-11-22T10:00:00+08:00",
    ),
    "time_without_zone": Explanation(
        "read_at 没有时区",
        "read_at has no zone",
        "同一时间可能相差 8 小时，电量会记到错误的时段",
        "it could be eight hours off, and the energy would be booked in the wrong hours",
        "加上 +08:00，或在登记表中为该表计声明 naive_zone",
        "add +08:00, or declare naive_zone for the meter in the registry",
    ),
    "time_ambiguous": Explanation(
        "read_at 在该时区的夏令时切换中不唯一或不存在",
        "read_at happens twice, or not at all, when the clocks of its zone change",
        "没有时区偏移就无法确定是哪一刻",
        "without an offset the instant cannot be known",
        "让表计发送带偏移的时间",
        "let the meter send times with an offset",
    ),
    "time_implausible": Explanation(
        "read_at 早于 2001 年",
        "read_at lies before 2001",
        "表计时钟掉电后会从 1970 或 2000 年重新开始",
        "clocks that lost power restart in 1970 or 2000",
        "校准表计时钟；把秒和毫秒分清",
        "set the clock of the meter; check seconds against milliseconds",
    ),
    "time_ahead": Explanation(
        "read_at 在未来",
        "read_at lies in the future",
        "未来的读数会挡住随后真正的读数",
        "a reading from the future would block the true ones that follow",
        "校准表计时钟和时区；上限为 TANFENG_AHEAD_LIMIT_S",
        "set clock and zone of the meter; the limit is TANFENG_AHEAD_LIMIT_S",
    ),
    "time_too_old": Explanation(
        "read_at 早于补传期限",
        "read_at is older than the backfill horizon",
        "期限之前的账目已经封存",
        "what lies before the horizon is closed",
        "调高 TANFENG_HORIZON_DAYS（0 为不限）后重放",
        "raise TANFENG_HORIZON_DAYS (0 = no limit) and replay",
    ),
    # its values
    "unknown_register": Explanation(
        "表计没有登记此寄存器",
        "the meter has no such register registered",
        "没有单位和类型的数值无法入账；同一读数的其他寄存器已接收",
        "a value without unit and kind cannot be booked; the other registers of the reading were taken",
        "登记寄存器后用 tanfeng rejected replay 重放，或不再发送它",
        "register it, then run tanfeng rejected replay; or stop sending it",
    ),
    "no_value": Explanation(
        "没有数值（null、NaN、unavailable 等）",
        "there is no value (null, NaN, unavailable, …)",
        "缺失不是零",
        "missing is not zero",
        "没有数值时不要发送该寄存器；检查表计通信",
        "leave the register out when there is no value; check the link to the meter",
    ),
    "not_a_number": Explanation(
        "数值不是数字",
        "the value is not a number",
        '只接受 JSON 数字，或字符串中的普通十进制数，如 "000123.40"；true、单位、千分位逗号都不行',
        'only JSON numbers and plain decimals in a string such as "000123.40" are taken; '
        "no booleans, units or thousands separators",
        "发送不带单位的数字",
        "send the number alone",
    ),
    "out_of_range": Explanation(
        "数值超出范围",
        "the value is out of range",
        "换算并乘以倍率后须小于 10^12 个单位；更大的是故障值",
        "after conversion and multiplier it must stay below 10^12 units; anything larger is a fault",
        "检查表计、单位和倍率",
        "check meter, unit and multiplier",
    ),
    "number_too_long": Explanation(
        "数字过长",
        "the number is too long",
        "最多 40 位有效数字，绝对值不小于 10^-400",
        "at most 40 significant digits are taken, and nothing smaller than 10^-400",
        "发送表计显示的数字",
        "send the number as the meter displays it",
    ),
    # the store
    "conflict": Explanation(
        "同一时刻已有不同的数值",
        "another value is stored for this instant",
        "以先入账的为准，后到的不同数值保留在此",
        "the first one committed stands; a later one that differs is kept here",
        "若原值有误，声明 correction 更正",
        "if the stored value is wrong, declare a correction",
    ),
    "before_kept": Explanation(
        "早于保留的原始读数",
        "older than the raw readings that are kept",
        "更早的原始读数已按保留期删除，无法再正确重算",
        "the raw readings around it were dropped by retention, so it could not be booked rightly",
        "需要时用人工数据补报该时段",
        "report that period by hand where it is needed",
    ),
    "store_error": Explanation(
        "数据库不接受这一行",
        "the database does not take this row",
        "单独重试时只有这一行失败，紧接着其他行都能入库；消息按 TANFENG_REFUSED_BYTES 的额度完整保存",
        "tried alone it failed again, while other rows were stored just after; its message is kept whole, within "
        "TANFENG_REFUSED_BYTES",
        "把 detail 交给维护人员；修复后用 tanfeng rejected replay 重放",
        "give the detail to the maintainers; run tanfeng rejected replay after the fix",
    ),
}

_HEAD: Final = """\
# 拒收原因 Why a message is rejected

由 `services/wire/rejections.py` 生成 · Generated from `services/wire/rejections.py`; a test keeps them equal.

被拒收的消息连同原因、主题、时间和字节保存，修复后可以重放；同一消息中没有错误的读数照常入账。
Rejected messages are kept with reason, topic, time and bytes, and can be replayed after the fix:
`tanfeng rejected list`, `tanfeng rejected replay`. Readings of the same message that are not at fault are booked.

| code | 什么 what | 为何 why | 办法 fix |
| --- | --- | --- | --- |
"""


def markdown() -> str:
    """The table as a page of the documentation."""
    rows = (
        f"| `{code}` | {e.what_zh}<br>{e.what_en} | {e.why_zh}<br>{e.why_en} | {e.fix_zh}<br>{e.fix_en} |\n"
        for code, e in REJECTIONS.items()
    )
    return _HEAD + "".join(rows)
