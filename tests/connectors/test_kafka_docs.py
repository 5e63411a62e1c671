"""docs/kafka.md: its settings load, and its tables name what there is."""

import re
from pathlib import Path

import msgspec
import pytest

from config.app import App, load_app
from connectors.kafka_settings import KafkaSource
from connectors.meters import Meters

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "kafka.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SOURCES = [block for block in BLOCKS if block.startswith("sources:")]
SECRETS = ("KAFKA_PASSWORD", "EVENT_HUBS_CONNECTION_STRING", "OIDC_CLIENT_SECRET")


def first_column(section: str) -> list[str]:
    """Return the names in the first column of the section's tables."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("block", SOURCES)
def test_the_settings_load(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "hunter2")
    file = tmp_path / "settings.yaml"
    file.write_text(block)
    assert isinstance(load_app(str(file)), App)


def test_every_setting_is_listed() -> None:
    fields = [field.name for field in msgspec.structs.fields(KafkaSource)]
    assert sorted(first_column("Settings")) == sorted(fields)


def test_every_metric_is_listed() -> None:
    names = []
    for metric in Meters().registry.collect():
        names.append(metric.name + ("_total" if metric.type == "counter" else ""))
    assert sorted(first_column("Metrics")) == sorted(names)
