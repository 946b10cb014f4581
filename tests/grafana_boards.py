"""The queries of a dashboard and the values of its variables, asked as Grafana asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests import grafana_sql
from tests.grafana_sql import ALL, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import asyncpg

    from tests.grafana_sql import Range

ODD: Final = 'o\'brien "quoted"'


def queries(board: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(title, SQL, format) of panels and annotations."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["rawSql"], target["format"]
    for each in board["annotations"]["list"]:
        yield each["name"], each["target"]["rawSql"], each["target"]["format"]


async def variables(
    con: asyncpg.Connection[Any], board: Mapping[str, Any], choice: str, span: Range
) -> dict[str, Variable]:
    """Values of the board's variables: all, one, two, or a name with quotes that nothing has."""
    found: dict[str, Variable] = {}
    for each in board["templating"]["list"]:
        if each["type"] == "custom":
            found[each["name"]] = Variable(each["current"]["value"], is_list=False)
            continue
        sql = grafana_sql.expand(grafana_sql.interpolate(each["query"], found, span), span, timescaledb=False)
        statement = await con.prepare(sql)
        columns = [(at.name, at.type.name) for at in statement.get_attributes()]
        values = [value for _, value in grafana_sql.options(columns, [tuple(r) for r in await statement.fetch()])]
        assert values or choice == "odd", f"{each['name']} offers nothing"
        chosen = {"all": ALL, "one": values[:1], "two": values[:2], "odd": [ODD]}[choice]
        found[each["name"]] = Variable(chosen, is_list=True, options=values)
    return found
