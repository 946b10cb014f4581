"""Registers that move in larger steps than they declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tanfeng.doctor.finding import warning, well

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ledger.steps import LargerStep
    from tanfeng.doctor.finding import Finding

_NAMED = 5


def steps(found: Sequence[LargerStep]) -> Finding:
    """Each with the resolution to declare: a bound, a noise and a rollover are judged by it."""
    if not found:
        return well("steps", "寄存器的变化步长与登记相符。", "registers move in the steps that they declare.")
    named = ", ".join(f"{each.name} {each.step:f} {each.unit} (≠ {each.resolution:f})" for each in found[:_NAMED])
    more = " …" if len(found) > _NAMED else ""
    return warning(
        "steps",
        (
            f"{len(found)} 个寄存器的变化步长大于登记的 resolution：{named}{more}。",
            f"{len(found)} registers move in steps larger than their resolution: {named}{more}.",
        ),
        (
            "按所列步长登记 resolution（自某日起用 changes）；float32 的步长随读数增大：docs/operations/onboarding.md",
            "Declare the step as resolution (changes: from a day on); a float32's grows: docs/operations/onboarding.md",
        ),
    )
