"""`foreshock notify run` tells a real Alertmanager of incidents, through a kill and a restart."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.incident_store import IncidentStore
from tests.connectors.channels.provider import provider
from tests.connectors.made_transitions import OPENED, later, resolved
from tests.prometheus.alertmanager import MISSING, Alertmanager, binary
from tests.prometheus.told import Told

ROOT = Path(__file__).parent.parent.parent
SETTINGS = """
sources: [{{type: files, paths: ["{folder}"], format: auto}}]
sinks: [{{type: sql, url: "{store}"}}]
notify:
  channels: {{prometheus: {{type: alertmanager, url: "http://{address}", updates: all}}}}
  route: {{channels: [prometheus], group_interval_s: 0}}
"""

pytestmark = pytest.mark.integration


@contextmanager
def notification(settings: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run it, and end it in order unless it has been killed."""
    log = settings.with_suffix(".log")
    command = [sys.executable, "foreshock.py", "notify", "run", "-c", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) in {0, -signal.SIGKILL}, log.read_text()


def test_incidents_fire_once_and_end_though_notification_is_killed(tmp_path: Path) -> None:
    if binary() is None:
        pytest.skip(MISSING)
    told = Told()
    url = f"sqlite:///{tmp_path / 'incidents.db'}"
    store = IncidentStore(url, create=True)
    with (
        provider(told.take) as webhook,
        Alertmanager(tmp_path / "alertmanager", webhook.url) as server,
    ):
        settings = tmp_path / "notify.yaml"
        settings.write_text(
            SETTINGS.format(folder=tmp_path, store=url, address=server.address), encoding="utf-8"
        )
        store.record([OPENED])
        with notification(settings) as process:
            told.wait_for("inc-1", lambda heard: heard == [("critical", "firing")])
            process.kill()
            process.wait()
        store.record([later("inc-1", 2)])
        with notification(settings):
            store.record([later("inc-2", 1)])
            told.wait_for("inc-2", lambda heard: heard == [("critical", "firing")])
            store.record([resolved("inc-1", 3)])
            told.wait_for("inc-1", lambda heard: ("high", "resolved") in heard)
        assert [each["labels"]["incident"] for each in server.alerts()] == ["inc-2"]
    assert told.of("inc-1").count(("critical", "firing")) == 1
    store.close()
