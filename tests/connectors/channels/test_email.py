"""Mail to a real SMTP server, read by a MIME parser."""

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.channels.channel import Later, Picture, Refused, Sent
from connectors.channels.email import EmailChannel, EmailSettings
from connectors.secret import Secret
from flows.rendering import Renderer
from flows.sample_incidents import TOLD
from tests.connectors.channels.messages import HOSTILE, digest, message


class Box:
    """Takes mails, or answers as it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            content: Any = envelope.content
            self.mails.append(message_from_bytes(content, policy=policy.default))
        return self.answer


@pytest.fixture
def box() -> Iterator[tuple[Box, EmailSettings]]:
    handler = Box()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, settings(port)
    finally:
        controller.stop()


def settings(port: object, **more: object) -> EmailSettings:
    given: dict[str, Any] = {
        "host": "127.0.0.1", "port": port, "security": "none", "sender": "foreshock@example.org",
        "to": ("oncall@example.org", "ops@example.org"), **more,
    }  # fmt: skip
    return EmailSettings(**given)


def test_a_mail_is_text_and_html_and_those_of_an_incident_are_one_thread(
    box: tuple[Box, EmailSettings],
) -> None:
    handler, how = box
    channel = EmailChannel(how)
    first, last = channel.send(message()), channel.send(message("resolve"))
    assert isinstance(first, Sent)
    assert isinstance(last, Sent)
    opened, over = handler.mails
    assert opened["Subject"] == "[CRITICAL] latency of orders-db rose"
    assert opened["To"] == "oncall@example.org, ops@example.org"
    assert opened["Message-ID"] == first.receipt
    assert opened["References"] == over["References"]
    plain, rich = opened.get_body(("plain",)), opened.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert "First suspect: orders-db (aws.rds)" in plain.get_content()
    assert "https://foreshock.example/incidents/inc-1" in rich.get_content()


def test_a_picture_is_shown_in_the_html_by_an_address_of_its_own_and_told_in_words(
    box: tuple[Box, EmailSettings],
) -> None:
    handler, how = box
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    renderer = Renderer(draw=lambda _notice, _incident: Picture(png, "latency rose to <820> ms"))
    for notice, said in TOLD:
        EmailChannel(how).send(renderer.render(notice, said))
    EmailChannel(how).send(message())
    addresses = []
    for mail in handler.mails[:2]:
        rich = mail.get_body(("related", "html"))
        assert rich is not None
        html, image = rich.iter_parts()
        assert isinstance(image, EmailMessage)
        assert image.get_content() == png
        assert image.get_content_disposition() == "inline"
        addresses.append(image["Content-ID"][1:-1])
        assert isinstance(html, EmailMessage)
        shown = f'src="cid:{addresses[-1]}" alt="latency rose to &lt;820&gt; ms"'
        assert shown in html.get_content()
        assert [part.get_content_type() for part in mail.iter_parts()] == [
            "text/plain", "multipart/related",
        ]  # fmt: skip
    assert addresses[0] != addresses[1]
    assert [part.get_content_type() for part in handler.mails[2].iter_parts()] == [
        "text/plain", "text/html",
    ]  # fmt: skip


def test_the_same_notice_has_the_same_id_however_often_it_is_sent(
    box: tuple[Box, EmailSettings],
) -> None:
    handler, how = box
    for _ in range(2):
        EmailChannel(how).send(message())
    assert handler.mails[0]["Message-ID"] == handler.mails[1]["Message-ID"]


def test_names_from_outside_are_neither_markup_nor_headers(
    box: tuple[Box, EmailSettings],
) -> None:
    handler, how = box
    EmailChannel(how).send(message(name=HOSTILE + "\r\nBcc: all@example.org"))
    EmailChannel(how).send(digest())
    mail = handler.mails[0]
    rich = mail.get_body(("html",))
    assert mail["Bcc"] is None
    assert rich is not None
    assert "<script" not in rich.get_content()


@pytest.mark.parametrize(
    ("answer", "means"),
    [("451 later please", Later), ("452 full", Later), ("550 no such box", Refused),
     ("554 spam", Refused)],
)  # fmt: skip
def test_4xx_is_later_and_5xx_is_never(
    box: tuple[Box, EmailSettings], answer: str, means: type[object]
) -> None:
    handler, how = box
    handler.answer = answer
    outcome = EmailChannel(how).send(message())
    assert isinstance(outcome, means)


def test_a_server_that_is_away_is_tried_again_and_one_without_tls_gets_no_mail(
    box: tuple[Box, EmailSettings],
) -> None:
    handler, how = box
    assert isinstance(EmailChannel(settings(1)).send(message()), Later)
    outcome = EmailChannel(settings(how.port, security="starttls")).send(message())
    assert isinstance(outcome, Refused)
    assert handler.mails == []


@pytest.mark.parametrize(
    ("change", "says"),
    [({"to": ()}, "to must name"), ({"sender": "x"}, "must be addresses"),
     ({"to": ("a@b\r\nBcc: c@d",)}, "must be addresses"), ({"port": 0}, "port must be"),
     ({"password": Secret(env="X")}, "security must be")],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        settings(**{"port": 25, **change})
