"""Entering budgets: a changed one supersedes its version of that year, with date and author; nothing is forgotten."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from services.budgets.file import read_budgets
from services.budgets.model import GRAINS, Known, base_amount
from services.budgets.split import MONTHS, by_profile
from services.budgets.status import day_values
from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.budgets.model import Draft
    from services.declared.problem import Problem
    from services.store.pool import Connection, Row


async def read_file(con: Connection, text: str) -> tuple[list[Draft], list[Problem]]:
    """The budgets of a file and its problems, judged by what is registered.

    Raises:
        TanfengError: Nothing is registered yet.
    """
    return read_budgets(text, await load_known(con))


async def load_known(con: Connection) -> Known:
    """What a budget may name.

    Raises:
        TanfengError: Nothing is registered yet.
    """
    row = await con.fetchrow(SQL["budget_known"])
    if row is None:
        raise TanfengError("no district is registered", "apply a registry first: `tanfeng registry apply FILE --yes`")
    return Known(
        row["district"],
        frozenset(row["enterprises"] or ()),
        {each["site"]: each["enterprise"] for each in await con.fetch(SQL["budget_known_sites"])},
        {each["code"]: each["unit"] for each in await con.fetch(SQL["budget_known_carriers"])},
        frozenset(row["schemes"]),
    )


async def enter_budgets(con: Connection, drafts: Sequence[Draft], author: str) -> list[str]:
    """Enter drafts in one transaction; a line for each that is new or changed, none for those that stand already.

    Raises:
        TanfengError: A budget would change its scope, or last year is not known well enough to be a profile.
    """
    district = (await load_known(con)).district
    async with con.transaction():
        lines = [line for draft in drafts if (line := await _enter(con, draft, district, author))]
        if lines:
            detail = {"changes": lines}
            await con.execute(SQL["audit_add"], author, "budgets applied", json.dumps(detail, ensure_ascii=False))
    return lines


async def _enter(con: Connection, draft: Draft, district: str, author: str) -> str | None:
    budget_id = await _budget(con, draft, district)
    was = await con.fetchrow(SQL["budget_version_current"], budget_id, draft.year)
    if was is not None and await _stands(con, was, draft):
        return None
    if was is not None:
        await con.execute(SQL["budget_version_end"], was["version_id"])
    version_id = await con.fetchval(SQL["budget_version_add"], budget_id, *_columns(draft).values(), author)
    parts = draft.parts or await _last_years(con, version_id, draft)
    for month, amount in parts.items():
        first = date(draft.year, month, 1)
        await con.execute(SQL["budget_part_add"], version_id, first, base_amount(amount, draft.measure))
    for plant in draft.plants:
        await con.execute(SQL["budget_plant_add"], version_id, plant)
    return _line(draft, parts, is_new=was is None)


async def _budget(con: Connection, draft: Draft, district: str) -> int:
    await con.execute(SQL["budget_put"], draft.code, district, draft.enterprise, draft.site)
    row = await con.fetchrow(SQL["budget_lock"], draft.code)
    if row is None or (row["enterprise"], row["site"]) != (draft.enterprise, draft.site):
        raise TanfengError(f"budget {draft.code} is of another scope already", "give this one another code")
    return int(row["budget_id"])


def _columns(draft: Draft) -> dict[str, Any]:
    """The draft as columns of core.budget_version, from year to source."""
    return {
        "year": draft.year,
        "name_zh": draft.name_zh,
        "name_en": draft.name_en,
        "period": draft.period,
        "measure": draft.measure.value,
        "basis": None if draft.basis is None else draft.basis.value,
        "carriers": None if draft.carriers is None else list(draft.carriers),
        "product": draft.product,
        "product_unit": draft.product_unit,
        "unit": draft.unit.name,
        "shown_per_base": draft.unit.shown_per_base,
        "split": draft.split,
        "levels": list(draft.levels),
        "coverage_ratio": draft.coverage_ratio,
        "pace_ratio": draft.pace_ratio,
        "scheme": draft.scheme,
        "source": draft.source,
    }


async def _stands(con: Connection, was: Row, draft: Draft) -> bool:
    """Whether the version in force says the same. A profile of last year, once taken, stays as it was taken."""
    same = all(was[name] == value for name, value in _columns(draft).items())
    if not same or was["plants"] != sorted(draft.plants):
        return False
    parts = {row["month"]: row["allowance"] for row in await con.fetch(SQL["budget_parts"], was["version_id"])}
    if draft.split == "last_year":
        return bool(sum(parts.values()) == base_amount(draft.total, draft.measure))
    return parts == {month: base_amount(amount, draft.measure) for month, amount in draft.parts.items()}


async def _last_years(con: Connection, version_id: int, draft: Draft) -> dict[int, int]:
    """The year's total by what was used in the months of the year before."""
    since, until = date(draft.year - 1, 1, 1), date(draft.year, 1, 1)
    used: dict[int, Fraction] = defaultdict(Fraction)
    known_days: dict[int, int] = defaultdict(int)
    for row in await con.fetch(day_values(), version_id, since, until):
        if row["value"] is not None:
            used[row["day"].month] += Fraction(row["value"])
            known_days[row["day"].month] += bool(row["is_known"])
    for row in await con.fetch(SQL["budget_manual_values"], version_id, since, until):
        if row["value"] is not None:
            used[row["month"].month] += Fraction(row["value"])
            known_days[row["month"].month] = max(known_days[row["month"].month], 28)
    missing = [month for month in range(1, MONTHS + 1) if known_days[month] < 28]  # noqa: PLR2004 - the shortest month
    if missing:
        raise TanfengError(
            f"budget {draft.code}: last year's profile is not known in month {', '.join(map(str, missing))}",
            "use split: equal, or by_hand",
        )
    weights = [max(Fraction(0), used[month]) for month in range(1, MONTHS + 1)]
    return dict(enumerate(by_profile(draft.total, weights), 1))


def _line(draft: Draft, parts: Mapping[int, int], *, is_new: bool) -> str:
    def shown(amount: int) -> str:
        exact = Fraction(amount, GRAINS[draft.measure]) / draft.unit.base
        return f"{Decimal(exact.numerator) / exact.denominator:,f}"

    amounts = sorted(set(parts.values()))
    if draft.period == "year" and draft.product is None:
        what = f"{shown(sum(parts.values()))} {draft.unit.name} 年 a year, {draft.split}"
    else:
        per = f"/{draft.product_unit} {draft.product}" if draft.product else ""
        what = f"{' … '.join(dict.fromkeys((shown(amounts[0]), shown(amounts[-1]))))} {draft.unit.name}{per}"
        what += f" 每月 a month, {len(parts)} months" if draft.period == "month" else " 全年 over the year"
    return f"{'新增 new' if is_new else '变更 changed'}: {draft.code} {draft.year} {draft.name_zh} {what}"
