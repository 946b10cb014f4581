"""What the broker's queue holds, found by filling one: a session of our own, to a topic that nobody else reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tanfeng.doctor.finding import error, unknown, warning, well
from tanfeng.doctor.mqtt import visitor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.connection import Broker
    from services.store.pool import Row
    from tanfeng.doctor.finding import Finding

TOPIC: Final = "tanfeng-doctor/v1/probe"
MESSAGES: Final = 2_000
"""Twice what Mosquitto keeps by default for a client that is away."""
INFLIGHT: Final = 200
"""Fewer unacknowledged messages than this make batches too small; Mosquitto's default is 20."""
VERSION: Final = "$SYS/broker/version"
DROPPED: Final = "$SYS/broker/publish/messages/dropped"
SETTINGS_FIX: Final = (
    (
        "在 mosquitto.conf 写 max_queued_messages 10000000 和 max_inflight_messages 20000，重启 Mosquitto；"
        "见 docs/operations/broker-durability.md。"
    ),
    (
        "Set max_queued_messages 10000000 and max_inflight_messages 20000 in mosquitto.conf and restart Mosquitto; "
        "docs/operations/broker-durability.md."
    ),
)


class Depth(NamedTuple):
    """What a probe of `sent` messages found: how many were kept, and how many came before any was acknowledged."""

    sent: int
    kept: int
    inflight: int


async def said(broker: Broker, client_id: str) -> dict[str, str]:
    """What the broker publishes of itself, by topic; empty where it publishes nothing, or not to us.

    Raises:
        BrokerError: The broker cannot be reached or refuses.
    """
    found: dict[str, str] = {}
    async with visitor(broker, client_id) as visit:
        for topic in (VERSION, DROPPED):
            if await visit.subscribe(topic):
                messages = await visit.come()
                visit.done(messages)
                found |= {message.topic: message.payload.decode("utf-8", "replace") for message in messages}
    return found


async def probe(broker: Broker, client_id: str, count: int = MESSAGES) -> Depth | None:
    """Leave a session, publish to it, come back and count; the session is removed. None: we may not.

    Raises:
        BrokerError: The broker cannot be reached or refuses.
    """
    try:
        async with visitor(broker, client_id, clean=False) as visit:
            if not await visit.subscribe(TOPIC):
                return None
        async with visitor(broker, f"{client_id}-2") as visit:
            await visit.publish(TOPIC, [b"%d" % number for number in range(count)])
        async with visitor(broker, client_id, clean=False) as visit:
            messages = await visit.come()
            kept = inflight = len(messages)
            while messages:
                visit.done(messages)
                messages = await visit.come()
                kept += len(messages)
    finally:
        async with visitor(broker, client_id, clean=True):
            pass
    return Depth(count, kept, inflight)


def depth(found: Depth | None) -> Finding:
    """Whether the broker keeps what comes while ingest is away, and sends enough at a time."""
    if found is None or not found.kept:
        return unknown(
            "queue",
            (
                f"本登录无权使用 {TOPIC}，无法探测队列。",
                f"{TOPIC} is closed to this login: no probe.",
            ),
            (
                "tanfeng access broker 重写权限，再向 Mosquitto 发送 SIGHUP。",
                "Write the rights again with `tanfeng access broker`, then send Mosquitto SIGHUP.",
            ),
        )
    if found.kept < found.sent:
        return error(
            "queue",
            (
                f"代理为离线的采集只保留 {found.kept:,} 条消息（探测 {found.sent:,} 条），其余已确认却丢弃。",
                (
                    f"The broker keeps {found.kept:,} of {found.sent:,} messages while a reader is away, and drops the "
                    "rest after acknowledging them."
                ),
            ),
            SETTINGS_FIX,
        )
    if found.inflight < INFLIGHT:
        return warning(
            "queue",
            (
                f"代理一次只发送 {found.inflight} 条未确认消息，入账批次过小。",
                f"The broker sends {found.inflight} messages at a time: batches are too small.",
            ),
            SETTINGS_FIX,
        )
    return well("queue", f"离线时至少保留 {found.kept:,} 条。", f"keeps {found.kept:,} or more while a reader is away.")


KINDS: Final = {
    "denied": ("越权发布", "denied"),
    "dropped": ("溢出丢弃", "dropped"),
    "session_lost": ("采集会话丢失", "sessions of ingest lost"),
    "takeover": ("标识被接管", "client ids taken over"),
    "refused_login": ("登录被拒", "logins refused"),
}


def told(rows: Sequence[Row] | Sequence[Mapping[str, object]]) -> Finding:
    """What the broker told ingest within a day; what an own client replaces is no finding."""
    parts = [(KINDS[str(row["kind"])], row) for row in rows if row["kind"] in KINDS]
    if not parts:
        return well("broker told", "一天内无丢弃、越权、接管或拒登。", "nothing dropped, denied, taken over, refused.")
    who = {id(row): f" ({row['subject']})" if row["subject"] else "" for _, row in parts}
    zh = "、".join(f"{words[0]} {row['seen']:,}{who[id(row)]}" for words, row in parts)
    en = ", ".join(f"{row['seen']:,} {words[1]}{who[id(row)]}" for words, row in parts)
    return warning(
        "broker told",
        (f"一天内：{zh}。", f"Within a day: {en}."),
        (
            "见 docs/runbooks 的 BrokerDrops、SessionTakeover、LoginRefused。",
            "See BrokerDrops, SessionTakeover and LoginRefused in docs/runbooks.",
        ),
    )


def dropped(count: str | None) -> Finding:
    """Mosquitto's own count since its start; None: it does not tell."""
    number = int(count) if count and count.isdigit() else 0
    if not number:
        return well("dropped", "代理启动以来没有丢弃消息。", "the broker tells of no message dropped since its start.")
    return warning(
        "dropped",
        (f"代理启动以来丢弃了 {number:,} 条消息。", f"The broker has dropped {number:,} messages since its start."),
        (
            "查其日志中谁的队列满了；提高 max_queued_messages；下一个读数会补上电量，分布为估计。",
            "See in its log whose queue was full; raise max_queued_messages. The next readings heal the totals.",
        ),
    )
