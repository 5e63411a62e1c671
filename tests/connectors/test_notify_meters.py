"""What becomes of messages is counted, and every number is in docs/notification.md."""

import re
from pathlib import Path

import pytest
import yaml

from config.app import App
from config.loader import load
from connectors.notify_meters import NotifyMeters
from schema import Notice

PAGE = (Path(__file__).parents[2] / "docs" / "notification.md").read_text()


def test_every_metric_is_listed() -> None:
    section = PAGE.split("## Metrics\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)
    ends = {"counter": "_total"}
    served = [f.name + ends.get(f.type, "") for f in NotifyMeters().registry.collect()]
    assert sorted(listed) == sorted(name for name in served if not name.startswith("process_"))


def test_a_channel_is_shown_before_anything_is_told() -> None:
    meters = NotifyMeters()
    meters.open("page")
    value = meters.registry.get_sample_value
    assert value("foreshock_notify_failed_total", {"channel": "page"}) == 0
    assert value("foreshock_notify_channel_closed", {"channel": "page"}) == 0


def test_latency_counts_from_the_decision() -> None:
    meters = NotifyMeters()
    meters.took(Notice("inc-1", 1, "page", "trigger", "transition:1", 1_000, "so"), 4_000)
    value = meters.registry.get_sample_value
    assert value("foreshock_notify_sent_total", {"channel": "page", "kind": "trigger"}) == 1
    assert value("foreshock_notify_latency_seconds_sum", {"channel": "page"}) == 3.0


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_settings_load(block: str, tmp_path: Path) -> None:
    given = yaml.safe_load(block)
    given.setdefault("sources", [{"type": "simulator"}])
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(given))
    assert load(file, App).notify.channels
