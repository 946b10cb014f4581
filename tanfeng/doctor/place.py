"""What is examined: the installation that the settings name, or the `tanfeng up` that runs on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from services.errors import TanfengError
from services.settings import Settings
from tanfeng.embedded import state

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME: Final = Path(__file__).parents[2] / ".local"
FOLDERS: Final = (HOME / "state", HOME / "demo")
"""Where `tanfeng up` keeps its state by default."""


@dataclass(frozen=True, slots=True)
class Place:
    """Settings, and the files of it that are on this machine."""

    settings: Settings
    broker_config: Path | None = None
    data: Path | None = None
    """Any folder on the database's disk."""

    def authority(self) -> str | None:
        """The CA that the broker's certificate is checked against, where it is a file of ours."""
        return self.settings.broker_ca.read_text("ascii") if self.settings.broker_ca else None


def find(wanted: Path | None, dsn: str, broker: str, broker_config: Path | None, data: Path | None) -> Place:
    """The place by the command line, else by the environment, else a running `tanfeng up`.

    Raises:
        TanfengError: None of them names a database.
    """
    settings = Settings()
    if wanted is None and (dsn or settings.database_dsn.get_secret_value()):
        return Place(_named(settings, dsn, broker), broker_config, data)
    folders = [wanted] if wanted else [each for each in (settings.state_dir, *FOLDERS) if each is not None]
    place = _embedded(folders)
    return Place(_named(place.settings, dsn, broker), broker_config or place.broker_config, data or place.data)


def _named(settings: Settings, dsn: str, broker: str) -> Settings:
    changes: dict[str, Any] = {}
    if dsn:
        changes["database_dsn"] = SecretStr(dsn)
    if broker:
        changes["broker_url"] = SecretStr(broker)
    return settings.model_copy(update=changes)


def _embedded(folders: Sequence[Path]) -> Place:
    for folder in folders:
        if (found := state.running(folder)) is not None:
            given = {name.removeprefix("TANFENG_").lower(): value for name, value in found.items()}
            config, data = folder / "broker" / "mosquitto.conf", folder / "postgres" / "data"
            return Place(
                Settings(**given),  # texts, as the environment has them
                config if config.exists() else None,
                data if data.exists() else None,
            )
    raise TanfengError(
        f"no database is named, and no tanfeng up runs on {' or '.join(map(str, folders))}",
        "give --dsn or set TANFENG_DATABASE_DSN; of a tanfeng up elsewhere: --state DIR",
    )
