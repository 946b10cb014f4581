"""Rejections at rest: identical ones counted, bytes kept to 8 KiB with the hash of the whole, floods only counted.

What the store refused is no fault of its sender's: it is never only counted, and its message is kept whole, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from services.model import SECOND_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from services.store.pool import Connection, Row

KEPT_BYTES: Final = 8 * 1024
STORE_ERROR: Final = "store_error"
OVER_SHARE: Final = "over_share"
"""Not even hashed, and only counted: it comes faster than it could be looked at."""
_TOPIC_BYTES: Final = 400  # topic and pointer are in a unique index, whose rows PostgreSQL bounds
_POINTER_BYTES: Final = 400
_DETAIL_BYTES: Final = 1000
_REMEMBERED: Final = 10_000
_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rejection:
    """One thing that could not be booked: a message, or the part of it that `pointer` names ('' = all of it)."""

    code: str
    detail: str
    topic: str
    payload: bytes
    pointer: str
    enterprise: str | None
    at_us: int
    meter: str = ""
    """As topic or reading names it, '' where neither does."""


class Key(NamedTuple):
    """What makes two rejections identical."""

    sha256: bytes
    topic: str
    code: str
    pointer: str


@dataclass(slots=True)
class Counted:
    """Identical rejections of one batch: the first, how many, and when the last came."""

    rejection: Rejection
    seen_count: int = 0
    last_us: int = 0


@dataclass(slots=True)
class Admitted:
    """What is stored, and what is only counted by (enterprise, code)."""

    stored: dict[Key, Counted] = field(default_factory=dict)
    flooded: dict[tuple[str, str], int] = field(default_factory=dict)


class FloodGate:
    """A token bucket per enterprise over *distinct* rejections; repeating a stored one costs a count, not a row.

    Enterprises that the registry does not know share one bucket, so invented names cannot fill the disk.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, tuple[float, int]] = {}
        self._stored: dict[Key, None] = {}

    def admit(self, rejections: Iterable[Rejection], known: Container[str], now_us: int) -> Admitted:
        """Group identical rejections and decide which are stored."""
        admitted = Admitted()
        for key, counted in _grouped(rejections).items():
            name = counted.rejection.enterprise
            bucket = name if name is not None and name in known else ""
            if key.code == STORE_ERROR:
                admitted.stored[key] = counted
            elif key.code != OVER_SHARE and (key in self._stored or self._token(bucket, now_us)):
                self._remember(key)
                admitted.stored[key] = counted
            else:
                flooded = (bucket, counted.rejection.code)
                admitted.flooded[flooded] = admitted.flooded.get(flooded, 0) + counted.seen_count
        return admitted

    def _token(self, bucket: str, now_us: int) -> bool:
        if len(self._buckets) > _BUCKETS:
            self._buckets.clear()
        tokens, before = self._buckets.get(bucket, (float(self._per_minute), now_us))
        elapsed_minutes = max(0, now_us - before) / (60 * SECOND_US)
        tokens = min(float(self._per_minute), tokens + elapsed_minutes * self._per_minute)
        has_token = tokens >= 1
        self._buckets[bucket] = (tokens - 1 if has_token else tokens, now_us)
        return has_token

    def _remember(self, key: Key) -> None:
        if len(self._stored) >= _REMEMBERED and key not in self._stored:
            del self._stored[next(iter(self._stored))]
        self._stored[key] = None


async def write_rejections(con: Connection, rejections: Sequence[Rejection]) -> None:
    """Store these rejections, whatever their number, identical ones counted."""
    await write_admitted(con, Admitted(stored=_grouped(rejections)), 0)


async def write_admitted(con: Connection, admitted: Admitted, now_us: int) -> None:
    """Store and count what a gate decided, in the caller's transaction."""
    if admitted.stored:
        # in the order of the unique index, so that two workers never wait for each other crosswise
        rows = [_row(key, counted) for key, counted in sorted(admitted.stored.items(), key=lambda item: item[0])]
        await con.execute(SQL["rejection_write"], *map(list, zip(*rows, strict=True)), KEPT_BYTES)
    if admitted.flooded:
        flooded = sorted(admitted.flooded.items())
        names, codes = [name for (name, _), _ in flooded], [code for (_, code), _ in flooded]
        await con.execute(SQL["rejection_flood"], now_us, names, codes, [seen for _, seen in flooded])


async def kept_bytes(con: Connection) -> int:
    """Bytes of the messages that the store refused and that wait for their replay."""
    octets: int = await con.fetchval(SQL["rejection_kept_bytes"], STORE_ERROR)
    return octets


class Filter(NamedTuple):
    """Which rejections are meant; None means any."""

    code: str | None = None
    enterprise: str | None = None
    since_us: int | None = None


async def find(con: Connection, chosen: Filter, *, everything: bool, limit: int) -> list[Row]:
    """Stored rejections without their bytes, the latest first; those already replayed only if `everything`."""
    return await con.fetch(SQL["rejection_list"], *chosen, everything, limit)


async def floods(con: Connection, chosen: Filter) -> list[Row]:
    """Rejections that were counted only, by enterprise ('' = not registered) and code."""
    return await con.fetch(SQL["flood_list"], *chosen)


async def get(con: Connection, rejection_id: int) -> Row | None:
    """One rejection with its bytes."""
    return await con.fetchrow(SQL["rejection_get"], rejection_id)


async def open_ids(con: Connection, code: str | None, enterprise: str | None) -> list[int]:
    """The rejections not yet replayed, the oldest first."""
    return [row["rejection_id"] for row in await con.fetch(SQL["rejection_ids"], code, enterprise)]


def _grouped(rejections: Iterable[Rejection]) -> dict[Key, Counted]:
    groups: dict[Key, Counted] = {}
    hashed: dict[int, bytes] = {}  # a message of 10,000 bad readings is hashed once
    for each in rejections:
        if each.code == OVER_SHARE:
            digest = b""
        else:
            digest = hashed.get(id(each.payload)) or hashed.setdefault(id(each.payload), sha256(each.payload).digest())
        key = Key(digest, storable(each.topic, _TOPIC_BYTES), each.code, storable(each.pointer, _POINTER_BYTES))
        counted = groups.setdefault(key, Counted(each))
        counted.seen_count += 1
        counted.last_us = max(counted.last_us, each.at_us)
    return groups


def _row(key: Key, counted: Counted) -> tuple[object, ...]:
    rejection = counted.rejection
    size = len(rejection.payload)
    kept = rejection.payload if key.code == STORE_ERROR else rejection.payload[:KEPT_BYTES]
    detail = storable(rejection.detail, _DETAIL_BYTES)
    name = None if rejection.enterprise is None else storable(rejection.enterprise, _TOPIC_BYTES)
    times = (counted.seen_count, rejection.at_us, counted.last_us)
    return (key.code, detail, name, key.topic, kept, size, key.sha256, key.pointer, *times, rejection.meter)


def storable(text: str, octets: int) -> str:
    """Text that PostgreSQL takes: no NUL, no half of a surrogate pair, at most `octets` bytes.

    What is cut ends in part of its hash, so that different texts stay different.
    """
    data = text.encode("utf-8", "backslashreplace").replace(b"\x00", b"\\0")
    if len(data) > octets:
        mark = f"…{sha256(data).hexdigest()[:16]}".encode()
        data = data[: octets - len(mark)].decode("utf-8", "ignore").encode() + mark
    return data.decode()
