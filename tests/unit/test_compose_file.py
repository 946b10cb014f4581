"""docker-compose.yml and the Dockerfile, checked as far as they can be without an engine."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from services.settings import Settings
from tanfeng.cli import app
from tests.compose import FILE, ROOT, compose, interpolated, own, secret_files, services

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = {
    "timescaledb": {
        "POSTGRES_USER",
        "POSTGRES_DB",
        "POSTGRES_PASSWORD_FILE",
        "POSTGRES_HOST_AUTH_METHOD",
        "POSTGRES_INITDB_ARGS",
        "PGDATA",
    },
    "standby": {"PRIMARY", "REPLICATOR_PASSWORD_FILE", "PGDATA"},
    "mosquitto": set[str](),
}
"""Variables that the images of others read, after their documentation."""
PUBLISHED = {"mosquitto": "8883", "api": "8080", "grafana": "3000"}


def test_it_follows_the_compose_specification() -> None:
    """By the schema that the specification publishes."""
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check_of_the_specification_can_fail(tmp_path: Path) -> None:
    """A service with a misspelt key is refused."""
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text("utf-8").replace("stop_grace_period", "stop_grace_perod"), "utf-8")
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(wrong))
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("name", sorted(own()))
def test_every_variable_of_our_programs_is_a_setting(name: str) -> None:
    """Or the folder of secrets, whose files are settings too."""
    known = {f"TANFENG_{field}".upper() for field in Settings.model_fields} | {"TANFENG_SECRETS_DIR"}
    assert set(own()[name]["environment"]) <= known
    targets = set(secret_files(own()[name]))
    assert {target.upper() for target in targets - {"broker_ca"}} <= known


def test_the_variables_of_other_images_are_known_ones() -> None:
    """A misspelt name would be ignored in silence."""
    for name, known in OTHERS.items():
        assert set(services()[name].get("environment", {})) == known
    provisioned = (ROOT / "dashboards/provisioning/datasources").glob("*.yaml")
    used = set(re.findall(r"\$(GRAFANA_\w+)", "".join(each.read_text("utf-8") for each in provisioned)))
    given = set(services()["grafana"]["environment"])
    assert {each for each in given if not each.startswith("GF_")} == used


def test_no_secret_stands_in_an_environment_or_a_command() -> None:
    """They are files; what names a password names its file."""
    for name, service in services().items():
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key:
                assert "/run/secrets/" in value, (name, key)
        assert not re.search(r"://[^/]*:[^/]*@", str(service.get("command"))), name


def test_every_mounted_file_is_in_the_tree_or_made_by_the_setup() -> None:
    """A missing bind mount would become an empty folder of root's."""
    made = {"./secrets/broker", "./secrets/tls", "./secrets/logins"}
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                assert source in made or (ROOT / source).exists(), (name, source)
                assert mode == ["ro"], (name, volume)
            else:
                assert source in compose()["volumes"], (name, source)
            assert target.startswith("/")


def test_images_are_pinned_by_an_exact_tag() -> None:
    """Ours by the version; no `latest`, no tag that moves with a minor."""
    images = {name: interpolated(each["image"], {}) for name, each in services().items() if name not in own()}
    assert images == {
        "timescaledb": "timescale/timescaledb-ha:pg17.11-ts2.29.2",
        "standby": "timescale/timescaledb-ha:pg17.11-ts2.29.2",
        "mosquitto": "eclipse-mosquitto:2.0.22",
        "grafana": "grafana/grafana:13.2.2",
    }
    bases = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE))
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm\$\{PYTHON_DIGEST\}", bases.pop())


def test_an_operator_may_pin_every_image_of_others_by_its_digest() -> None:
    """A variable of its own behind the tag, empty by default; ours is built on one that can be pinned too."""
    digest = "@sha256:" + "0" * 64
    for name, service in services().items():
        if name not in own():
            variable = "TIMESCALEDB_DIGEST" if name == "standby" else f"{name.upper()}_DIGEST"
            assert interpolated(service["image"], {variable: digest}).endswith(digest), name
        else:
            assert service["build"]["args"] == {"PYTHON_DIGEST": "${PYTHON_DIGEST:-}"}
    assert (ROOT / "Dockerfile").read_text("utf-8").startswith("# Tanfeng in two stages")
    assert "ARG PYTHON_DIGEST=\nFROM" in (ROOT / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(services()))
def test_no_container_has_rights_memory_or_processes_without_end(name: str) -> None:
    """None of ours and none of others: no capability, no new privileges, nothing writable but volumes and /tmp."""
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert not {"cap_add", "privileged", "pid", "ipc", "network_mode", "devices"} & set(service)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert interpolated(str(service["read_only"]), {}).lower() == "true"
    assert re.fullmatch(r"\d+g", interpolated(service["mem_limit"], {}))
    assert 0 < service["pids_limit"] <= 512
    assert not [each for each in service.get("volumes", []) if "docker.sock" in each]


