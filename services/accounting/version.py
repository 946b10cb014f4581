"""The number of the accounting rule that this code follows."""

from typing import Final

ACCOUNTING_VERSION: Final = 2
"""Raised by every change of what readings book, hold or imply: `tanfeng migrate` then rebuilds the registers whose
books an older rule made. 0 are books of before rules were numbered."""
