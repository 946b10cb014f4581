"""What the views and the budgets say of a stretch, against the truth and against the booked hours.

Each figure is computed twice by `simulators.figures`: from what really flowed, and from the hours as they are booked.
What a view says must always be the second. Where it is not the first as well, hours that it is made of differ from the
truth, and all of these must be marked in the books: else it is wrong.
"""

from __future__ import annotations

from collections import Counter as Count
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from services.budgets.status import budget_statuses
from services.days import day_of
from services.figures.access import act_as
from services.model import HOUR_US
from services.store.queries import SQL
from simulators.allowances import Scope, scope_of, used
from simulators.compare import SILENT, Judgement
from simulators.figures import ZONE, figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from services.budgets.status import BudgetStatus
    from services.store.pool import Connection
    from simulators.compare import Compared
    from simulators.figures import Figure
    from simulators.ledger import Truth
    from simulators.points import Key, Point


SHOWN: Final = Decimal("1e-9")
"""The last place that the views show of a figure that goes on."""


class Standing(StrEnum):
    """How a stated figure stands to the truth."""

    EXACT = "exact"
    MARKED = "marked"
    """It differs, and every hour that makes it differ is marked in the books."""
    UNKNOWN = "unknown"
    """The view itself says that it does not know."""
    WRONG = "wrong"


class Finding(NamedTuple):
    """One stated figure beside what it should be."""

    what: str
    """kind and span, or budget."""
    name: str
    stated: Decimal | None
    booked: Decimal | None
    true: Decimal | None
    standing: Standing


class Hours:
    """The judged hours of every register."""

    def __init__(self, compared: Mapping[Key, Compared]) -> None:
        self.booked = {key: [hour.booked for hour in found.hours] for key, found in compared.items()}
        judged = {key: [hour.judgement for hour in found.hours] for key, found in compared.items()}
        self._differing = {key: _running(each, set(Judgement) - {Judgement.RIGHT}) for key, each in judged.items()}
        self._silent = {key: _running(each, SILENT) for key, each in judged.items()}

    def explain(self, keys: Iterable[Key], first: int, last: int) -> bool:
        """Whether some hours of these registers differ from the truth, and all that do are marked."""
        spans = [(self._differing[key], self._silent[key]) for key in keys]
        differ = any(differing[last] > differing[first] for differing, _ in spans)
        return differ and all(silent[last] == silent[first] for _, silent in spans)


def _running(judged: Sequence[Judgement], which: Iterable[Judgement]) -> list[int]:
    wanted = set(which)
    return [0, *accumulate(each in wanted for each in judged)]


async def figure_findings(con: Connection, points: Sequence[Point], truth: Truth, hours: Hours) -> list[Finding]:
    """Energy, standard coal, CO₂ and PUE of all whole periods, as the district's login reads them."""
    true = {each.name: each for each in figures(points, truth.hours, truth.from_us)}
    booked = {each.name: each for each in figures(points, hours.booked, truth.from_us)}
    first, last = (day_of(ZONE, at) for at in (truth.from_us, truth.until_us - 1))
    async with con.transaction(readonly=True):
        await act_as(con, "tanfeng_district")
        rows = await con.fetch(SQL["stated_figures"], first, last, ZONE)
    found = []
    for row in rows:
        name = (row["kind"], row["span"], row["place"], row["carrier"], row["starts_at"])
        if name in true:
            is_known = row["is_known"] and row["parts"] == true[name].parts
            found.append(_finding(true[name], booked.get(name), row["value"], hours, is_known=is_known))
    return found


def _finding(true: Figure, booked: Figure | None, stated: Decimal | None, hours: Hours, *, is_known: bool) -> Finding:
    expected = None if booked is None else booked.value
    day = day_of(ZONE, true.starts_us)
    name = f"{true.where or 'district'} {true.carrier or '*'} {day}".replace(" * ", " ")
    if true.span == "1h":
        name += f" {(true.starts_us // HOUR_US + 8) % 24:02}:00"
    is_explained = hours.explain(true.keys, *true.hours)
    standing = _standing(stated, expected, true.value, is_known=is_known, is_explained=is_explained)
    return Finding(f"{true.kind} {true.span}", name, stated, expected, true.value, standing)


def _standing(
    stated: Decimal | None, booked: Decimal | None, true: Decimal | None, *, is_known: bool, is_explained: bool
) -> Standing:
    if not is_known:
        return Standing.UNKNOWN
    if stated is None or stated != booked:
        return Standing.WRONG
    if stated == true:
        return Standing.EXACT
    return Standing.MARKED if is_explained else Standing.WRONG


async def budget_findings(con: Connection, points: Sequence[Point], truth: Truth, hours: Hours) -> list[Finding]:
    """Every budget at the end of the stretch, in the periods of which it covers all that has passed."""
    async with con.transaction():
        await act_as(con, "tanfeng_district")
        statuses = await budget_statuses(con, truth.until_us, ended=True)
    return [
        _budget(status, scope, truth, hours)
        for status in statuses
        if (scope := scope_of(status, points, truth.from_us)) is not None
    ]


def _budget(status: BudgetStatus, scope: Scope, truth: Truth, hours: Hours) -> Finding:
    true, booked = (_shown(used(status, scope, each)) for each in (truth.hours, hours.booked))
    is_explained = hours.explain([point.key for point in scope.points], scope.first, scope.last)
    stated = _shown(status.actual)
    standing = _standing(stated, booked, true, is_known=status.why == "", is_explained=is_explained)
    return Finding("budget", f"{status.budget} {status.starts_on}", stated, booked, true, standing)


def _shown(value: Decimal | None) -> Decimal | None:
    """To the places that the views show of a quotient."""
    return None if value is None else value.quantize(SHOWN)


def table(findings: Iterable[Finding]) -> Iterator[tuple[str, Count[Standing]]]:
    """Counts by kind."""
    counts: dict[str, Count[Standing]] = {}
    for finding in findings:
        counts.setdefault(finding.what, Count())[finding.standing] += 1
    yield from sorted(counts.items())
