"""The alert rules for Prometheus name metrics that exist, and say what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from ingest.metrics import Metrics
from tests.servers import ROOT

FILE = ROOT / "deploy" / "prometheus" / "tanfeng.rules.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(FILE.read_text("utf-8"))["groups"] for rule in group["rules"]
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_that_ingest_shows_and_a_page_that_exists(rule: dict[str, Any]) -> None:
    """In both languages, with a severity that our own rules have too."""
    shown = set(re.findall(r"^# TYPE (\w+) ", generate_latest(Metrics().registry).decode(), re.MULTILINE))
    named = set(re.findall(r"tanfeng_ingest_\w+", rule["expr"]))
    assert named <= shown, named - shown
    assert named or "up{" in rule["expr"]
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert re.search(r"[一-鿿].*[A-Za-z]", rule["annotations"]["summary"])
    assert (ROOT / rule["annotations"]["runbook"]).is_file()


def test_prometheus_reads_the_file() -> None:
    """By its own tool, where that is installed."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    subprocess.run((promtool, "check", "rules", str(FILE)), check=True)
