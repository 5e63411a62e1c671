"""The Compose file: valid by the specification's schema, and at one with what it starts.

No Docker engine runs here, so it is read and not run.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import foreshock
from config.app import App
from config.loader import load

ROOT = Path(__file__).parent.parent
SCHEMA = Path(__file__).parent / "compose" / "compose-spec.json"
OURS = ("simulator", "workers")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def test_the_file_is_valid_by_the_specification(
    compose: dict[str, Any], validator: jsonschema.Draft202012Validator
) -> None:
    assert [error.message for error in validator.iter_errors(compose)] == []


@pytest.mark.parametrize("broken", [{"imagee": "x"}, {"ports": 9092}, {"command": 1}])
def test_the_schema_refuses_a_broken_service(
    compose: dict[str, Any], validator: jsonschema.Draft202012Validator, broken: dict[str, Any]
) -> None:
    kafka = compose["services"]["kafka"] | broken
    assert not validator.is_valid(compose | {"services": {"kafka": kafka}})


def test_every_volume_and_dependency_is_declared(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        named = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if not name.startswith(".")} <= set(compose["volumes"])


@pytest.mark.parametrize("service", OURS)
def test_the_commands_are_ones_that_the_command_line_takes(
    compose: dict[str, Any],
    service: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [str(word) for word in compose["services"][service]["command"]]
    assert foreshock.main([*command, "--help"]) == 0  # options are parsed before help is shown
    assert foreshock.main([*command, "--no-such-option"]) == 2
    assert "No such option: --no-such-option" in capsys.readouterr().err


def test_workers_read_the_broker_and_the_shipped_settings(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = compose["services"]["workers"]
    shipped = workers["command"][workers["command"].index("-c") + 1]
    assert shipped.startswith("/etc/foreshock/")
    monkeypatch.setenv("KAFKA_BROKERS", workers["environment"]["KAFKA_BROKERS"])
    monkeypatch.setenv("FORESHOCK_STORE", workers["environment"]["FORESHOCK_STORE"])
    app = load(ROOT / "config" / Path(shipped).name, App)
    advertised = compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    for each in (*app.sources, *app.sinks):
        brokers = getattr(each, "brokers", None)
        assert brokers is None or f"PLAINTEXT://{brokers}" in advertised


@pytest.mark.parametrize("service", OURS)
def test_our_services_write_to_their_volume_alone(compose: dict[str, Any], service: str) -> None:
    found = compose["services"][service]
    assert found["read_only"]
    assert found["cap_drop"] == ["ALL"]
    assert [volume.partition(":")[2] for volume in found["volumes"]] == ["/var/lib/foreshock"]


def test_prometheus_scrapes_every_worker_and_has_our_rules(compose: dict[str, Any]) -> None:
    workers = compose["services"]["workers"]["command"]
    app = load(ROOT / "config" / "compose.yaml", App)
    assert app.metrics_port is not None
    ports = range(
        app.metrics_port, app.metrics_port + int(workers[workers.index("--processes") + 1])
    )
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [f"workers:{port}" for port in ports]
    mounts = dict(v.split(":")[:2] for v in compose["services"]["prometheus"]["volumes"])
    assert mounts["./deploy/prometheus/foreshock.rules.yml"] == scraped["rule_files"][0]
    for service in ("prometheus", "grafana"):
        for place in (v.split(":")[0] for v in compose["services"][service]["volumes"]):
            assert not place.startswith(".") or (ROOT / place).exists()


def test_the_image_runs_without_root_and_is_built_from_the_hashed_lock() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    final = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 10001:10001" in final
    assert any(line.startswith("HEALTHCHECK") for line in final)
    assert any("--require-hashes" in line for line in lines)


def test_the_image_gets_every_package() -> None:
    listed = (ROOT / ".dockerignore").read_text().splitlines()
    packaging = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    wanted = {f"!{name.split('.')[0]}" for name in packaging["packages"]}
    wanted |= {f"!{name}.py" for name in packaging["py-modules"]}
    assert wanted <= set(listed)
