"""A registry file reaches the database exactly, once, and only whole."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from services.errors import TanfengError
from services.ledger.booking import Books
from services.ledger.directory import load_directory, registry_version
from services.model import MeterRef, RegisterRef
from services.registry.apply import apply_plan
from services.registry.content import acts_of, load_carriers, load_content, plan_file
from services.registry.offline import read_offline, shipped_carriers
from services.store.pool import connect
from services.wire import Limits, decode, encode_reading
from tanfeng.cli import app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.registry.plan import Plan
    from services.store.pool import Connection

EXAMPLE = Path(__file__).parents[2] / "examples" / "district.yaml"
SMALL = """\
district: {code: d, name_zh: 示例区, name_en: Example}
enterprises:
  steel:
    industry: steel
    name_zh: 示例钢铁厂
    name_en: Example Steelworks
    sites:
      works:
        kind: plant
        name_zh: 厂区
        name_en: Works
        meters:
          main:
            level: 1
            registers:
              import: {carrier: electricity, kind: total_increasing, unit: kWh, resolution: 0.01, max_rate: 1200}
"""
LIMITS = Limits(1 << 20, 10_000, 0, 0)
START = 1_767_225_600_000_000  # 2026-01-01T00:00Z


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """A connection to the test's database."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


async def applied(con: Connection, text: str, *, is_csv: bool = False) -> Plan:
    """Plan a file that must be right, and apply it."""
    plan, problems = await plan_file(con, text, is_csv=is_csv)
    assert [problem for problem in problems if not problem.is_warning] == []
    await apply_plan(con, plan, "tester")
    return plan


async def refused(con: Connection, text: str) -> list[str]:
    """The problems of a file, as printed."""
    plan, problems = await plan_file(con, text, is_csv=False)
    del plan
    return [str(problem) for problem in problems if not problem.is_warning]


async def book(con: Connection, values: dict[int, str]) -> None:
    """Book readings of steel/main/import at minutes after the start."""
    _, directory = await load_directory(con)
    arrivals = []
    for minute, value in values.items():
        payload = f'{{"read_at": {START // 1_000_000 + 60 * minute}, "registers": {{"import": {value}}}}}'.encode()
        decoded = decode("keu/v1/steel/main/readings", payload, directory, START + 10**12, LIMITS)
        assert decoded.rejected == []
        arrivals += decoded.arrivals
    async with con.transaction():
        await Books().book(con, arrivals)


async def booked(con: Connection) -> int:
    """Thousandths in the ledger."""
    return int(await con.fetchval("SELECT coalesce(sum(amount), 0) FROM core.energy_15m"))


async def test_the_example_district_is_stored_as_its_file_says_and_a_second_plan_is_empty(
    con: Connection,
) -> None:
    """What is loaded back is what an offline reading of the file gives."""
    plan = await applied(con, EXAMPLE.read_text("utf-8"))
    assert len(plan.registers) == 38
    stored, declared = await load_content(con), read_offline(EXAMPLE)
    assert stored.version == 2
    for name in ("districts", "enterprises", "sites", "meters", "registers"):
        assert getattr(stored, name) == getattr(declared, name)
    again, problems = await plan_file(con, EXAMPLE.read_text("utf-8"), is_csv=False)
    assert again.is_empty
    assert [problem for problem in problems if not problem.is_warning] == []
    await apply_plan(con, again, "tester")
    assert await registry_version(con) == 2
    assert await con.fetchval("SELECT count(*) FROM core.audit WHERE action = 'registry applied'") == 1
    states = await con.fetchval("SELECT count(*) FROM core.register_state")
    assert states == await con.fetchval("SELECT count(*) FROM core.register")


async def test_the_directory_holds_what_decoding_needs(con: Connection) -> None:
    """Units as exact factors, zones where declared, and the largest multiplier in force."""
    await applied(con, EXAMPLE.read_text("utf-8"))
    version, directory = await load_directory(con)
    assert version == 2
    assert directory["strontium", "main-10kv"].zone == "Asia/Shanghai"
    mwh = directory["cloud-b", "intake"].registers["import"]
    assert mwh == RegisterRef(mwh.register_id, Fraction(1000), Fraction(20))
    power = directory["steel", "main-110kv"].registers["power"]
    assert power.unit_factor == 1
    assert isinstance(directory["civic", "heat"], MeterRef)
    act = "acts: [{kind: multiplier, at: 2026-01-01T08:00:00+08:00, value: 40, reason: 换互感器}]"
    await applied(con, SMALL.replace("code: d,", "code: shili,").replace("max_rate: 1200", f"max_rate: 1200, {act}"))
    _, directory = await load_directory(con)
    assert directory["steel", "main"].registers["import"].multiplier == 40


