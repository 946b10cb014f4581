"""Whatever stands in a registry file, reading it ends with a registry or with errors, each with a line and a fix."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.declared.csv_file import parse_csv
from services.declared.yaml_file import parse_yaml
from services.registry.models import Content
from services.registry.offline import shipped_carriers
from services.registry.plan import make_plan
from services.registry.reader import read_registry

CARRIERS = shipped_carriers("CN-CQ", "grid_average")
LINES = (Path(__file__).parents[2] / "examples" / "district.yaml").read_text("utf-8").splitlines()[10:60]
CSV_LINES = [
    "enterprise,site,meter,level,register,carrier,kind,unit,resolution,max_rate",
    "steel,works,main,1,import,electricity,total_increasing,kWh,0.01,1200",
]
scraps = st.text(alphabet=' :{}[]&*<>-,"\n\t#|!?.0123456789abcxyz主', max_size=12)


@st.composite
def spoiled(draw: st.DrawFn, lines: list[str]) -> str:
    """A file with a few scraps written over it."""
    text = "\n".join(lines)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(scraps) + text[start + draw(st.integers(0, 20)) :]
    return text


@settings(max_examples=150, deadline=None)
@given(text=spoiled(LINES) | st.text())
def test_any_yaml_is_read_or_refused_by_line(text: str) -> None:
    """And what is read differs from itself in nothing."""
    root, problems = parse_yaml(text)
    reading = read_registry(root, Content(), CARRIERS, problems)
    assert all(problem.line >= 1 and problem.what and problem.fix for problem in reading.problems)
    if all(problem.is_warning for problem in reading.problems):
        plan, refused = make_plan(reading.content, reading.content, reading.lines)
        assert (plan.is_empty, refused) == (True, [])


@settings(max_examples=150, deadline=None)
@given(text=spoiled(CSV_LINES) | st.text())
def test_any_csv_is_read_or_refused_by_line(text: str) -> None:
    """Its enterprise is not registered, so that it never passes."""
    root, problems = parse_csv(text)
    reading = read_registry(root, Content(), CARRIERS, problems)
    assert all(problem.line >= 1 and problem.what and problem.fix for problem in reading.problems)
