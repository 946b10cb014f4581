"""Write every dashboard as JSON: `python -m dashboards.build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dashboards import district, enterprise, ingest, pue, quality, warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboards.fields import Json

GENERATED: Final = Path(__file__).parent / "generated"

BOARDS: Final[Mapping[str, Callable[[], Json]]] = {
    "regulator/01-district.json": district.build,
    "regulator/02-enterprise.json": enterprise.build,
    "regulator/03-pue.json": pue.build,
    "regulator/04-warnings.json": warnings.build,
    "operations/05-data-quality.json": quality.build,
    "operations/06-ingest.json": ingest.build,
}


def text_of(board: Json) -> str:
    """The file's text: sorted, readable, Chinese as it is."""
    return json.dumps(board, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write what is generated and remove what no longer is."""
    for old in GENERATED.glob("*/*.json"):
        if old.relative_to(GENERATED).as_posix() not in BOARDS:
            old.unlink()
    for name, build in BOARDS.items():
        path = GENERATED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(build()), encoding="utf-8")


if __name__ == "__main__":
    main()
