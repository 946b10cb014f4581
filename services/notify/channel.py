"""Sending one message by apprise: webhook, e-mail, DingTalk, WeCom, Feishu.

What goes wrong is told without the address: schemes and hosts come from a secret, and so does every error about them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final, Protocol

from apprise import AppriseAsset, NotifyType

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its e-mail looks for a module that Python 3.13 removes
    from apprise.plugins.email import NotifyEmail
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.lark import NotifyLark
from apprise.plugins.wecombot import NotifyWeComBot

from services.notify.guard import guarded
from services.notify.message import body, title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from apprise.plugins.base import NotifyBase

    from services.notify.config import Network, Target

SCHEMES: Final[dict[str, type[NotifyBase]]] = {
    "json": NotifyJSON,
    "jsons": NotifyJSON,
    "mailto": NotifyEmail,
    "mailtos": NotifyEmail,
    "dingtalk": NotifyDingTalk,
    "wecombot": NotifyWeComBot,
    "feishu": NotifyFeishu,
    "lark": NotifyLark,
}
"""What an address may begin with: webhooks, e-mail, DingTalk, WeCom, Feishu. apprise's other services stay unloaded."""
SEND_S: Final = 60.0
_UNREADABLE: Final = "the address cannot be understood"
_TYPES: Final = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING, "notice": NotifyType.INFO}
_ASSET: Final = AppriseAsset(app_id="Tanfeng", app_desc="Tanfeng 碳峰", app_url="", http_redirects=False)


class DeliveryError(Exception):
    """A message could not be delivered; the text holds nothing of the address."""


class Channel(Protocol):
    """Sends messages to one target."""

    async def send(self, sent: Mapping[str, Any]) -> None:
        """Send one message; returns once the other side has taken it.

        Raises:
            DeliveryError: It has not; the message will be tried again.
        """

    async def close(self) -> None:
        """Let go of the connection."""


class AppriseChannel:
    """A target whose address is in a file, read anew for each message."""

    def __init__(self, target: Target, allowed: Sequence[Network]) -> None:
        self._target = target
        self._allowed = allowed

    async def send(self, sent: Mapping[str, Any]) -> None:
        """Send one message; returns once the other side has taken it."""
        try:
            problem = await asyncio.wait_for(asyncio.to_thread(self._send, sent), SEND_S)
        except TimeoutError:
            raise DeliveryError("no answer in time") from None
        if problem:
            raise DeliveryError(problem)

    async def close(self) -> None:
        """Nothing stays open between messages."""

    def _send(self, sent: Mapping[str, Any]) -> str:
        """The problem, or nothing."""
        address = read_address(self._target)
        if isinstance(address, _Problem):
            return address
        service = _service(address)
        if service is None:
            return _UNREADABLE
        kind = (
            NotifyType.SUCCESS if sent["kind"] == "resolved" else _TYPES.get(sent.get("severity", ""), NotifyType.INFO)
        )
        with guarded(self._allowed) as refused, _codes() as codes:
            taken = service.notify(body=body(sent), title=title(sent), notify_type=kind)
        if taken:
            return ""
        if refused:
            return "refused: the address is private and not listed under allow_private"
        return f"the other side answered {codes[-1]}" if codes else "the other side cannot be reached or refused"


class _Problem(str):
    """A problem instead of an address."""

    __slots__ = ()


def read_address(target: Target) -> str:
    """The address in the target's file, if its scheme is allowed; else the problem."""
    try:
        lines = [] if target.address_file is None else target.address_file.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError):
        return _Problem("the address file cannot be read")
    if not lines:
        return _Problem("the address file is empty")
    if lines[0].partition("://")[0].lower() not in SCHEMES:
        return _Problem(f"the scheme is not allowed; use one of {', '.join(SCHEMES)}")
    return lines[0]


def address_problem(target: Target) -> str:
    """What is wrong with a target's address as far as can be told without sending; nothing if it is sound."""
    address = read_address(target)
    if isinstance(address, _Problem):
        return address
    return _UNREADABLE if _service(address) is None else ""


def _service(address: str) -> NotifyBase | None:
    scheme = address.partition("://")[0].lower()
    parsed = SCHEMES[scheme].parse_url(address)
    if not parsed:
        return None
    try:
        service = SCHEMES[scheme](**{**parsed, "asset": _ASSET})
    except TypeError:  # what apprise raises of an address that lacks something
        return None
    service.redirects = False
    return service


class _codes(logging.Handler):  # noqa: N801 - used as `with _codes() as codes`
    """The HTTP codes that apprise logs in this thread; the rest of what it says may hold the address and is dropped."""

    def __enter__(self) -> list[str]:
        self._found: list[str] = []
        self._own = threading.get_ident()
        logging.getLogger("apprise").addHandler(self)
        return self._found

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take the code out of 'Failed to send …, error=404.'."""
        code = re.search(r"error=(\d{3})\b", record.getMessage())
        if code and record.thread == self._own:
            self._found.append(code[1])


for _name in ("apprise", "urllib3", "requests"):
    _logger = logging.getLogger(_name)
    _logger.propagate = False
    _logger.addHandler(logging.NullHandler())
    _logger.setLevel(logging.WARNING)  # below it they write whole addresses
