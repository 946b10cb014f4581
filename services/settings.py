"""Every setting of every program, from the environment (`TANFENG_…`) or a file of secrets."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - pydantic needs it at run time
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from services.errors import TanfengError


class Settings(BaseSettings):
    """What an operator may set; each field's description is its documentation.

    Any of them, a secret above all, may also be a file in the folder that `TANFENG_SECRETS_DIR` points to, named as the
    variable in small letters (`tanfeng_database_dsn`); the environment goes before the file.
    """

    model_config = SettingsConfigDict(env_prefix="TANFENG_", extra="ignore")

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - fields of any kind
        """Read them all.

        Raises:
            TanfengError: One has no value of its kind; it is named by its variable, without what stands there.
        """
        try:
            super().__init__(**given)
        except ValidationError as problem:
            faults = [f"TANFENG_{str(each['loc'][0]).upper()}: {each['msg']}" for each in problem.errors()]
            raise TanfengError("; ".join(faults), "correct the setting, or unset it for its default") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code, then the environment, then the files of secrets."""
        del dotenv_settings, file_secret_settings
        folder = os.environ.get("TANFENG_SECRETS_DIR")
        files = (SecretsSettingsSource(settings_cls, secrets_dir=folder),) if folder else ()
        return init_settings, env_settings, *files

    @field_validator("database_dsn")
    @classmethod
    def _is_dsn(cls, dsn: SecretStr) -> SecretStr:
        if dsn.get_secret_value() and not dsn.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("a DSN begins with postgresql://")
        return dsn

    database_dsn: SecretStr = Field(SecretStr(""), description="PostgreSQL, as postgresql://user:password@host:port/db")
    broker_url: SecretStr = Field(
        SecretStr("mqtt://127.0.0.1:1883"), description="mqtt:// or mqtts://user:password@host:port"
    )
    mqtt_client: Literal["native", "paho"] = Field("native", description="Which MQTT client ingest reads with")
    broker_ca: Path | None = Field(None, description="CA file for mqtts://; default: the system's")
    state_dir: Path | None = Field(None, description="Where the embedded default keeps its state")

    payload_limit_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    message_limit_readings: Annotated[int, Field(ge=1)] = 10_000
    ahead_limit_s: Annotated[int, Field(ge=0, description="How far ahead of the clock read_at may be")] = 300
    clock_limit_s: Annotated[
        int,
        Field(ge=2, description="Clocks further apart than this are not believed: nothing is acknowledged meanwhile"),
    ] = 60
    horizon_days: Annotated[int, Field(ge=0, description="How old read_at may be; 0 = no limit")] = 400

    batch_messages: Annotated[
        int,
        Field(ge=1, description="A batch is committed with so many messages (half of what the broker has open),"),
    ] = 10_000
    batch_readings: Annotated[int, Field(ge=1, description="… or so many readings, …")] = 120_000
    linger_s: Annotated[float, Field(gt=0, description="… or this long after its first message")] = 0.05
    queue_messages: Annotated[int, Field(ge=1, description="Messages held in memory before reading stops")] = 40_000
    queue_bytes: Annotated[int, Field(ge=1, description="Bytes of payload held in memory before reading stops")] = (
        256 * 1024 * 1024
    )
    ingest_group: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9-]{1,40}$",
            description="Name of the shared subscription and prefix of client ids; one per deployment on a broker",
        ),
    ] = "tanfeng"
    shared_subscription: Annotated[
        bool | None,
        Field(description="Divide the messages among workers by a shared subscription; default: with several workers"),
    ] = None
    drain_s: Annotated[float, Field(gt=0, description="How often a worker looks for queues that nobody reads")] = 30.0
    log_level: Literal["debug", "info", "warning"] = Field(
        "info", description="debug: one line a batch as well, half a gigabyte a day at 2,000 messages a second"
    )
    ingest_port: Annotated[int, Field(description="Loopback port of ingest's metrics and health; 0 = any free")] = 9109
    rejections_per_minute: Annotated[int, Field(ge=1, description="Stored per enterprise; more are counted")] = 600

    refused_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="Bytes of messages kept whole because the database refused them; beyond it they are not acked",
        ),
    ] = 1024**3

    api_host: str = "127.0.0.1"
    api_port: int = 8080
    api_anonymous_role: str = Field(
        "", description="The database role of requests without a token, on a loopback bind only; empty: refused"
    )

    raw_days: Annotated[int, Field(ge=0, description="Raw readings older than this are dropped; 0 = never")] = 1096
    columnstore_days: Annotated[
        int, Field(ge=0, description="Older raw readings are compressed, where TimescaleDB can; 0 = never")
    ] = 400
    rejection_days: Annotated[int, Field(ge=0, description="Bytes of rejections are kept this long; 0 = for ever")] = (
        400
    )
    minute_days: Annotated[int, Field(ge=0, description="Ingest's counts by the minute; 0 = for ever")] = 400
    maintain_every_s: Annotated[float, Field(gt=0, description="How often maintenance looks for what is due")] = 3600.0

    heartbeat_url: SecretStr = Field(
        SecretStr(""),
        description="Asked for by `tanfeng evaluate` while all is well: a dead man's switch",
    )
    heartbeat_every_s: Annotated[
        float, Field(ge=1, description="How often; the switch should wait some times longer")
    ] = 60.0
    notify_file: Path | None = Field(
        None, description="Targets and routes of notifications; default: alerts go to their MQTT topics only"
    )
