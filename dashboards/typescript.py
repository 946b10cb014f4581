"""Gate A: the committed JSON as TypeScript literals, for the compiler to hold against Grafana's published types.

`python -m dashboards.typescript FOLDER` writes FOLDER/boards.ts and FOLDER/tsconfig.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dashboards.build import GENERATED

if TYPE_CHECKING:
    from dashboards.fields import Json

KINDS: Final = {
    "stat": "Stat",
    "table": "Table",
    "bargauge": "BarGauge",
    "timeseries": "TimeSeries",
    "state-timeline": "StateTimeline",
    "status-history": "StatusHistory",
}
HEAD: Final = """
import type { Dashboard, Panel } from '@grafana/schema';
// Enumerations as the strings JSON has, and everything else as it is.
type Json<T> = T extends string ? (string extends T ? string : `${T}`)
  : T extends number ? number : T extends boolean | null | undefined ? T
  : unknown extends T ? any : T extends (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Top = Omit<Json<Dashboard>, 'templating' | 'annotations' | 'panels'>;
type Frame = Omit<Json<Panel>, 'options' | 'fieldConfig'>;
type Config = Json<NonNullable<Panel['fieldConfig']>>;
"""


def source(boards: list[Json]) -> str:
    """The module: per panel its frame, its options and what its kind adds to a field."""
    lines = [HEAD]
    for kind, name in KINDS.items():
        folder = f"@grafana/schema/dist/esm/raw/composable/{kind.replace('-', '')}/panelcfg/x/{name}PanelCfg_types.gen"
        lines.append(f"import type * as {name} from '{folder}';")
    for number, board in enumerate(boards):
        top = {key: value for key, value in board.items() if key not in {"templating", "annotations", "panels"}}
        lines.append(f"export const board{number}: Partial<Top> = {_literal(top)};")
        for panel in board["panels"]:
            lines += _panel(f"board{number}_{panel['id']}", panel)
    return "\n".join(lines) + "\n"


def _panel(name: str, panel: Json) -> list[str]:
    kind = KINDS[panel["type"]]
    frame = {key: value for key, value in panel.items() if key not in {"options", "fieldConfig"}}
    config = panel["fieldConfig"]
    custom = config["defaults"]["custom"]
    defaults = {key: value for key, value in config["defaults"].items() if key != "custom"}
    own = "any" if kind in {"Stat", "BarGauge"} else f"Partial<Json<{kind}.FieldConfig>>"
    return [
        f"export const {name}: Partial<Frame> = {_literal(frame)};",
        f"export const {name}_options: Partial<Json<{kind}.Options>> = {_literal(panel['options'])};",
        f"export const {name}_custom: {own} = {_literal(custom)};",
        f"export const {name}_config: Partial<Config> = {_literal({**config, 'defaults': defaults})};",
    ]


def _literal(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Write both files into the folder named by the only argument."""
    folder = Path(sys.argv[1])
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(GENERATED.glob("*/*.json"))]
    (folder / "boards.ts").write_text(source(boards), encoding="utf-8")
    options = {"strict": True, "noEmit": True, "skipLibCheck": True, "module": "esnext", "moduleResolution": "bundler",
               "target": "es2022", "types": []}  # fmt: skip
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["boards.ts"]}))


if __name__ == "__main__":
    main()