def test_the_broker_refuses_before_it_is_killed() -> None:
    """Its own limit of memory lies below the container's, with room for what it takes beside its heap."""
    text = (ROOT / "deploy" / "mosquitto.conf").read_text("utf-8")
    (own_limit,) = re.findall(r"^memory_limit (\d+)$", text, re.MULTILINE)
    container = int(interpolated(services()["mosquitto"]["mem_limit"], {}).removesuffix("g")) * 2**30
    assert int(own_limit) * 1.2 < container


def test_networks_join_only_those_that_speak_with_one_another() -> None:
    """The broker's port, the API and Grafana are each reached by a network of their own."""
    joined: dict[str, set[str]] = {}
    for name, service in services().items():
        for network in service["networks"]:
            joined.setdefault(interpolated(network, {}), set()).add(name)
    assert joined["meters"] == {"mosquitto"}
    assert joined["api"] == {"api"}
    assert joined["web"] == {"grafana"}
    assert joined["out"] == {"evaluate"}
    assert joined["charts"] == {"timescaledb", "grafana"}
    assert joined["copy"] == {"standby"}
    grafana = {interpolated(each, {"GRAFANA_NETWORK": "copy"}) for each in services()["grafana"]["networks"]}
    assert grafana == {"copy", "web"}
    assert joined["data"] & joined["meters"] == set()
    assert joined["data"] == {"timescaledb", "standby", "migrate", "logins", "ingest", "evaluate", "maintain", "api",
                              "doctor", "registry"}  # fmt: skip
    assert joined["mqtt"] == {"mosquitto", "ingest", "evaluate", "doctor", "simulators"}


def test_only_the_meters_port_is_open_beyond_the_machine() -> None:
    """API and Grafana stand behind a proxy on the same machine; the database is not published at all."""
    ports = {name: each["ports"] for name, each in services().items() if "ports" in each}
    assert {name: [port.rsplit(":", 1)[1] for port in listed] for name, listed in ports.items()} == {
        name: [port] for name, port in PUBLISHED.items()
    }
    assert all(listed[0].startswith("127.0.0.1:") for name, listed in ports.items() if name != "mosquitto")
    networks = compose()["networks"]
    assert {name for name, each in networks.items() if not each.get("internal")} == {"meters", "api", "web", "out"}
    assert all(networks[each]["internal"] for each in services()["timescaledb"]["networks"])


def test_programs_run_without_rights_and_come_back() -> None:
    """Read-only, no capabilities; what runs once is not started again, everything else is."""
    once = {"migrate", "logins", "registry", "doctor"}
    for name, service in own().items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["restart"] == ("no" if name in once else "unless-stopped"), name
    checked = {"timescaledb", "standby", "mosquitto", "ingest", "evaluate", "api", "grafana"}
    assert {name for name, each in services().items() if "healthcheck" in each} == checked
    assert "USER 10001" in (ROOT / "Dockerfile").read_text("utf-8")


def test_only_an_owner_migrates_maintains_and_registers() -> None:
    """Every other program has a login of its own."""
    owners = {name for name, each in own().items() if "./secrets/owner_dsn" in secret_files(each).values()}
    assert owners == {"migrate", "logins", "maintain", "registry", "doctor"}


@pytest.mark.parametrize("name", sorted(own()))
def test_every_command_is_one_of_ours(name: str) -> None:
    """Its words are commands and options that exist; so are those of its health check."""
    commands = [[interpolated(word, {}) for word in own()[name]["command"]]]
    if "healthcheck" in own()[name]:
        word, program, *rest = own()[name]["healthcheck"]["test"]
        assert (word, program) == ("CMD", "tanfeng")
        commands.append(rest)
    for command in commands:
        words = [word for word in command if not word.startswith("-")]
        shown = help_of(words)
        for option in (word for word in command if word.startswith("--")):
            assert option in shown, (name, option)


def help_of(words: list[str]) -> str:
    """The help of the longest command that the words name."""
    for end in range(len(words), 0, -1):
        done = CliRunner().invoke(app, [*words[:end], "--help"], env={"COLUMNS": "250", "TERM": "dumb"})
        if done.exit_code == 0:
            return done.output
    pytest.fail(f"no command: {words}")


def test_the_image_holds_what_its_commands_need_and_no_secret() -> None:
    """Each package and the examples are copied, and are not left out of the context."""
    dockerfile, ignored = ((ROOT / name).read_text("utf-8") for name in ("Dockerfile", ".dockerignore"))
    for folder in ("services", "ingest", "api", "simulators", "tanfeng", "examples"):
        assert f"COPY {folder} {folder}\n" in dockerfile
        assert f"!{folder}\n" in ignored
    assert ignored.splitlines()[1] == "*"
    assert "secrets" not in dockerfile
    assert "--require-hashes" in dockerfile
