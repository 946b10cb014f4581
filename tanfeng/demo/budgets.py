"""The budgets of a demo: small enough to be crossed while someone watches, and said to be so in their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "demo-budgets.yaml"
_TEXT: Final = """\
# 演示预算，数值有意很小，几分钟内即被超过。Budgets of a demo, small on purpose: they are crossed within minutes.
budgets:
  - code: demo-{year}
    year: {year}
    enterprise: electronics
    name_zh: 演示用小额月度电力预算
    name_en: Demo budget, small on purpose
    carriers: [electricity]
    measure: energy
    unit: kWh
    monthly: 200
    levels: [0.8, 1]
    source: 仅供演示 for the demo only
"""


def write_budgets(folder: Path, year: int) -> Path:
    """The file of the demo's budgets for a calendar year, in the state folder; the form is that of `tanfeng budget`."""
    file = folder / FILE
    file.write_text(_TEXT.format(year=year), "utf-8")
    return file
