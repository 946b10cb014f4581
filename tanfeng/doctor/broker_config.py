"""A mosquitto.conf that loses acknowledged messages: what no connection from outside can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tanfeng.doctor.finding import error, warning, well

if TYPE_CHECKING:
    from tanfeng.doctor.finding import Finding

QUEUED: Final = 1_000_000
"""At one message a second from each of 1,000 meters, a quarter of an hour away; ours is ten times that."""
SAVED_S: Final = 5
FIX: Final = (
    "改为 deploy/mosquitto.conf 中的值并重启 Mosquitto；见 docs/operations/broker-durability.md。",
    "Take the values of deploy/mosquitto.conf and restart Mosquitto; docs/operations/broker-durability.md.",
)


def config(text: str) -> list[Finding]:
    """Settings under which Mosquitto forgets what it acknowledged, or lets anybody in."""
    found = _settings(text)
    wrong = []
    if found.get("persistence") != "true":
        wrong.append(
            error("persistence", ("重启即丢失队列（persistence）。", "A restart loses the queue (persistence)."), FIX)
        )
    queued = int(found.get("max_queued_messages", "1000"))
    if 0 < queued < QUEUED:
        wrong.append(
            error(
                "queue limit",
                (f"max_queued_messages 为 {queued:,}。", f"max_queued_messages is {queued:,}."),
                FIX,
            )
        )
    by_changes = found.get("autosave_on_changes") == "true"
    every = int(found.get("autosave_interval", "1800"))
    if by_changes or not 0 < every <= SAVED_S:
        told = f"{every} changes" if by_changes else f"{every} s"
        wrong.append(warning("autosave", (f"队列每 {told} 才写盘。", f"The queue is written every {told} only."), FIX))
    if found.get("allow_anonymous") == "true" and not _is_loopback(found.get("listener", "")):
        wrong.append(
            error("anonymous", ("允许匿名连接（allow_anonymous）。", "It lets anybody in (allow_anonymous)."), FIX)
        )
    if not int(found.get("memory_limit", "0")):
        wrong.append(
            warning("memory limit", ("内存没有上限（memory_limit）。", "Its memory has no limit (memory_limit)."), FIX)
        )
    if "log_dest topic" not in (" ".join(line.split()) for line in text.splitlines()):
        wrong.append(
            warning(
                "broker log",
                (
                    "日志不发布到主题（log_dest topic），看不到标识被接管与登录被拒。",
                    "Its log does not go to topics (log_dest topic): takeovers and refused logins are not seen.",
                ),
                FIX,
            )
        )
    return wrong or [well("mosquitto.conf", "不会丢弃已确认的消息。", "does not drop what was acknowledged.")]


def _settings(text: str) -> dict[str, str]:
    lines = (line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {words[0]: words[1].strip() if len(words) > 1 else "" for words in lines}


def _is_loopback(listener: str) -> bool:
    return listener.endswith((" 127.0.0.1", " ::1", " localhost"))
