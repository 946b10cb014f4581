"""Password verifiers as PostgreSQL stores them, so that a clear password reaches no statement and no log.

Source: RFC 5802 and RFC 7677; PostgreSQL's `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode
from typing import Final

ITERATIONS: Final = 4096
"""PostgreSQL's default."""


def verifier(password: str, salt: bytes | None = None) -> str:
    """The verifier of a password of printable ASCII.

    Raises:
        ValueError: Another character is in it, which PostgreSQL would normalise before hashing.
    """
    if not (password.isascii() and password.isprintable()):
        raise ValueError("a password may hold printable ASCII characters only")
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
