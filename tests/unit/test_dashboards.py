"""The committed dashboards: what Grafana would accept silently and show wrongly is an error here."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dashboards.build import BOARDS, GENERATED, text_of
from dashboards.fields import NO_DATA, RED
from dashboards.sources import SOURCE, UID
from dashboards.words import RULE
from services.alerts.catalogue import RULES
from services.wire import REJECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
REGISTRY = json.loads((ROOT / "dashboards/grafana-registry.json").read_text())
"""Unit ids and reducers of Grafana's own registries; scripts/dashboards writes it anew."""
PROVISIONING = ROOT / "dashboards/provisioning"
ALL = {name: build() for name, build in BOARDS.items()}
BOARD = pytest.mark.parametrize("board", ALL.values(), ids=ALL.keys())
BUILTIN = {"__from", "__to", "__interval", "__interval_ms", "__timezone", "__url_time_range", "__all_variables",
           "__data", "__value"}  # fmt: skip
TARGET_KEYS = {"refId", "datasource", "editorMode", "rawQuery", "rawSql", "format"}
OVERRIDES = {"unit", "decimals", "min", "max", "displayName", "mappings", "thresholds", "links", "color", "noValue",
             "custom.width", "custom.align", "custom.cellOptions", "custom.hidden", "custom.hideFrom",
             "custom.drawStyle", "custom.fillOpacity", "custom.lineWidth", "custom.lineStyle",
             "custom.stacking"}  # fmt: skip
JUDGED = {"stat", "bargauge", "table", "timeseries", "state-timeline", "status-history"}


