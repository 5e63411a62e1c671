"""deploy/helm: its values, its schema and the settings in it; rendered where there is a helm."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config.app import App
from config.loader import load

DEPLOY = Path(__file__).parent.parent / "deploy"
CHART = DEPLOY / "helm" / "foreshock"


@pytest.fixture
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def wrong(values: dict[str, Any]) -> list[str]:
    schema = json.loads((CHART / "values.schema.json").read_text())
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(values)]


def test_the_defaults_are_valid_and_every_one_is_known(values: dict[str, Any]) -> None:
    assert wrong(values) == []
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(values) | {"global"} == set(schema["properties"])


@pytest.mark.parametrize(
    ("section", "broken"),
    [
        ("processes", 0),
        ("image", {"repository": ""}),
        ("config", {"sources": [], "sinks": [], "recovery": {"dir": "/var/lib/foreshock/r"}}),
        ("config", {"sources": [1], "sinks": [], "recovery": {"dir": "lost"}}),
        ("metrics", {"port": 80}),
        ("terminationGracePeriodSeconds", 5),
        ("nonsense", 1),
    ],
)
def test_the_schema_refuses(values: dict[str, Any], section: str, broken: object) -> None:
    assert wrong(values | {section: broken})


def test_the_settings_in_it_load(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**values["env"], "FORESHOCK_STORE": "sqlite:////x.db"}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "foreshock.yaml"
    file.write_text(yaml.safe_dump(values["config"]))
    assert isinstance(load(file, App), App)


def test_the_rules_are_those_of_prometheus() -> None:
    rules = (DEPLOY / "prometheus" / "foreshock.rules.yml").read_text()
    assert (CHART / "files" / "foreshock.rules.yml").read_text() == rules


def test_the_disruption_the_stop_and_the_root_are_as_documented() -> None:
    program = shutil.which("helm")
    if program is None:
        pytest.skip("needs helm 3 on the PATH; get it from https://helm.sh")
    given = [program, "template", "x", str(CHART), "--kube-version", "1.31.0"]
    given += ["--set", "metrics.serviceMonitor.enabled=true", "--set", "metrics.rules.enabled=true"]
    text = subprocess.run(given, check=True, capture_output=True, text=True).stdout
    made = {each["kind"]: each for each in yaml.safe_load_all(text)}
    assert set(made) == {
        "ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "PrometheusRule", "Service",
        "ServiceAccount", "ServiceMonitor", "StatefulSet",
    }  # fmt: skip
    pod = made["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert [p["containerPort"] for p in container["ports"]] == [9464, 9465]
    served = yaml.safe_load(made["ConfigMap"]["data"]["foreshock.yaml"])
    assert (served["metrics_port"], served["log_format"]) == (9464, "json")