async def test_carriers_of_the_database_are_those_of_the_shipped_facts(con: Connection) -> None:
    """An offline check of a file judges as the database does."""
    for region in ("CN-CQ", "CN-SC", "CN-XX"):
        offline = shipped_carriers(region, "grid_average")
        assert await load_carriers(con, region, "grid_average") == offline
        assert offline["electricity"].has_factor == (region != "CN-XX")


async def test_what_cannot_change_is_refused_with_its_line_and_the_fix(con: Connection) -> None:
    """The database keeps what it has."""
    await applied(con, SMALL)
    wrong = await refused(con, SMALL.replace("unit: kWh", "unit: MWh, multiplier: 40"))
    assert [line.split(":")[0] for line in wrong] == ["16", "16"]
    assert "declare a multiplier act" in "".join(wrong)
    assert "a register with a new code" in "".join(wrong)
    zone = await refused(con, SMALL.replace("kind: plant", "kind: plant\n        zone: Asia/Seoul"))
    assert zone == [
        (
            "10: zone of site works cannot change from Asia/Shanghai to Asia/Seoul"
            " — declare a new site: days of two zones cannot be added up"
        )
    ]
    assert await registry_version(con) == 2


async def test_a_policy_change_books_what_is_stored_anew_and_its_undoing_restores_it(con: Connection) -> None:
    """A jump that max_rate held back is booked once the right max_rate is declared."""
    await applied(con, SMALL)
    await book(con, {0: "0", 15: "300", 30: "1600", 45: "1900"})
    before = await booked(con)
    await applied(con, SMALL.replace("max_rate: 1200", "max_rate: 6000"))
    assert before == 300_000
    assert await booked(con) == 1_900_000
    changed = await applied(con, SMALL)
    assert len(changed.words) == 2
    assert await booked(con) == before
    assert await con.fetchval("SELECT count(*) FROM core.register_policy") == 3


async def test_a_dated_policy_holds_from_its_day_in_the_sites_zone(con: Connection) -> None:
    """The version before it stays as it is."""
    await applied(con, SMALL)
    plan = await applied(
        con, SMALL.replace("max_rate: 1200}", "max_rate: 1200, changes: [{from: 2026-03-01, max_rate: 1500}]}")
    )
    assert plan.words == [
        (
            "+ 自 from 2026-02-28T16:00:00Z register steel/main/import: max_rate 1500, resolution 0.01, modulus -, "
            "interval 900s, gap 3600s, slack 60s, noise 0.01, on_fall confirm, flat 86400s"
        )
    ]
    rates = await con.fetch("SELECT max_rate FROM core.register_policy ORDER BY valid_from")
    assert [row["max_rate"] for row in rates] == [1200, 1500]


async def test_a_level_change_moves_the_booked_days_out_of_and_back_into_the_scope(con: Connection) -> None:
    """Only level 1 counts for the enterprise; the old version is kept with the moment it ended."""
    await applied(con, SMALL)
    await book(con, {0: "0", 15: "300", 30: "600"})
    scope = "SELECT coalesce(sum(amount), 0)::int FROM core.energy_scope_day"
    assert await con.fetchval(scope) == 600_000
    await applied(con, SMALL.replace("level: 1", "level: 2"))
    assert await con.fetchval(scope) == 0
    await applied(con, SMALL)
    assert await con.fetchval(scope) == 600_000
    assert await con.fetchval("SELECT count(*) FROM core.meter_membership") == 3


async def test_a_site_that_is_sold_counts_for_its_new_owner_from_that_day(con: Connection) -> None:
    """Its meters stay where their credentials are."""
    await applied(con, SMALL)
    await book(con, {0: "0", 15: "300", 2880: "600", 2895: "900"})
    buyer = "  buyer: {industry: steel, name_zh: 示例买方, name_en: Example Buyer}\n"
    sold = SMALL.replace("kind: plant", "kind: plant\n        changes: [{from: 2026-01-03, enterprise: buyer}]") + buyer
    await applied(con, sold)
    rows = await con.fetch(
        "SELECT e.code, sum(amount)::int AS amount FROM core.energy_scope_day JOIN core.enterprise e"
        " USING (enterprise_id) GROUP BY 1 ORDER BY 1"
    )
    amounts = {row["code"]: row["amount"] for row in rows}
    assert sum(amounts.values()) == 900_000
    assert amounts["buyer"] > 300_000
    assert (await plan_file(con, sold, is_csv=False))[0].is_empty


