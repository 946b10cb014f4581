"""When an X.509 certificate ends, read from its bytes: also where it is not trusted, of which `ssl` tells nothing.

Source: RFC 5280, section 4.1; lengths and tags after ITU-T X.690.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_CONSTRUCTED_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_LONG_FORM: Final = 0x80


def not_after(der: bytes) -> datetime:
    """The end of its validity.

    Raises:
        ValueError: These are no bytes of a certificate.
    """
    _, certificate, _ = _element(der, 0)
    _, signed, _ = _element(certificate, 0)
    tag, _, at = _element(signed, 0)
    if tag == _CONSTRUCTED_VERSION:  # version 1 leaves it out
        _, _, at = _element(signed, at)
    for _ in ("signature", "issuer"):
        _, _, at = _element(signed, at)
    _, validity, _ = _element(signed, at)
    _, _, at = _element(validity, 0)
    tag, end, _ = _element(validity, at)
    return _time(tag, end.decode("ascii"))


def _time(tag: int, text: str) -> datetime:
    if tag == _UTC_TIME:  # two digits of the year: 50 and above are of the last century
        text = ("19" if int(text[:2]) >= 50 else "20") + text  # noqa: PLR2004 - RFC 5280, 4.1.2.5.1
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"tag {tag:#x} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Tag, content and the index after the element that begins there."""
    if at + 2 > len(data):
        raise ValueError("the certificate ends early")
    tag, length, start = data[at], data[at + 1], at + 2
    if length & _LONG_FORM:
        size = length & ~_LONG_FORM
        length, start = int.from_bytes(data[start : start + size]), start + size
    if start + length > len(data):
        raise ValueError("the certificate ends early")
    return tag, data[start : start + length], start + length
