"""Bytes from meters to readings: one module per payload format, pure."""

from __future__ import annotations

from services.wire.native import decode, encode_batch, encode_reading
from services.wire.outcome import Decoded, Limits, Rejected
from services.wire.rejections import REJECTIONS

__all__ = ["REJECTIONS", "Decoded", "Limits", "Rejected", "decode", "encode_batch", "encode_reading"]
