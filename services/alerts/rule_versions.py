"""The rules in force: dated versions of each rule's settings. A database without any takes the shipped ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.store.leases import take_turn
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.store.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class StoredRule:
    """One rule's settings since `since` (µs)."""

    rule: str
    version: int
    settings: dict[str, Any]
    author: str
    since: int


async def rules_in_force(con: Connection) -> dict[str, StoredRule]:
    """The current version of every rule that has one."""
    return {
        row["rule"]: StoredRule(
            row["rule"], row["version"], json.loads(row["settings"]), row["author"], row["recorded_at"]
        )
        for row in await con.fetch(SQL["rule_versions"])
    }


async def set_rules(con: Connection, wanted: Mapping[str, dict[str, Any]], author: str) -> list[str]:
    """Write a new version of each rule whose settings differ; gives their names."""
    async with con.transaction():
        await take_turn(con, "rules")
        present = await rules_in_force(con)
        changed = [
            rule for rule, settings in wanted.items() if rule not in present or present[rule].settings != settings
        ]
        for rule in changed:
            await con.execute(SQL["rule_end"], rule)
            await con.execute(SQL["rule_add"], rule, json.dumps(wanted[rule], ensure_ascii=False), author)
        if changed and author != "shipped":
            await con.execute(SQL["write_audit"], author, "rules set", json.dumps({"rules": changed}))
    return changed


async def add_missing(con: Connection, shipped: Mapping[str, dict[str, Any]]) -> dict[str, StoredRule]:
    """The rules in force; those that have no version get the shipped one."""
    present = await rules_in_force(con)
    missing = {rule: settings for rule, settings in shipped.items() if rule not in present}
    if not missing:
        return present
    await set_rules(con, missing, "shipped")
    return await rules_in_force(con)


async def rule_history(con: Connection, rule: str | None) -> list[Row]:
    """All versions of one rule or of all, the oldest first."""
    return await con.fetch(SQL["rule_history"], rule)