def targets(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Queries of panels and annotations."""
    for panel in board["panels"]:
        yield from panel["targets"]
    for each in board["annotations"]["list"]:
        yield each["target"]


def test_what_is_committed_is_what_is_generated() -> None:
    """Sorted, readable, Chinese as it is; no file is left over."""
    committed = {path.relative_to(GENERATED).as_posix(): path.read_text() for path in GENERATED.glob("*/*.json")}
    assert committed == {name: text_of(board) for name, board in ALL.items()}


def test_uids_and_titles_are_unique() -> None:
    """Two files of one uid would overwrite each other in Grafana."""
    assert len({board["uid"] for board in ALL.values()}) == len(ALL) == len({board["title"] for board in ALL.values()})
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", board["uid"]) for board in ALL.values())


@BOARD
def test_head_of_a_dashboard(board: dict[str, Any]) -> None:
    """What a provisioned dashboard must and must not carry."""
    assert board["editable"] is False
    assert not {"id", "iteration", "version", "__inputs", "__requires"} & board.keys()
    assert board["refresh"] in board["timepicker"]["refresh_intervals"]
    assert board["timezone"] == "Asia/Shanghai"
    assert board["weekStart"] == "monday"
    assert board["graphTooltip"] in {0, 1, 2}
    assert board["description"]
    assert board["time"].keys() == {"from", "to"}
    assert "${DS_" not in json.dumps(board)


@BOARD
def test_panels_have_a_place_of_their_own(board: dict[str, Any]) -> None:
    """Ids are unique, nothing overlaps or sticks out of the 24 columns."""
    panels = board["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    for panel in panels:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24, panel["title"]
        assert grid["h"] >= 3, panel["title"]
    for a, b in combinations((panel["gridPos"] for panel in panels), 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"]
        assert apart or b["y"] + b["h"] <= a["y"], (a, b)


@BOARD
def test_queries_are_ours(board: dict[str, Any]) -> None:
    """The one data source, known keys, and of the database nothing but report."""
    for target in targets(board):
        assert target.keys() == TARGET_KEYS
        assert target["datasource"] == SOURCE
        assert target["format"] in {"time_series", "table"}
        named = set(re.findall(r"\b(\w+)\.\w+", re.sub(r"'[^']*'|\"[^\"]*\"", "", target["rawSql"])))
        assert not named & {"core", "public", "pg_catalog"}
        relations = re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]\w*\.\w+)", target["rawSql"])
        assert relations, target["rawSql"]
        assert all(name.startswith("report.") for name in relations)
    assert len({panel["targets"][0]["refId"] for panel in board["panels"]}) == 1


@BOARD
def test_macros_are_free_of_traps(board: dict[str, Any]) -> None:
    """No quoted list, no format that breaks quotes, no bucket at UTC midnight, no filled gap."""
    lists = [each["name"] for each in board["templating"]["list"] if each["multi"] or each["includeAll"]]
    for text in [target["rawSql"] for target in targets(board)] + [
        str(v["query"]) for v in board["templating"]["list"]
    ]:
        assert not re.search(r"\$\{\w+:(csv|singlequote|sqlstring)\}", text)
        assert "$__timeGroup" not in text
        for name in lists:
            assert not re.search(rf"'\$\{{?{name}\b", text), f"quoted ${name}"
            assert not re.search(rf"=\s*\$\{{?{name}\b", text), f"= ${name}, though it is a list"


@BOARD
def test_variables_are_defined_and_used(board: dict[str, Any]) -> None:
    """Each name in a query, title or link is known, and each variable is used."""
    known = {each["name"] for each in board["templating"]["list"]}
    text = json.dumps(board["panels"], ensure_ascii=False) + json.dumps(board["annotations"])
    chained = "".join(str(each["query"]) for each in board["templating"]["list"] if each["type"] == "query")
    macros = set(re.findall(r"\$(__\w+)\(", text))
    used = {a or b for a, b in re.findall(r"\$(?:\{(\w+)|(\w+))", text + chained)}
    assert used <= known | BUILTIN | macros, used - known - BUILTIN - macros
    assert known <= used
    for each in board["templating"]["list"]:
        assert each["current"].keys() >= {"text", "value"}
        assert each["type"] == "custom" or each["refresh"] == 2, "stale options"
        assert each["type"] == "query" or each["options"]


@BOARD
def test_every_panel_says_what_it_shows(board: dict[str, Any]) -> None:
    """Description, unit, explicit thresholds and a Chinese word for no data."""
    for panel in board["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"], panel["id"]
        assert panel["description"], panel["title"]
        assert panel["type"] in JUDGED
        assert defaults["noValue"] == NO_DATA
        assert defaults["thresholds"]["steps"][0]["value"] is None
        assert valid_unit(defaults["unit"]), panel["title"]


def valid_unit(unit: str) -> bool:
    """Known to Grafana, or a suffix of our own; what is unknown would be printed as text."""
    return unit in REGISTRY["units"] or re.fullmatch(r"suffix: \S+", unit) is not None


@BOARD
def test_overrides_and_reducers_exist(board: dict[str, Any]) -> None:
    """An unknown property, unit or reducer would be ignored silently."""
    for panel in board["panels"]:
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["id"] == "byName"
            for each in override["properties"]:
                assert each["id"] in OVERRIDES, each["id"]
                assert each["id"] != "unit" or valid_unit(each["value"]), each["value"]
        reduce = panel["options"].get("reduceOptions", {"calcs": []})
        assert set(reduce["calcs"]) <= set(REGISTRY["reducers"])


@BOARD
def test_red_has_a_warning_behind_it(board: dict[str, Any]) -> None:
    """Red stands only in a panel whose query asks report.alerts."""
    for panel in board["panels"]:
        look = json.dumps(panel["fieldConfig"], ensure_ascii=False)
        if f'"{RED}"' in look:
            assert "report.alerts" in panel["targets"][0]["rawSql"], panel["title"]


@BOARD
def test_pue_and_budget_limits_are_met_only_above(board: dict[str, Any]) -> None:
    """Grafana colours from a step on, but exactly 1.5 or 100 % is not over it."""
    text = json.dumps(board)
    for limit in ("1.5", "1.0"):
        assert f'"value": {limit}}}' not in text


@BOARD
def test_links_lead_somewhere_and_carry_the_time(board: dict[str, Any]) -> None:
    """The dashboard exists, knows the variable, and the range goes along."""
    uids = {each["uid"]: {v["name"] for v in each["templating"]["list"]} for each in ALL.values()}
    for url in re.findall(r'"url": "([^"]+)"', json.dumps(board["panels"])):
        found = re.match(r"/d/([\w-]+)\?", url)
        assert found is not None, url
        assert found[1] in uids
        assert "${__url_time_range}" in url or ("from=" in url and "to=" in url)
        for name in re.findall(r"var-(\w+)=", url):
            assert name in uids[found[1]], url


def test_the_data_source_is_the_one_the_panels_name() -> None:
    """With its database where the front end looks for it, and no password in the file."""
    (source,) = yaml.safe_load((PROVISIONING / "datasources/energy.yaml").read_text())["datasources"]
    assert source["uid"] == UID
    assert source["type"] == SOURCE["type"]
    assert source["jsonData"]["database"]
    assert source["editable"] is False
    assert "database" not in source
    assert source["secureJsonData"]["password"].startswith("$")


def test_the_provider_reads_the_generated_folder() -> None:
    """Folders from the file structure, nothing editable in the page."""
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/energy.yaml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["foldersFromFilesStructure"] is True
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"


ANSWERS = {
    "今日用电", "本月用电", "今日 CO₂", "本月 CO₂", "超预算或将超", "PUE 高于限值", "静默表计", "今日覆盖率",
    "预算状态 Budgets", "数据中心 PUE", "静默表计 Silent meters",
}  # fmt: skip
FOLD = 20
"""Rows of 38 pixels that a window of 900 pixels shows below Grafana's own bars."""


def test_the_district_answers_above_the_fold() -> None:
    """How much, who is over, which data centre, which meters, how complete: without scrolling."""
    panels = {panel["title"]: panel["gridPos"] for panel in ALL["regulator/01-district.json"]["panels"]}
    assert {title for title in ANSWERS if panels[title]["y"] + panels[title]["h"] <= FOLD} == ANSWERS


def test_every_rule_has_its_words() -> None:
    """A rule without them would be shown by its code."""
    assert set(RULE["options"]) == set(RULES)


@pytest.mark.parametrize("name", ["operations/05-data-quality.json", "operations/06-ingest.json"])
def test_every_rejection_is_shown_in_words_and_by_its_code(name: str) -> None:
    """Chinese first with English beside it, for who is no engineer; the code itself for who looks for it."""
    (panel,) = (each for each in ALL[name]["panels"] if "report.rejections" in each["targets"][0]["rawSql"])
    shown = {
        override["matcher"]["options"]: {each["id"]: each["value"] for each in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    for column, words in (("原因", "what_zh"), ("Reason", "what_en")):
        (mapping,) = shown[column]["mappings"]
        told = {code: text["text"] for code, text in mapping["options"].items()}
        assert told == {code: getattr(each, words) for code, each in REJECTIONS.items()}
    assert "mappings" not in shown["代码"]
    assert all(f'code AS "{column}"' in panel["targets"][0]["rawSql"] for column in ("原因", "Reason", "代码"))
