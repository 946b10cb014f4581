"""What Mosquitto tells of itself on the session of ingest: what it dropped and denied, takeovers, refused logins.

Sources: `$SYS/broker/publish/messages/received` and `…/dropped`, published every `sys_interval` where they changed, and
the broker's log as topics (`log_dest topic`). They come on the connection that the readings come on, in their order.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ingest.inbox import Delivering
    from ingest.packets import Message

RECEIVED: Final = "$SYS/broker/publish/messages/received"
DROPPED: Final = "$SYS/broker/publish/messages/dropped"
ERRORS: Final = "$SYS/broker/log/E"
NOTICES: Final = "$SYS/broker/log/N"
ELSEWHERE: Final = ("tanfeng-doctor/v1/probe", "keu-simulator/v1/faults")
"""Topics of our own beside the meters': read to be told apart from what was denied."""
TOPICS: Final = (ERRORS, NOTICES, DROPPED, RECEIVED, *ELSEWHERE)
SURE_UNACKED: Final = 10_000
"""With more unacknowledged the broker may hold messages back, and those are not missing."""
USERS_KEPT: Final = 10_000
_OURS: Final = "$SYS/"
_TAKEN: Final = re.compile(r"Client (.*) already connected, closing old connection\.$", re.DOTALL)
_CONNECTED: Final = re.compile(r"New client connected from \S+ as (.*) \(p\d, c\d, k\d+(?:, u'(.*)')?\)\.$", re.DOTALL)
_REFUSED: Final = re.compile(r"Client .* disconnected, not authorised\.$", re.DOTALL)


def of_meters(messages: list[Message], _connection: Delivering) -> list[Message]:
    """Of what an abandoned session holds, what is not the broker's word: its time has passed."""
    return [each for each in messages if not each.topic.startswith(_OURS) and each.topic not in ELSEWHERE]


class Balance:
    """Publications the broker has taken, less those that came to us: what is missing was denied."""

    def __init__(self) -> None:
        self._missing: int | None = None
        self.looks = 0
        """How often it was told what is missing."""

    def forget(self) -> None:
        """What is missing now is not known."""
        self._missing = None

    def grown(self, missing: int) -> int:
        """By how much more is missing than before; less is a queue that drains, and counts for nothing."""
        self.looks += 1
        before, self._missing = self._missing, missing
        return 0 if before is None else max(0, missing - before)


class BrokerWatch:
    """Takes the broker's own words out of what a connection delivers, and counts them until they are `taken`."""

    def __init__(self, *, sees_all: bool) -> None:
        """`sees_all`: our session gets every publication, so that what is missing was denied."""
        self.dropped: int | None = None
        """The broker's counter of messages that it dropped, as last told."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self.balance = Balance() if sees_all else None
        self._told = 0
        self._users: dict[str, str] = {}
        self._taken: set[str] = set()

    def count(self, kind: str, subject: str = "") -> None:
        """Count something that was noticed elsewhere."""
        self._counts[kind, subject] += 1

    def taken(self) -> Counter[tuple[str, str]]:
        """What was counted since it was asked for last, by kind and subject."""
        counts, self._counts = self._counts, Counter()
        return counts

    def give_back(self, counts: Counter[tuple[str, str]]) -> None:
        """What could not be stored is counted on."""
        self._counts += counts

    def begin(self) -> None:
        """A new connection delivers from now on."""
        self._told = 0
        if self.balance is not None:
            self.balance.forget()

    def sift(self, messages: list[Message], connection: Delivering) -> list[Message]:
        """The messages of meters; the broker's own are looked at, each at its place in the order."""
        kept, before = [], connection.received - len(messages)
        for index, message in enumerate(messages):
            if message.topic.startswith(_OURS):
                self._hear(message, came=before + index - self._told, unacked=connection.unacked)
                self._told += 1
            elif message.topic not in ELSEWHERE:
                kept.append(message)
        return kept

    def _hear(self, message: Message, *, came: int, unacked: int) -> None:
        text = message.payload.decode("utf-8", "replace")
        if message.topic == DROPPED:
            self.dropped = int(text) if text.isdigit() else None
        elif message.topic == RECEIVED and text.isdigit() and not message.retained:  # a retained one is of earlier
            self._weigh(int(text), came, unacked)
        elif message.topic == ERRORS and (found := _TAKEN.search(text)):
            self._taken.add(found[1])
        elif message.topic == NOTICES:
            self._notice(text)

    def _weigh(self, received: int, came: int, unacked: int) -> None:
        if self.balance is None:
            return
        if unacked > SURE_UNACKED:
            self.balance.forget()
        elif grown := self.balance.grown(received - came - (self.dropped or 0)):
            self._counts["denied", ""] += grown

    def _notice(self, text: str) -> None:
        if found := _CONNECTED.search(text):
            self._connected(found[1], found[2] or "")
        elif _REFUSED.search(text):
            self.count("refused_login")

    def _connected(self, client_id: str, user: str) -> None:
        """Who has this id now; of whom it was taken, where it was in use. The id itself goes nowhere."""
        before = self._users.pop(client_id, user)
        self._users[client_id] = user
        if len(self._users) > USERS_KEPT:
            del self._users[next(iter(self._users))]
        if client_id in self._taken:
            self._taken.discard(client_id)
            if before == user:
                self.count("replaced", user)
            else:
                self.count("takeover", f"{user} → {before}")
