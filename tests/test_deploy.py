"""deploy/: rules by promtool; every name in rules and dashboard is one that workers serve."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.meters import Meters
from connectors.notify_meters import NotifyMeters
from tests.prometheus.server import MISSING

DEPLOY = Path(__file__).parent.parent / "deploy"
RULES = DEPLOY / "prometheus" / "foreshock.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "foreshock.json"
NAME = re.compile(r"\b(?:foreshock|process)_\w+")


def queries() -> list[str]:
    """Return what the dashboard asks."""
    dashboard = json.loads(DASHBOARD.read_text())
    return [
        target["expr"].replace("$job", "foreshock")
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


def served() -> set[str]:
    """Return the names of all series that a worker can serve, or the process that notifies."""
    ends = {"counter": "_total", "histogram": "_bucket"}
    families = (*Meters().registry.collect(), *NotifyMeters().registry.collect())
    return {f.name + ends.get(f.type, "") for f in families}


@pytest.mark.parametrize("command", ["check", "test"])
def test_promtool_accepts_the_rules(command: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip(MISSING)
    file = RULES if command == "check" else DEPLOY / "prometheus" / "foreshock.test.yml"
    given = [program, command, "rules", str(file)]
    done = subprocess.run(given, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_panels_ask_for_what_workers_serve() -> None:
    asked = {name for text in (*queries(), RULES.read_text()) for name in NAME.findall(text)}
    assert len(asked) > 30
    assert asked <= served()


def test_every_metric_is_on_the_dashboard_or_known_not_to_be() -> None:
    left_out = {
        "foreshock_event_time_seconds", "foreshock_payloads_total", "foreshock_scores_total",
        "foreshock_warm_timestamp_seconds", "foreshock_watermark_timestamp_seconds",
        "foreshock_step_items_total", "process_max_fds", "process_start_time_seconds",
        "process_virtual_memory_bytes", "foreshock_drift_last_timestamp_seconds",
        "foreshock_detector_scores_total",
        "foreshock_drift_since_timestamp_seconds", "foreshock_drift_window",
    }  # fmt: skip
    asked = {name for query in queries() for name in NAME.findall(query)}
    assert asked == served() - left_out


def test_panels_do_not_overlap_and_have_a_number_each() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_page_says_what_to_do_for_each_alert() -> None:
    page = (DEPLOY.parent / "docs" / "deploy.md").read_text()
    for rule in rules():
        assert "alert" not in rule or f"`{rule['alert']}`" in page
