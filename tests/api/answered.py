"""An application that listens to every provider, over a store with one incident."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import uvicorn
from fastapi import FastAPI

from api.callbacks import callback_routes
from api.problems import answer_with_problems
from config.app import App
from config.notify import NotifySettings
from connectors.callback_meters import CallbackMeters
from connectors.callbacks.settings import CallbackSettings
from connectors.control_log import FileControlLog, Record
from connectors.incident_store import IncidentStore, SqlSink
from connectors.simulator.settings import SimulatorSource
from flows.desk import Desk
from tests.api.serving import url_of
from tests.connectors.callbacks.signed import (
    NOW_MS,
    mail_settings,
    pagerduty_settings,
    slack_settings,
)
from tests.connectors.made_transitions import OPENED

URL = "https://foreshock.example"


def listening(folder: Path, callbacks: CallbackSettings | None = None) -> App:
    """Return the settings of a flow of which people hear on every channel that can answer."""
    if callbacks is None:
        callbacks = CallbackSettings(
            url=URL,
            pagerduty=pagerduty_settings(folder),
            slack=slack_settings(folder),
            mail=mail_settings(folder),
        )
    return App(
        sources=(SimulatorSource(),),
        sinks=(SqlSink(url_of(folder)),),
        control_log=str(folder / "control.jsonl"),
        notify=NotifySettings(link=URL + "/incidents/{id}", callbacks=callbacks),
    )


class Answered(NamedTuple):
    """The application, and what it leads to."""

    client: httpx.Client
    log: FileControlLog
    store: IncidentStore
    meters: CallbackMeters
    clock: list[int]  # the time now

    def logged(self) -> list[Record]:
        return self.log.read()

    def counted(self, before: Mapping[str, int] | None = None) -> dict[str, int]:
        """Return what was counted, "slack forged", since it was as `before`."""
        found = {
            f"{sample.labels['provider']} {sample.labels['outcome']}": round(sample.value)
            for metric in self.meters.registry.collect()
            for sample in metric.samples
            if sample.name == "foreshock_callbacks_total"
        }
        since = before or {}
        return {each: n - since.get(each, 0) for each, n in found.items() if n > since.get(each, 0)}


@contextmanager
def answered(folder: Path, callbacks: CallbackSettings | None = None) -> Iterator[Answered]:
    """Serve one, in this process."""
    app = listening(folder, callbacks)
    store = IncidentStore(url_of(folder), create=True)
    store.record([OPENED])
    desk = Desk(None, app)
    meters, clock = CallbackMeters(), [NOW_MS]
    routes = callback_routes(desk, meters, lambda: clock[0])
    assert routes is not None
    served = FastAPI(openapi_url=None)
    answer_with_problems(served)
    served.include_router(routes)
    try:
        with served_at(served) as url, httpx.Client(base_url=url, trust_env=False) as client:
            log = FileControlLog(folder / "control.jsonl")
            yield Answered(client, log, store, meters, clock)
    finally:
        desk.close()
        store.close()


@contextmanager
def served_at(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free loopback port; yield its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who comes before the server is up waits
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
