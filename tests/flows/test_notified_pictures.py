"""From evidence in the store, and a template of one's own, to the mail."""

import threading
from email.message import EmailMessage
from pathlib import Path

import msgspec
from aiosmtpd.controller import Controller

from config.app import App
from config.notify import NotifySettings
from connectors.channels.email import EmailSettings
from connectors.incident_store import IncidentStore, SqlSink
from connectors.plots_store import PlotsStore
from connectors.simulator.settings import SimulatorSource
from connectors.source import wall_clock
from flows.notify import open_notification
from schema import Shown
from tests.connectors.channels.test_email import Box
from tests.connectors.made_transitions import OPENED, RESOURCE
from tests.flows.made_plots import plot
from tests.flows.test_notify import until
from tests.kafka.broker import free_ports


def test_a_mail_shows_the_evidence_that_the_store_holds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'incidents.db'}"
    store, plots = IncidentStore(url, create=True), PlotsStore(url)
    store.record([OPENED])
    shown = msgspec.structs.replace(plot(), resource=RESOURCE.key)
    plots.keep([Shown("inc-1", shown)])
    store.close()
    plots.close()
    (tmp_path / "incident.txt.j2").write_text("in our words: {{ incident.title }}")
    box, (port,) = Box(), free_ports(1)
    mail = EmailSettings(host="127.0.0.1", port=port, security="none", sender="a@b", to=("c@d",))
    settings = NotifySettings(channels={"mail": mail}, templates=str(tmp_path))
    app = App(sources=(SimulatorSource(),), sinks=(SqlSink(url=url),), notify=settings)
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    stop = threading.Event()
    told = open_notification(app, lambda: round(wall_clock().timestamp() * 1000), stop)
    runner = threading.Thread(target=told.run)
    runner.start()
    try:
        until(lambda: bool(box.mails))
    finally:
        stop.set()
        runner.join()
        server.stop()
    (got,) = box.mails
    (image,) = (part for part in got.walk() if part.get_content_type() == "image/png")
    assert isinstance(image, EmailMessage)
    assert image.get_content().startswith(b"\x89PNG\r\n\x1a\n")
    rich, plain = got.get_body(("html",)), got.get_body(("plain",))
    assert rich is not None
    assert plain is not None
    assert f"cid:{image['Content-ID'][1:-1]}" in rich.get_content()
    assert "Plot of latency of orders-db" in rich.get_content()
    assert plain.get_content().strip() == f"in our words: {OPENED.incident.title}"
