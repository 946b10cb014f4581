"""How fast ingest drains a preloaded broker into the ledger, against the least that anyone could do.

    .venv/bin/python -m benchmarks.ingest [--messages 200000] [--registers 1000] [--gateway 50] [--json FILE]

Starts its own PostgreSQL (durable: fsync on) and broker with the settings of the embedded default, preloads single
readings at QoS 1 while nobody reads, then drains them with `tanfeng ingest`; the same for gateway messages. In the
same run: a paho consumer that only acknowledges, and a COPY of the same rows in batches of the same size. Ratios to
these two mean more than messages a second, which are the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.stand import Stand, cpu_s, stand
from services.model import SECOND_US, iso
from services.settings import Settings
from services.store.migrate import migrate
from services.store.pool import connect
from tests.ingest_rig import ENTERPRISE, START, STEP_US, environment, make_fleet, until
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg

    from tests.mqtt import Post

BARE_CONSUMER = """
import sys, threading
import paho.mqtt.client as mqtt
port, messages = int(sys.argv[1]), int(sys.argv[2])
done, left = threading.Event(), [messages]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "bare", clean_session=False, manual_ack=True)
def on_message(client, _, message):
    client.ack(message.mid, message.qos)
    left[0] -= 1
    if not left[0]:
        done.set()
client.on_message = on_message
def on_connect(client, *_):
    client.subscribe("$share/bare/keu/v1/#", 1)
    print("subscribed", file=sys.stderr, flush=True)
