"""Where a running flow listens, and how: whoever tells it something goes by this."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from config.app import App
from connectors.control_log import ControlLog, FileControlLog, soonest_ms
from connectors.incident_store import SqlSink
from flows.control import control_log, is_live
from operators.ingest import IngestSettings

DEFAULT_STORE = "sqlite:///.foreshock/incidents.db"


class RunningFlow(NamedTuple):
    """A flow, as those know it who tell it something."""

    log: ControlLog
    store: str
    tick_s: int
    live: bool
    app: App | None = None  # its settings, where they were given

    def effective_ms(self, now: datetime, at_ms: int) -> int:
        """Return when a record takes effect: as soon as can be; in a replay, when it is about."""
        return soonest_ms(now, self.tick_s) if self.live else at_ms


def flow_by_log(path: Path, store: str) -> RunningFlow:
    """Return the live flow that reads a control log in a file."""
    return RunningFlow(FileControlLog(path), store, IngestSettings().tick_s, True)


def flow_of(app: App, store: str, log: ControlLog | None = None) -> RunningFlow | None:
    """Return the flow of settings, which hears of `log` rather than its own; None: of neither."""
    log = control_log(app) if log is None else log
    return None if log is None else RunningFlow(log, store, app.ingest.tick_s, is_live(app), app)


def store_of(app: App | None) -> str:
    """Return the URL of the settings' incident store, or the default one."""
    sinks = () if app is None else app.sinks
    return next((sink.url for sink in sinks if isinstance(sink, SqlSink)), DEFAULT_STORE)
