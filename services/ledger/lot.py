"""A lot: decoded messages on their way into one transaction, and which message each reading came from."""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from services.ledger.rejections import OVER_SHARE, STORE_ERROR, Rejection
from services.model import iso
from services.wire import decode_fast, judge
from services.wire.topics import address_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.ledger.booking import Booked
    from services.ledger.shares import Shares
    from services.model import Arrival, MeterRef
    from services.wire import Decoded, Limits


class Envelope(Protocol):
    """A received message."""

    @property
    def topic(self) -> str:
        """Where it was published."""

    @property
    def payload(self) -> bytes:
        """Its bytes."""

    @property
    def received_us(self) -> int:
        """When it came."""

    @property
    def retained(self) -> bool:
        """Whether the broker sent a stored copy."""


@dataclass(slots=True)
class Lot:
    """Readings and rejections of some messages, decoded under one version of the registry.

    `firsts[i]` is the index of the first reading of `envelopes[i]`.
    """

    version: int
    arrivals: list[Arrival] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)

    def add(self, envelope: Envelope, directory: Mapping[tuple[str, str], MeterRef], limits: Limits) -> None:
        """Decode a message into the lot; never raises, whatever the bytes."""
        if not self.add_flawless(envelope, directory, limits):
            self.judge(envelope, directory, limits)

    def add_flawless(self, envelope: Envelope, directory: Mapping[tuple[str, str], MeterRef], limits: Limits) -> bool:
        """Decode a message into the lot if it is known to be flawless; whether it is."""
        if envelope.retained:
            return False
        arrivals = decode_fast(envelope.topic, envelope.payload, directory, envelope.received_us, limits)
        if arrivals is None:
            return False
        self._add_arrivals(envelope, arrivals)
        return True

    def judge(
        self,
        envelope: Envelope,
        directory: Mapping[tuple[str, str], MeterRef],
        limits: Limits,
        shares: Shares | None = None,
    ) -> None:
        """Decode a message that may have faults, many times slower; its sender is charged if it has."""
        started = time.perf_counter()
        topic, payload, received_us = envelope.topic, envelope.payload, envelope.received_us
        decoded = judge(topic, payload, directory, received_us, limits, retained=envelope.retained)
        self.add_decoded(envelope, decoded)
        if decoded.rejected and shares is not None:
            shares.spend(topic, time.perf_counter() - started)

    def add_decoded(self, envelope: Envelope, decoded: Decoded) -> None:
        """Take in what a message of the lot's version of the registry was judged to hold."""
        self.rejections += [
            rejection(envelope, each.code, each.detail, each.pointer, each.meter) for each in decoded.rejected
        ]
        self._add_arrivals(envelope, decoded.arrivals)

    def refuse_unread(self, envelope: Envelope) -> None:
        """Refuse a message for what its sender sends besides."""
        self.rejections.append(rejection(envelope, OVER_SHARE, "", ""))

    def _add_arrivals(self, envelope: Envelope, arrivals: list[Arrival]) -> None:
        if arrivals:
            self.envelopes.append(envelope)
            self.firsts.append(len(self.arrivals))
            self.arrivals += arrivals

    def refuse(self, index: int, code: str, detail: str) -> Rejection:
        """The rejection of one reading, by its place in `arrivals`."""
        envelope = self.envelopes[bisect_right(self.firsts, index) - 1]
        return rejection(envelope, code, detail, place_of(self.arrivals[index]))

    def refused_by_store(self, booked: Booked) -> Iterator[Rejection]:
        """What booking did not take: other values for stored keys, and readings older than those kept."""
        places = {id(arrival): index for index, arrival in enumerate(self.arrivals)}
        for received, stored in booked.conflicts:
            detail = f"{received.text or shown(received.raw)} received, {shown(stored)} stands"
            yield self.refuse(places[id(received)], "conflict", detail)
        for received in booked.too_old:
            yield self.refuse(places[id(received)], "before_kept", f"{shown(received.raw)} received")

    def halves(self) -> tuple[Lot, Lot]:
        """The lot in two: its readings, or where there is at most one, its rejections."""
        middle = len(self.arrivals) // 2
        if middle:
            return self._part(0, middle), self._part(middle, len(self.arrivals))
        if self.arrivals:
            return self._only(self.rejections), replace(self, rejections=[])
        middle = len(self.rejections) // 2
        return self._only(self.rejections[:middle]), self._only(self.rejections[middle:])

    @property
    def size(self) -> int:
        """How many rows may be at fault in it."""
        return len(self.arrivals) + len(self.rejections)

    def alone(self, problem: str) -> Lot:
        """What is recorded of one reading, or of one rejection, that the store refuses by itself."""
        if self.arrivals:
            return self._only([self.refuse(0, STORE_ERROR, problem)])
        return self._only([replace(self.rejections[0], code=STORE_ERROR, detail="", topic="", pointer="")])

    def _only(self, rejections: list[Rejection]) -> Lot:
        return Lot(self.version, rejections=rejections)

    def _part(self, start: int, end: int) -> Lot:
        """The readings [start, end); the rejections stay with the first of them."""
        part = Lot(self.version, self.arrivals[start:end], self.rejections if start == 0 else [])
        before = max(0, bisect_right(self.firsts, start) - 1)
        for envelope, first in zip(self.envelopes[before:], self.firsts[before:], strict=True):
            if first >= end:
                break
            part.envelopes.append(envelope)
            part.firsts.append(max(0, first - start))
        return part


def rejection(envelope: Envelope, code: str, detail: str, pointer: str, meter: str = "") -> Rejection:
    """A rejection of this message, or of the part of it at `pointer`; `meter` where a reading names it."""
    address = address_of(envelope.topic)
    name = None if address is None else address.enterprise
    meter = meter or (address.meter if address and address.meter else "")
    return Rejection(code, detail, envelope.topic, envelope.payload, pointer, name, envelope.received_us, meter)


def place_of(arrival: Arrival) -> str:
    """The pointer of a reading that the store refused: its key, for its place in the message is not known any more."""
    return f"register {arrival.register_id} at {iso(arrival.at)}"


def shown(raw: int) -> str:
    """Stored thousandths as the decimal they are, in the carrier's unit, before the multiplier."""
    return str(Decimal(raw).scaleb(-3))
