"""Bytes from meters to readings: one module per payload format, pure."""

from __future__ import annotations

from services.wire.fast import decode_fast
from services.wire.native import decode, encode_batch, encode_reading, judge
from services.wire.outcome import Decoded, Limits, Rejected
from services.wire.rejections import REJECTIONS

__all__ = [
    "REJECTIONS",
    "Decoded",
    "Limits",
    "Rejected",
    "decode",
    "decode_fast",
    "encode_batch",
    "encode_reading",
    "judge",
]
