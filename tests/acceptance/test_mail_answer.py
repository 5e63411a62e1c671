"""From an incident to a mail, from the mail to a browser, from its button to the control log."""

import re
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from queue import Queue

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from config.app import App
from config.notify import NotifySettings
from config.serve import ServeSettings
from connectors.callbacks.settings import CallbackSettings
from connectors.channels.email import EmailSettings
from connectors.control_log import FileControlLog
from connectors.incident_store import IncidentStore
from connectors.source import wall_clock
from flows.desk import Desk
from flows.notify import open_notification
from operators.routes import Route
from schema import Act
from tests.api.answered import listening
from tests.api.serving import serving, url_of
from tests.browser.chromium import PHONE
from tests.connectors.callbacks.signed import mail_settings
from tests.connectors.channels.test_email import Box
from tests.connectors.made_transitions import OPENED

DEADLINE_S = 60.0


class Mailbox(Box):
    """Takes mails, and lets one wait for them."""

    def __init__(self) -> None:
        super().__init__()
        self.came: Queue[EmailMessage] = Queue()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        self.came.put(self.mails[-1])
        return answer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    taker, port = Mailbox(), free_port()
    controller = Controller(taker, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield taker, port
    finally:
        controller.stop()


def settings(folder: Path, smtp_port: int, port: int) -> App:
    """Return those of a flow of which one person hears by mail."""
    url = f"http://127.0.0.1:{port}"
    mail = EmailSettings(
        host="127.0.0.1", port=smtp_port, security="none", sender="foreshock@example.com",
        to=("ann@example.com",),
    )  # fmt: skip
    told = NotifySettings(
        link=url + "/#/incidents/{id}",
        channels={"mail": mail},
        route=Route(channels=("mail",)),
        callbacks=CallbackSettings(url=url, mail=mail_settings(folder)),
    )
    return msgspec.structs.replace(
        listening(folder), notify=told, serve=ServeSettings(port=port, url=url)
    )


def mail_of(app: App, folder: Path, mailbox: Mailbox) -> EmailMessage:
    """Let an incident open, and return the mail that tells of it."""
    stop = threading.Event()
    store = IncidentStore(url_of(folder), create=True)
    opened = open_notification(app, lambda: round(wall_clock().timestamp() * 1000), stop)
    thread = threading.Thread(target=opened.run)
    thread.start()
    try:
        store.record([OPENED])
        return mailbox.came.get(timeout=DEADLINE_S)
    finally:
        stop.set()
        thread.join()
        store.close()


def faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


def wider_than_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("dark", [False, True])
def test_a_mail_is_answered_on_a_phone(
    tmp_path: Path, mailbox: tuple[Mailbox, int], browser: Browser, dark: bool
) -> None:
    taker, smtp_port = mailbox
    app = settings(tmp_path, smtp_port, free_port())
    body = mail_of(app, tmp_path, taker).get_body(("html",))
    assert body is not None
    links = re.findall(
        r'href="([^"]+/callbacks/mail\?t=[^"]+)"[^>]*>([^<]+)</a>', body.get_content()
    )
    assert [label for _, label in links] == ["Acknowledge", "Resolve", "False positive"]
    log = FileControlLog(tmp_path / "control.jsonl")
    context = browser.new_context(
        viewport={"width": PHONE[0], "height": PHONE[1]},
        color_scheme="dark" if dark else "light",
    )
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with serving(Desk(None, app), app.serve):
        page.goto(links[0][0])
        assert page.title() == "Acknowledge this incident? · Foreshock"
        assert not wider_than_the_screen(page)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(13, 17, 23)" if dark else "rgb(246, 248, 250)")  # styled, so
        assert faults(page) == []
        assert log.read() == []
        page.screenshot(path=tmp_path / "asks.png", full_page=True)
        page.get_by_label("Why").fill("restarting it")
        page.get_by_role("button", name="Acknowledge").click()
        page.get_by_role("heading", name="It is requested").wait_for()
        assert faults(page) == []
        page.screenshot(path=tmp_path / "requested.png", full_page=True)
        page.goto(links[0][0])
        page.get_by_role("heading", name="This link was used").wait_for()
        assert page.get_by_role("button").count() == 0
        page.screenshot(path=tmp_path / "used.png", full_page=True)
    context.close()
    (act,) = log.read()
    assert isinstance(act, Act)
    assert (act.action, act.actor, act.reason) == (
        "ack", "ann@example.com (via mail)", "restarting it",
    )  # fmt: skip
    assert complaints == []
