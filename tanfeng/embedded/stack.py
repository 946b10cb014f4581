"""The parts of `tanfeng up`, one after the other: database, broker, schema, registry, then our own programs."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from services.errors import TanfengError
from services.ledger.rebuild import rebuild_older
from services.store.migrate import migrate
from services.store.visit import visit
from services.upkeep.watchdog import watching
from tanfeng.demo.budgets import write_budgets
from tanfeng.embedded import broker, ports
from tanfeng.embedded.broker import Broker
from tanfeng.embedded.child import Child
from tanfeng.embedded.postgres import PostgresServer
from tanfeng.progress import REBUILDING, now_and_then

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tanfeng.embedded.state import State
    from tanfeng.embedded.supervisor import Supervisor

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
DEMO_ZONE: Final = "Asia/Shanghai"
DEMO_FAULT: Final = "swap=steel/oxygen-compressor"
"""A meter that nobody said was changed: its readings are held until enough of them agree, a quarter of an hour."""
PREFERRED_PORTS: Final = {"postgres": 15432, "broker": 1883, "ingest": 9109, "api": 8080}
PROGRAM_READY_S: Final = 60.0
PROGRAM_STOP_S: Final = 40.0
"""Longer than ingest gives its own workers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person who started us asked for."""

    state: Path
    postgres_bin: Path | None = None
    dsn: str = ""
    broker_url: str = ""
    broker_host: str = ports.LOOPBACK
    broker_passwords: Path | None = None
    workers: int = 1
    demo: bool = False
    registry: Path | None = None


class Stack:
    """Brings the parts up; the two supervisors own the processes, so that programs stop before servers."""

    def __init__(self, wanted: Wanted, state: State, say: Callable[[str], None]) -> None:
        self.wanted = wanted
        self.state = state
        self.say = say
        self.ports = ports.choose(state.ports, PREFERRED_PORTS)
        self.dsn = wanted.dsn
        self.broker_url = wanted.broker_url
        self.can_share = True
        """Whether several workers may share a subscription; iotcore does not divide it, and hangs when one leaves."""

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"http://{ports.LOOPBACK}:{self.ports['api']}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings of our programs."""
        return {
            "TANFENG_DATABASE_DSN": self.dsn,
            "TANFENG_BROKER_URL": self.broker_url,
            "TANFENG_STATE_DIR": str(self.state.folder),
            "TANFENG_INGEST_PORT": str(self.ports["ingest"]),
            "TANFENG_API_HOST": ports.LOOPBACK,
            "TANFENG_API_PORT": str(self.ports["api"]),
            **({"TANFENG_API_ANONYMOUS_ROLE": "tanfeng_district"} if self.wanted.demo else {}),
            "PYTHONUNBUFFERED": "1",
        }

    async def start_servers(self, servers: Supervisor) -> None:
        """Database and broker, where none is given, and the schema in the database."""
        if not self.dsn:
            await self._start_postgres(servers)
        if not self.broker_url:
            await self._start_broker(servers)
        async with visit(self.dsn, name="tanfeng-migrate") as con, watching(self.dsn):
            await migrate(con)
            await rebuild_older(con, now_and_then(self.say, REBUILDING))
        self.say("数据库结构就绪 schema ready")
        self.state.tell({name: value for name, value in self.environment.items() if name.startswith("TANFENG_")})

    async def start_programs(self, programs: Supervisor) -> None:
        """The registry, then ingest, beside them the API; then (demo) the fleet, whose broker queue now exists."""
        await _all(programs.start(self._api()), self._start_ingest(programs))
        await programs.start(self._program("evaluate", "evaluate"))
        await programs.start(self._program("maintain", "maintain"))
        if self.wanted.demo:
            fleet = ("simulate", "run", "--registry", str(self._registry()), *self._demo_fault())
            await programs.start(self._program("fleet", *fleet))

    async def _start_ingest(self, programs: Supervisor) -> None:
        if registry := self._registry():
            words = await self._tanfeng("registry", "apply", str(registry), "--yes", "--as", "tanfeng-up")
            for line in words.splitlines():
                if line.startswith(f"{registry}:"):  # a warning; the changes themselves are not repeated
                    self.say(line)
            self.say(f"台账已登记 registry applied: {registry}")
        if self.wanted.demo and self.wanted.registry is None:
            await self._apply_demo()
        await programs.start(self._ingest())

    async def _apply_demo(self) -> None:
        """Rules that tell within minutes, and a budget that is crossed by then, so that warnings are seen."""
        budgets = write_budgets(self.state.folder, datetime.now(tz=ZoneInfo(DEMO_ZONE)).year)
        await self._tanfeng("rules", "apply", str(EXAMPLES / "rules-demo.yaml"), "--as", "tanfeng-up")
        await self._tanfeng("budget", "apply", str(budgets), "--yes", "--as", "tanfeng-up")
        self.say(f"演示规则与预算已写入 rules and budgets of the demo: {budgets}")

    def _demo_fault(self) -> tuple[str, ...]:
        return ("--fault", DEMO_FAULT) if self.wanted.registry is None else ()

    def _registry(self) -> Path | None:
        return self.wanted.registry or (EXAMPLES / "district.yaml" if self.wanted.demo else None)

    async def _start_postgres(self, servers: Supervisor) -> None:
        server = PostgresServer(
            self.state.part("postgres"),
            self.ports["postgres"],
            self.state.secret("postgres"),
            self.wanted.postgres_bin,
        )
        await asyncio.to_thread(server.prepare)
        await servers.start(server.child())
        self.dsn = server.dsn()
        self.say(f"数据库就绪 database ready: {ports.LOOPBACK}:{server.port}, {server.data}")

    async def _start_broker(self, servers: Supervisor) -> None:
        passwords = self._passwords()
        own = Broker(
            self.state.part("broker"),
            self.ports["broker"],
            self.wanted.broker_host,
            passwords,
            broker.find_mosquitto(),
        )
        if own.kind == "iotcore":
            self.can_share = False
            self.say(broker.IOTCORE_WARNING)
        own.prepare()
        await servers.start(own.child())
        self.broker_url = own.url
        self.say(f"消息代理就绪 broker ready: {own.kind} mqtt://{own.host}:{own.port}")

    def _passwords(self) -> dict[str, str]:
        if self.wanted.broker_passwords is None:
            return {}
        given = broker.read_passwords(self.wanted.broker_passwords)
        return {broker.OPERATOR: self.state.secret("broker"), **given}

    def _ingest(self) -> Child:
        workers = self.wanted.workers if self.can_share else 1
        more = ("--workers", str(workers)) if workers > 1 else ()
        return self._program("ingest", "ingest", *more, port=self.ports["ingest"])

    def _api(self) -> Child:
        return self._program("api", "api", port=self.ports["api"])

    def _program(self, name: str, *arguments: str, port: int | None = None) -> Child:
        return Child(
            name=name,
            command=(sys.executable, "-m", "tanfeng", *arguments),
            environment=self.environment,
            ready=lambda _pid: port is None or ports.healthy(port),
            ready_s=PROGRAM_READY_S,
            tries=1,  # what stops it at once, a wrong setting, does so again
            stop_s=PROGRAM_STOP_S,
        )

    async def _tanfeng(self, *arguments: str) -> str:
        """Run a command of ours to its end and give its words, which are the error if it fails."""
        child = Child(arguments[0], (sys.executable, "-m", "tanfeng", *arguments), self.environment)
        options = child.options(asyncio.subprocess.PIPE) | {"stderr": asyncio.subprocess.STDOUT}
        process = await asyncio.create_subprocess_exec(*child.argv, **options)
        output, _ = await process.communicate()
        words = output.decode(errors="replace").strip()
        if process.returncode != 0:
            raise TanfengError(f"tanfeng {' '.join(arguments[:2])} failed:\n{words}")
        return words


async def _all(*starts: Awaitable[None]) -> None:
    """Wait for all of them, then raise the first problem: none is left half started."""
    for outcome in await asyncio.gather(*starts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
