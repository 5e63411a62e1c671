"""From a button in Slack over loopback to a running flow, and back into the store."""

import threading
import time
from functools import partial
from pathlib import Path

from connectors.control_log import FileControlLog
from connectors.incident_store import IncidentStore
from connectors.requests_store import RequestsStore
from connectors.source import wall_clock
from flows.desk import Desk
from flows.launch import run as launch
from schema import Drift, Promotion
from schema.desk import RequestView
from tests.api.answered import listening
from tests.api.serving import serving, url_of
from tests.connectors.callbacks.signed import slack_press, slack_request
from tests.flows.commanded_flow import LOG, commanded_flow
from tests.flows.test_control import DEADLINE_S, HOUR_0, stands_at
from tests.operators.made_commands import MINUTE_MS, drift

WHILE_FULL = drift(HOUR_0 + 10, HOUR_0 + 15, HOUR_0 + 68)  # a resource is, from 60 to 70


class Presser(threading.Thread):
    """Presses a button while the flow stands still, waiting for a model; then lets it go on."""

    def __init__(self, folder: Path, asked: Drift) -> None:
        super().__init__()
        self._folder, self._asked = folder, asked
        self.incident = ""
        self.shown: list[RequestView] = []  # of the incident, at once
        self.failed: BaseException | None = None

    def run(self) -> None:
        log = FileControlLog(self._folder / LOG)
        try:
            self._press()
        except BaseException as ex:  # noqa: BLE001  # raised again by the test
            self.failed = ex
        log.append(Promotion(self._asked.service, "v2", self._asked.retrain_by_ms, self._asked.id))

    def _press(self) -> None:
        stands, deadline = stands_at(self._folder), time.monotonic() + DEADLINE_S
        while not stands(self._asked):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        store = IncidentStore(url_of(self._folder))
        self.incident = next(e.id for e in store.list_incidents() if e.state == "open")
        store.close()
        now_ms = round(wall_clock().timestamp() * 1000)
        payload = slack_press(incident=self.incident, response_url="")
        given = slack_request(payload, now_ms)
        desk = Desk(None, listening(self._folder))
        with serving(desk) as client:
            answer = client.post(
                "/callbacks/slack", content=given.body, headers=dict(given.headers)
            )
            assert answer.status_code == 200
            self.shown = list(desk.requests().requests)


def test_a_button_shows_as_requested_at_once_and_is_applied_within_a_tick(tmp_path: Path) -> None:
    IncidentStore(url_of(tmp_path), create=True).close()
    presser = Presser(tmp_path, WHILE_FULL)
    presser.start()
    build = partial(
        commanded_flow, tmp_path, (WHILE_FULL,), 100, None, DEADLINE_S, store=url_of(tmp_path)
    )
    try:
        launch(build)
    finally:
        presser.join()
    if presser.failed is not None:
        raise presser.failed
    assert [(each.status, each.action) for each in presser.shown] == [("requested", "ack")]
    requests = RequestsStore(url_of(tmp_path))
    (request,) = requests.requests_of(presser.incident)
    requests.close()
    assert request.status == "applied"
    store = IncidentStore(url_of(tmp_path))
    (said,) = [e for e in store.history(presser.incident) if e.request == request.act.id]
    store.close()
    assert (said.event, said.actor) == ("acknowledged", "ann.lee (via slack)")
    assert said.incident.assignee == "ann.lee (via slack)"
    assert 0 <= said.ts_ms - WHILE_FULL.retrain_by_ms <= MINUTE_MS  # where the flow stood
