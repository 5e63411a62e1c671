"""Mail over SMTP: text and HTML with a picture, all of an incident in one thread.

Source: RFC 5321 (4xx: later, 5xx: never), RFC 5322 (Message-ID, References), RFC 3207 (STARTTLS),
RFC 2392 (cid).
"""

import hashlib
import smtplib
import ssl
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from connectors.channels.channel import (
    PICTURE,
    Later,
    Message,
    Outcome,
    Picture,
    Refused,
    Sent,
)
from connectors.secret import Secret
from schema import ChannelOptions

TIMEOUT_S = 20.0
DOMAIN = "foreshock.invalid"  # of message ids: no host of anybody's
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EmailSettings(ChannelOptions, frozen=True, kw_only=True, tag="email"):
    """The YAML of a channel of `type: email`."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    sender: str
    to: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.to:
            raise ValueError("to must name at least one address, got none")
        for address in (self.sender, *self.to):
            if "@" not in address or any(char in address for char in "\r\n"):
                raise ValueError(f"sender and to must be addresses, got {address!r}")
        if not 1 <= self.port <= 65_535:
            raise ValueError(f"port must be in [1, 65535], got {self.port!r}")
        if self.password is not None and self.security == "none":
            raise ValueError("security must be starttls or tls where there is a password")


class EmailChannel:
    """Opens a connection a mail: they are few."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._password = None if settings.password is None else settings.password.read()

    def send(self, message: Message) -> Outcome:
        """Hand the mail to the server."""
        mail = made(message, self._settings)
        try:
            with self._connected() as server:
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as ex:
            code, words = next(iter(ex.recipients.values()))
            return _answer(self._settings.host, code, words)
        except smtplib.SMTPResponseException as ex:
            return _answer(self._settings.host, ex.smtp_code, ex.smtp_error)
        except smtplib.SMTPNotSupportedError as ex:
            return Refused(f"{self._settings.host}: {ex}")
        except (smtplib.SMTPException, ssl.SSLError, OSError) as ex:
            return Later(f"{self._settings.host}: {type(ex).__name__}")
        if refused:
            return Refused(f"{self._settings.host}: {len(refused)} of the recipients are refused")
        return Sent(str(mail["Message-ID"]))

    def close(self) -> None:
        """There is nothing to let go of."""

    def _connected(self) -> smtplib.SMTP:
        how = self._settings
        context = ssl.create_default_context()
        if how.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                how.host, how.port, timeout=TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(how.host, how.port, timeout=TIMEOUT_S)
        try:
            if how.security == "starttls":
                server.starttls(context=context)
            if self._password is not None:
                server.login(how.user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def made(message: Message, settings: EmailSettings) -> EmailMessage:
    """Return the mail. The same notice has the same Message-ID, however often it is sent."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.title.split())
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = format_datetime(_EPOCH + timedelta(milliseconds=message.notice.decided_ms))
    mail["Message-ID"] = _id(message.notice.id)
    mail["References"] = _id(message.dedup_key)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
        if message.picture is not None:
            _show(mail, message.picture)
    return mail


def _show(mail: EmailMessage, picture: Picture) -> None:
    """Put a picture beside the HTML, under an address that no other mail has."""
    html = mail.get_body(("html",))
    if html is None:
        return
    name = str(mail["Message-ID"])
    text = html.get_content().replace(PICTURE, f"cid:plot.{name[1:-1]}")
    html.set_content(text, subtype="html")
    html.add_related(
        picture.png, "image", "png", cid=f"<plot.{name[1:]}", disposition="inline",
        filename="plot.png",
    )  # fmt: skip


def _id(name: str) -> str:
    return f"<{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}@{DOMAIN}>"


def _answer(host: str, code: int, words: bytes | str) -> Outcome:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    error = f"{host}: {code} {' '.join(text.split())[:300]}"
    return Refused(error) if 500 <= code < 600 else Later(error)
