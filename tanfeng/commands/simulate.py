"""`tanfeng simulate run`: the example district as a small fleet of meters, in real time."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.model import SECOND_US, iso
from services.settings import Settings
from simulators.district import read_points
from simulators.faults import Saboteur
from simulators.feed import Feed
from simulators.fleet import Fleet
from simulators.incidents import What
from simulators.live import Live
from simulators.publisher import Publisher
from simulators.truth import used
from simulators.wishes import TOPIC, Wish, heard
from tanfeng.commands import simulate_fast, simulate_fold, simulate_history, simulate_load, simulate_verify
from tanfeng.durations import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.live import Span

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "district.yaml"

group = typer.Typer(no_args_is_help=True, help="模拟企业与仪表 | Simulated plants and meters.")


def add(app: typer.Typer) -> None:
    """Add `simulate`."""
    group.command("fast")(simulate_fast.fast)
    group.command("verify")(simulate_verify.verify)
    group.command("fold")(simulate_fold.fold)
    group.command("history")(simulate_history.history)
    group.command("load")(simulate_load.load)
    app.add_typer(group, name="simulate")


@group.callback()
def _group() -> None:
    """模拟企业与仪表 | Simulated plants and meters."""


@group.command("run")
def run(
    *,
    registry: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Whose meters", show_default="examples/district.yaml")
    ] = EXAMPLE,
    broker: Annotated[str | None, typer.Option(help="mqtt://user:password@host:port")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same readings")] = 1,
    every: Annotated[float, typer.Option(parser=seconds, metavar="SPAN", help="Between two readings")] = "2s",  # type: ignore[assignment]  # typer parses the default
    backfill: Annotated[float, typer.Option(parser=seconds, metavar="SPAN", help="Past to send first")] = "24h",  # type: ignore[assignment]  # typer parses the default
    duration: Annotated[
        float | None, typer.Option("--for", parser=seconds, metavar="SPAN", help="Stop after this long")
    ] = None,
    faults: Annotated[bool, typer.Option(help="A few faults on purpose")] = True,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="KIND=ENTERPRISE/METER", help="One more, as the meters go live")
    ] = None,
) -> None:
    """发布模拟读数，停止时列出真值。Publish a fleet's readings until Ctrl-C, then print what was true."""
    settings = Settings()
    wishes = [_wish(text) for text in fault or ()]
    fleet = Fleet(read_points(registry), seed)
    feed = Feed(fleet, round(every * SECOND_US))
    saboteur = Saboteur(feed, seed) if faults else None
    url = broker or settings.broker_url.get_secret_value()
    name = f"tanfeng-fleet-{os.getpid()}"
    with _stopping(duration) as stop, Publisher(url, name=name, broker_ca=settings.broker_ca) as publisher:
        live = Live(feed=feed, saboteur=saboteur, publisher=publisher, every_us=feed.every_us, stop=stop)
        for wish in wishes:
            live.asked.put(wish)
        publisher.listen(TOPIC, lambda payload: _asked(payload, live))
        span = live.run(round(backfill * SECOND_US))
        acked = publisher.acked
    sys.stdout.write(
        "\n".join(
            [
                *report(fleet, span),
                *faults_report(saboteur),
                *incidents_report(feed),
                f"已确认消息 messages acked {acked}",
                "",
            ]
        )
    )


def report(fleet: Fleet, span: Span) -> list[str]:
    """What was true between the first and the last published moment, as lines."""
    lines = [f"真值 truth {iso(span.from_us)} … {iso(span.until_us)}, {span.ticks} ticks, {len(fleet.meters)} meters"]
    return lines + [
        f"  {row.enterprise} {row.carrier} {row.amount:f} {row.unit}"
        for row in used(fleet, span.from_us, span.until_us)
    ]


def faults_report(saboteur: Saboteur | None) -> list[str]:
    """The faults that were published, as lines."""
    happened = saboteur.happened if saboteur else []
    return [f"  故障 fault {f.kind} {f.enterprise}/{f.meter} {iso(f.read_at_us)}" for f in happened]


def incidents_report(feed: Feed) -> list[str]:
    """The faults that were asked for, as lines."""
    return [
        f"  故障 asked fault {each.kind} {each.enterprise}/{each.meter} {iso(each.from_us)} … {iso(each.until_us)}"
        for each in feed.incidents
    ]


def _wish(text: str) -> Wish:
    """KIND=ENTERPRISE/METER; it lasts one reading, or for good where the meter itself is another from then on."""
    kind, _, meter = text.partition("=")
    enterprise, _, code = meter.partition("/")
    if kind not in set(What) or not enterprise:
        raise typer.BadParameter(f"{text!r}: write for example swap=steel/furnace; kinds: {', '.join(What)}")
    return Wish(What(kind), enterprise, code, 0)


def _asked(payload: bytes, live: Live) -> None:
    wish = heard(payload, [(meter.enterprise, meter.code) for meter in live.feed.meters])
    if wish is not None:
        live.asked.put(wish)


@group.command("fault")
def fault(
    kind: Annotated[What, typer.Argument(help="What goes wrong")],
    *,
    meter: Annotated[str, typer.Option(help="enterprise/meter, or an enterprise alone for network")],
    lasts: Annotated[float, typer.Option(parser=seconds, metavar="SPAN", help="How long, where it lasts")] = "0s",  # type: ignore[assignment]  # typer parses the default
    broker: Annotated[str | None, typer.Option(help="mqtt://user:password@host:port")] = None,
) -> None:
    """让运行中的模拟仪表出故障。Let a meter of a running `simulate run` go wrong, from its next reading on."""
    settings = Settings()
    enterprise, _, code = meter.partition("/")
    wish = Wish(kind, enterprise, code, round(lasts * SECOND_US))
    url = broker or settings.broker_url.get_secret_value()
    with Publisher(url, name=f"tanfeng-fault-{os.getpid()}", broker_ca=settings.broker_ca) as publisher:
        publisher.publish(wish.message(), timeout_s=10)
        publisher.drain(10)
    sys.stdout.write(f"{kind} → {meter}\n")


@contextmanager
def _stopping(duration_s: float | None) -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM or the end of the duration sets."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    timer = threading.Timer(duration_s, stop.set) if duration_s else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield stop
    finally:
        if timer:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
