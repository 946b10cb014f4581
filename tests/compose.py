"""docker-compose.yml as data, and its services as processes outside a container, with the same commands and secrets."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tanfeng.embedded.child import Child

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[1]
FILE: Final = ROOT / "docker-compose.yml"
_VARIABLE: Final = re.compile(r"\$\{(\w+):-([^}]*)\}")


def compose() -> dict[str, Any]:
    """The whole file, its YAML merges resolved, its variables not."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def own() -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: each for name, each in services().items() if each["image"].startswith("tanfeng:")}


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """What compose makes of ${NAME:-default}."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[2]), text)


def secret_files(service: Mapping[str, Any]) -> dict[str, str]:
    """Name under /run/secrets → file beside docker-compose.yml."""
    declared = compose()["secrets"]
    pairs = [(each, each) if isinstance(each, str) else (each["source"], each["target"]) for each in _secrets(service)]
    return {target: declared[source]["file"] for source, target in pairs}


def _secrets(service: Mapping[str, Any]) -> list[Any]:
    return list(service.get("secrets", []))


@dataclass(frozen=True, slots=True)
class Outside:
    """Runs services of the file as processes; `secrets` stands for ./secrets, `folder` holds what is made for them."""

    folder: Path
    secrets: Path
    values: Mapping[str, str]
    more: Mapping[str, str]
    """Settings that only differ because everything shares one machine, such as ports."""

    def child(self, name: str) -> Child:
        """The service's command with its environment and its secrets."""
        service = services()[name]
        run = self.folder / name
        run.mkdir(exist_ok=True)
        for target, file in secret_files(service).items():
            (run / target).write_text((self.secrets / Path(file).relative_to("secrets")).read_text())
        environment = {
            key: interpolated(value, self.values).replace("/run/secrets", str(run))
            for key, value in service["environment"].items()
        }
        arguments = [interpolated(word, self.values) for word in service["command"]]
        mounted = {
            "/run/logins": self.secrets / "logins",
            "/run/mosquitto.conf": ROOT / "deploy" / "mosquitto.conf",
            "/run/database": self.folder,
        }
        arguments = [str(mounted.get(word, word)) for word in arguments]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TANFENG_")}
        return Child(name, (sys.executable, "-m", "tanfeng", *arguments), {**clean, **environment, **self.more})
