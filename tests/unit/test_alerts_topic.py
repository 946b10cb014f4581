"""Our own warnings come back on ingest's subscription of everything: they are neither readings nor rejections."""

from __future__ import annotations

from services.wire import Limits, decode
from services.wire.topics import alerts_topic, is_alerts


def test_an_alert_is_decoded_to_nothing() -> None:
    """Whatever its bytes; a meter called alerts is a meter."""
    limits = Limits(1024, 10, 0, 0)
    for payload in (b'{"rule": "PueHigh"}', b"", b"\xff"):
        decoded = decode(alerts_topic("works"), payload, {}, 0, limits)
        assert (decoded.arrivals, decoded.rejected) == ([], [])
    assert not is_alerts("keu/v1/works/alerts/readings")
    assert not is_alerts("keu/v1/alerts")