client.on_connect = on_connect
client.on_subscribe = lambda *_: messages or done.set()
client.connect("127.0.0.1", port)
client.loop_start()
done.wait()
client.disconnect()
client.loop_stop()
"""


@dataclass
class Drained:
    """One drain: rates, and CPU microseconds a message of each process."""

    what: str
    messages: int
    readings: int
    seconds: float
    cpu_us: dict[str, float]

    @property
    def messages_s(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def readings_s(self) -> float:
        """Readings a second."""
        return self.readings / self.seconds


class Bench:
    """The servers of a run and what is measured on them."""

    def __init__(self, on: Stand) -> None:
        self.postgres, self.broker = on.postgres, on.broker
        self.dsn = on.postgres.dsn()
        self._log = on.folder / "consumer.log"

    async def ingest(self, what: str, posts: Sequence[Post], readings: int) -> Drained:
        """Preload, then drain with `tanfeng ingest`."""
        env = environment(self.dsn, self.broker.url)
        command = (sys.executable, "-m", "tanfeng", "ingest")
        with self._consumer(command, env) as process:
            await until(lambda: "subscribed" in self._log.read_text())
            process.send_signal(signal.SIGTERM)
        await publish(self.broker.url, posts)
        con = await connect(self.dsn, name="benchmark")
        before = await _committed(con)

        async def is_drained() -> bool:
            return await _committed(con) - before >= len(posts)

        with self._consumer(command, env) as process:
            drained = await self._measure(what, process, len(posts), readings, is_drained)
            process.send_signal(signal.SIGTERM)
        await con.close()
        return drained

    async def bare(self, what: str, posts: Sequence[Post], readings: int) -> Drained:
        """Preload, then drain with a paho consumer that acknowledges and does nothing else."""
        port = str(self.broker.broker.port)
        with self._consumer((sys.executable, "-c", BARE_CONSUMER, port, "0"), dict(os.environ)) as process:
            await asyncio.to_thread(process.wait)
        await publish(self.broker.url, posts)
        command = (sys.executable, "-c", BARE_CONSUMER, port, str(len(posts)))
        with self._consumer(command, dict(os.environ)) as process:

            async def is_drained() -> bool:
                return process.poll() is not None

            drained = await self._measure(what, process, len(posts), readings, is_drained)
        await _end_session(int(port), "bare")
        return drained

    async def copy(self, what: str, rows: Sequence[tuple[int, int, int, int, None]]) -> Drained:
        """COPY the rows into a table like that of readings, a transaction for each batch."""
        con = await connect(self.dsn, name="benchmark")
        await con.execute("DROP TABLE IF EXISTS bare_copy; CREATE TABLE bare_copy (LIKE core.reading INCLUDING ALL)")
        size = Settings().batch_readings
        cpu, started = self._cpu(), time.perf_counter()
        for start in range(0, len(rows), size):
            await con.copy_records_to_table("bare_copy", records=rows[start : start + size])
        seconds, after = time.perf_counter() - started, self._cpu()
        await con.close()
        used = {name: (after[name] - cpu[name]) / len(rows) * 1e6 for name in ("database",)}
        return Drained(what, len(rows), len(rows), seconds, used)

    async def _measure(
        self, what: str, process: subprocess.Popen[bytes], messages: int, readings: int, is_drained: object
    ) -> Drained:
        await until(lambda: "subscribed" in self._log.read_text())
        before, started = self._cpu(process.pid), time.perf_counter()
        after = before
        while not await is_drained():  # type: ignore[operator]
            if (now := self._cpu(process.pid))["consumer"]:
                after = now  # the last look before it ends
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - started
        used = {name: (after[name] - before[name]) / messages * 1e6 for name in before}
        return Drained(what, messages, readings, seconds, used)

    def _cpu(self, consumer: int | None = None) -> dict[str, float]:
        """CPU seconds so far of each process."""
        used = {"broker": cpu_s(self.broker.pid), "database": cpu_s(self.postgres.pid)}
        return used if consumer is None else {"consumer": cpu_s(consumer), **used}

    @contextmanager
    def _consumer(self, command: Sequence[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.wait(60)


async def _committed(con: asyncpg.Connection[asyncpg.Record]) -> int:
    total: int = await con.fetchval("SELECT coalesce(sum(messages), 0)::bigint FROM core.ingest_minute")
    return total


async def _end_session(port: int, client_id: str) -> None:
    from ingest.connection import Broker as Address  # noqa: PLC0415 - the name is taken
    from ingest.connection import connect as open_connection  # noqa: PLC0415
    from ingest.inbox import Inbox  # noqa: PLC0415

    connection, _ = await open_connection(Address("127.0.0.1", port), client_id, Inbox(1, 1), clean=True)
    await connection.disconnect()


def gateway_posts(registers: int, readings: int, size: int, first: int) -> list[Post]:
    """Readings from number `first` of each register on, in messages of `size`."""
    texts = [
        f'{{"meter":"m{n % registers}","read_at":"{iso(START + (first + n // registers) * STEP_US)}",'
        f'"registers":{{"import":{first + n // registers}}}}}'
        for n in range(readings)
    ]
    topic = f"keu/v1/{ENTERPRISE}/readings"
    return [(topic, f"[{','.join(texts[n : n + size])}]".encode()) for n in range(0, readings, size)]


async def measure(bench: Bench, messages: int, registers: int, size: int) -> list[Drained]:
    """All drains of a run."""
    con = await connect(bench.dsn, name="benchmark")
    await migrate(con)
    fleet = await make_fleet(con, registers)
    await con.close()
    posts = fleet.posts(messages)
    bundles = gateway_posts(registers, messages, size, messages // registers)
    now_us = time.time_ns() // 1000
    rows = [
        (fleet.registers[n % registers], at := START + n // registers * STEP_US, n, (now_us - at) // SECOND_US, None)
        for n in range(messages)
    ]
    return [
        await bench.bare("single readings, bare paho consumer", posts, messages),
        await bench.ingest("single readings, tanfeng ingest", posts, messages),
        await bench.bare(f"gateway messages of {size}, bare paho consumer", bundles, messages),
        await bench.ingest(f"gateway messages of {size}, tanfeng ingest", bundles, messages),
        await bench.copy("rows, bare COPY", rows),
    ]


def report(results: Sequence[Drained]) -> dict[str, object]:
    """Print the results; the same as JSON."""
    for each in results:
        cpu = ", ".join(f"{name} {used:.1f}" for name, used in each.cpu_us.items())
        rates = f"{each.messages_s:>9,.0f} messages/s {each.readings_s:>9,.0f} readings/s"
        print(f"{each.what:46} {rates} in {each.seconds:6.1f} s; CPU µs a message: {cpu}")
    bare, single, _, gateway, copied = results
    ratios = {
        "single_to_bare_consumer": single.messages_s / bare.messages_s,
        "gateway_to_bare_copy": gateway.readings_s / copied.readings_s,
    }
    print(f"single readings: {ratios['single_to_bare_consumer']:.2f} of the bare consumer (aim 0.7)")
    print(f"gateway messages: {ratios['gateway_to_bare_copy']:.2f} of the bare COPY (aim 0.5)")
    per_second = ("messages_s", "readings_s")
    drains = [asdict(each) | {name: getattr(each, name) for name in per_second} for each in results]
    return {"cpus": os.cpu_count(), "drains": drains, "ratios": ratios}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000, help="readings of each drain")
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--gateway", type=int, default=50, help="readings in a gateway message")
    parser.add_argument("--postgres-bin", type=Path, help="folder of postgres and initdb, e.g. with TimescaleDB")
    parser.add_argument("--json", type=Path, help="write the results here too")
    options = parser.parse_args()
    found = run(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def run(options: argparse.Namespace) -> dict[str, object]:
    """Start the servers, measure, stop them."""
    with stand(options.postgres_bin) as on:
        print(f"{on.broker.broker.kind}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before")
        bench = Bench(on)
        return report(asyncio.run(measure(bench, options.messages, options.registers, options.gateway)))


if __name__ == "__main__":
    main()