async def test_an_act_of_the_file_is_declared_once_and_a_corrected_one_takes_its_place(con: Connection) -> None:
    """Acts that the file does not name stay."""
    act = "acts: [{kind: replacement, at: 2026-01-01T00:20:00Z, final: 400, start: 37, reason: 换表}]"
    await applied(con, SMALL)
    await book(con, {0: "0", 15: "300", 30: "137", 45: "437"})
    with_act = SMALL.replace("max_rate: 1200}", f"max_rate: 1200, {act}}}")
    await applied(con, with_act)
    assert await booked(con) == 800_000
    assert (await plan_file(con, with_act, is_csv=False))[0].is_empty
    await applied(con, with_act.replace("final: 400", "final: 380"))
    assert await booked(con) == 780_000
    assert (await plan_file(con, SMALL, is_csv=False))[0].is_empty
    acts = await acts_of(con)
    assert [len(each) for each in acts.values()] == [1]
    assert await con.fetchval("SELECT count(*) FROM core.act WHERE withdrawn_by = 'tester'") == 1


async def test_registers_in_bulk_come_as_csv_into_registered_sites(con: Connection) -> None:
    """One row a register; a site that is not registered is an error of its line."""
    header = "enterprise,site,meter,level,register,carrier,kind,unit,resolution,max_rate\n"
    await applied(con, SMALL)
    rows = "".join(f"steel,works,sub-{i},3,import,electricity,total_increasing,kWh,0.01,50\n" for i in range(300))
    plan = await applied(con, header + rows, is_csv=True)
    assert len(plan.registers) == 300
    assert (await plan_file(con, header + rows, is_csv=True))[0].is_empty
    assert (await plan_file(con, SMALL, is_csv=False))[0].is_empty
    _, problems = await plan_file(con, header + rows.replace("works,sub-7,", "nowhere,sub-7,"), is_csv=True)
    assert [str(problem) for problem in problems] == [
        "9: site nowhere is not registered — give it kind, name_zh and name_en, in a YAML file"
    ]


async def test_a_plan_made_before_another_change_is_not_applied(con: Connection) -> None:
    """Two people at once do not undo each other."""
    plan, _ = await plan_file(con, SMALL, is_csv=False)
    await applied(con, SMALL.replace("示例区", "示例新区"))
    with pytest.raises(TanfengError, match="changed since"):
        await apply_plan(con, plan, "tester")


async def test_a_gateway_can_publish_for_the_registered_meter_only(con: Connection) -> None:
    """The directory of the database and the decoder fit together."""
    await applied(con, SMALL)
    _, directory = await load_directory(con)
    payload = encode_reading(START, {})
    decoded = decode("keu/v1/tyre/main/readings", payload, directory, START, LIMITS)
    assert [rejected.code for rejected in decoded.rejected] == ["unknown_meter"]


def test_the_command_plans_then_applies_and_a_wrong_file_gets_one_error_per_line(database: str, tmp_path: Path) -> None:
    """Exit code 2, file and line in front, and nothing changed."""
    run = CliRunner()
    file = tmp_path / "small.yaml"
    file.write_text(SMALL, "utf-8")
    planned = run.invoke(app, ["registry", "apply", str(file), "--dsn", database])
    assert planned.exit_code == 0
    assert "--yes" in planned.output
    assert "没有变更" not in planned.output
    done = run.invoke(app, ["registry", "apply", str(file), "--yes", "--as", "alice", "--dsn", database])
    assert done.exit_code == 0
    assert "没有变更" in run.invoke(app, ["registry", "apply", str(file), "--yes", "--dsn", database]).output
    assert (
        "import: electricity import total_increasing" in run.invoke(app, ["registry", "show", "--dsn", database]).output
    )
    file.write_text(SMALL.replace("level: 1", "level: 4").replace("resolution: 0.01", "resolution: fine"), "utf-8")
    wrong = run.invoke(app, ["registry", "apply", str(file), "--yes", "--dsn", database])
    assert wrong.exit_code == 2
    assert wrong.stderr.splitlines() == [
        f"{file}:14: level of meter steel/main: '4' is unknown — use one of 1, 2, 3",
        (
            f"{file}:16: resolution of register steel/main/import: 'fine' is no decimal number"
            " — write digits and a point, such as 1200 or 0.01"
        ),
    ]
