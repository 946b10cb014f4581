"""A file of budgets → drafts, every fault with its line and its fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.budgets.model import COVERAGE, LEVELS, PACE, Basis, Draft, Known, Measure, Unit, grains, unit_of
from services.budgets.split import MONTHS, by_hand, equal
from services.declared.fields import Fields
from services.declared.scalars import code, not_negative, positive, words
from services.declared.yaml_file import parse_yaml
from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from services.declared.problem import Problem
    from services.declared.tree import Entry

_ONE_WAY = "give one of annual (with split), monthly, or limit (with per)"


def read_budgets(text: str, known: Known) -> tuple[list[Draft], list[Problem]]:
    """The budgets of a file; only those without a fault, so use none where there are problems."""
    root, problems = parse_yaml(text)
    top = Fields(root, "the file", problems)
    drafts: list[Draft] = []
    seen: set[tuple[str, int]] = set()
    for entry in top.listed("budgets"):
        draft = _Reader(entry, known, problems).draft()
        if draft is None:
            continue
        if (draft.code, draft.year) in seen:
            top.note(entry.line, f"{draft.code} of {draft.year} stands here twice", "remove one")
        seen.add((draft.code, draft.year))
        drafts.append(draft)
    top.finish()
    return drafts, problems


class _Reader:
    """Reads one entry."""

    def __init__(self, entry: Entry, known: Known, problems: list[Problem]) -> None:
        name = entry.mapping.get("code")
        title = name.value if name is not None and isinstance(name.value, str) else "a budget"
        self.fields = Fields(entry, f"budget {title}", problems)
        self.known = known
        self.problems = problems

    def draft(self) -> Draft | None:
        """The budget, or None after a fault."""
        fields = self.fields
        measure = fields.choice("measure", Measure, None, Measure.ENERGY)
        carriers = self._carriers(measure)
        unit = self._unit(measure, carriers)
        if not fields.is_sound or unit is None:
            fields.is_sound = False
            return None
        product, product_unit = self._per()
        enterprise, site = self._scope()
        period, split, total, parts = self._amounts(measure, unit, is_intensity=product is not None)
        draft = Draft(
            code=fields.required("code", code, "steel-power", ""),
            year=fields.required("year", _year, "2026", 2000),
            name_zh=fields.required("name_zh", words, "电力预算", ""),
            name_en=fields.required("name_en", words, "Electricity budget", ""),
            enterprise=enterprise,
            site=site,
            period=period,
            measure=measure,
            basis=fields.choice("basis", Basis, None, Basis.CALORIFIC) if measure is Measure.COAL else None,
            carriers=carriers,
            product=product,
            product_unit=product_unit,
            unit=unit,
            split=split,
            total=total,
            parts=parts,
            levels=self._levels(),
            coverage_ratio=fields.given("coverage", _share, COVERAGE),
            pace_ratio=fields.given("pace", positive, PACE),
            scheme=fields.one_of("scheme", sorted(self.known.schemes), "barometer") or "barometer",
            source=fields.given("source", words, ""),
            plants=self._codes("plants", self.known.sites),
            line=fields.entry.line,
        )
        return draft if fields.finish() else None

    def _note(self, field: str, what: str, fix: str) -> None:
        self.fields.note(self.fields.line(field), f"{self.fields.name}: {what}", fix)

    def _carriers(self, measure: Measure) -> tuple[str, ...] | None:
        found = self._codes("carriers", self.known.carriers)
        if measure is Measure.ENERGY and not found:
            self._note("", "it has no carriers", "add carriers: [electricity]")
        return found or None

    def _codes(self, field: str, known: Iterable[str]) -> tuple[str, ...]:
        codes = []
        for item in self.fields.listed(field):
            if not isinstance(item.value, str) or item.value not in known:
                what = f"{field} of {self.fields.name}: {item.value!r} is unknown"
                self.fields.note(item.line, what, "see tanfeng registry show")
            else:
                codes.append(item.value)
        return tuple(codes)

    def _unit(self, measure: Measure, carriers: tuple[str, ...] | None) -> Unit | None:
        units = {self.known.carriers[each] for each in carriers or ()}
        if measure is Measure.ENERGY and len(units) > 1:
            self._note("carriers", f"it adds up {' and '.join(sorted(units))}", "use measure: coal or co2")
            return None
        own = next(iter(units), None)
        return self.fields.required("unit", lambda text: unit_of(text, measure, own), "MWh", None)

    def _per(self) -> tuple[str | None, str | None]:
        if not self.fields.has("per"):
            return None, None
        per = Fields(self.fields.entry.mapping["per"], f"per of {self.fields.name}", self.problems)
        product = per.required("product", words, "钢坯", "")
        unit = per.required("unit", words, "t", "")
        self.fields.is_sound &= per.finish()
        return product, unit

    def _scope(self) -> tuple[str | None, str | None]:
        fields = self.fields
        if (district := fields.optional("district", code)) is not None:
            if district != self.known.district:
                self._note("district", f"there is no district {district!r}", f"write {self.known.district}")
            return None, None
        enterprise = fields.required("enterprise", code, "steel, or district: its code", "")
        site = fields.optional("site", code)
        if enterprise not in self.known.enterprises:
            self._note("enterprise", f"there is no enterprise {enterprise!r}", "see tanfeng registry show")
        elif site is not None and self.known.sites.get(site) != enterprise:
            self._note("site", f"{enterprise} has no site {site!r}", "see tanfeng registry show")
        return enterprise, site

    def _amounts(self, measure: Measure, unit: Unit, *, is_intensity: bool) -> tuple[str, str, int, dict[int, int]]:
        """Period, split, grains of the year and of its months."""
        fields = self.fields
        given = [name for name in ("annual", "monthly", "limit") if fields.has(name)]
        if len(given) != 1 or (given == ["limit"]) != is_intensity:
            self._note("", f"it gives {' and '.join(given) or 'no amount'}", _ONE_WAY)
            return "year", "equal", 0, {}

        def amount(text: str) -> int:
            return grains(positive(text), unit, measure)

        if given == ["annual"]:
            return self._annual(fields.given("annual", amount, 0), measure, unit)
        if given == ["limit"]:
            limit = fields.given("limit", amount, 0)
            period = fields.one_of("period", ("month", "year"), "year") or "year"
            return period, "equal", 0, dict.fromkeys(range(1, MONTHS + 1), limit)
        if isinstance(fields.entry.mapping["monthly"].value, dict):
            return "month", "monthly", 0, self._months("monthly", measure, unit)
        return "month", "monthly", 0, dict.fromkeys(range(1, MONTHS + 1), fields.given("monthly", amount, 0))

    def _annual(self, total: int, measure: Measure, unit: Unit) -> tuple[str, str, int, dict[int, int]]:
        split = self.fields.one_of("split", ("equal", "last_year", "by_hand"), "equal") or "equal"
        if split == "last_year":
            return "year", split, total, {}
        if split == "equal":
            return "year", split, total, dict(enumerate(equal(total), 1))
        months = self._months("months", measure, unit)
        if len(months) != MONTHS:
            self._note("months", f"it names {len(months)} months", "name all 12")
        try:
            by_hand(total, list(months.values()))
        except TanfengError as problem:
            self._note("months", problem.message, problem.fix)
        return "year", split, total, months

    def _months(self, field: str, measure: Measure, unit: Unit) -> dict[int, int]:
        months = {}
        for name, entry in self.fields.children(field).items():
            try:
                month = _month(name)
                months[month] = grains(not_negative(str(entry.value)), unit, measure)
            except TanfengError as problem:
                self.fields.note(entry.line, f"{field} of {self.fields.name}: {problem.message}", problem.fix)
        return dict(sorted(months.items()))

    def _levels(self) -> tuple[Decimal, ...]:
        levels = []
        for item in self.fields.listed("levels"):
            try:
                levels.append(positive(str(item.value)))
            except TanfengError as problem:
                self.fields.note(item.line, f"levels of {self.fields.name}: {problem.message}", problem.fix)
        return tuple(sorted(levels)) or LEVELS


def _year(text: str) -> int:
    if len(text) != 4 or not text.isdecimal() or not text.startswith(("19", "20", "21")):  # noqa: PLR2004
        raise TanfengError(f"{text!r} is no year", "write for example 2026")
    return int(text)


def _month(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MONTHS:
        raise TanfengError(f"{text!r} is no month", "write 1 to 12")
    return int(text)


def _share(text: str) -> Decimal:
    share = positive(text)
    if share > 1:
        raise TanfengError(f"{text} is above 1", "write a share such as 0.95")
    return share
