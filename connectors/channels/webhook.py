"""A JSON POST to a URL of your own, signed.

The signature is HMAC-SHA256 over `<timestamp>.<body>` in `X-Foreshock-Signature: v1=<hex>`, the
timestamp (seconds) in `X-Foreshock-Timestamp`; `Idempotency-Key` is the same for every attempt.
Source: the scheme of Stripe's and Slack's signatures.
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

import msgspec

from connectors.channels.channel import Message, Outcome
from connectors.channels.http import HttpCaller
from connectors.incident_wire import encode_transition
from connectors.secret import Secret
from connectors.source import wall_clock
from schema import ChannelOptions


class WebhookSettings(ChannelOptions, frozen=True, kw_only=True, tag="webhook"):
    """The YAML of a channel of `type: webhook`."""

    url: Secret
    secret: Secret | None = None  # of the signature; none: unsigned
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    allow_private: bool = False  # may the URL be in a private network


class WebhookChannel:
    """An open one."""

    def __init__(
        self, settings: WebhookSettings, clock: Callable[[], datetime] = wall_clock
    ) -> None:
        self._url = settings.url.read()
        self._key = None if settings.secret is None else settings.secret.read().encode()
        self._headers = settings.headers
        self._http = HttpCaller(allow_private=settings.allow_private)
        self._clock = clock

    def send(self, message: Message) -> Outcome:
        """Post the message."""
        event = None
        if message.transition is not None:
            event = msgspec.Raw(encode_transition(message.transition))
        body = msgspec.json.encode(
            {
                "schema": "foreshock.notice/1",
                "kind": message.notice.kind,
                "cause": message.notice.cause,
                "dedup_key": message.dedup_key,
                "title": message.title,
                "text": message.text,
                "link": message.link,
                "about": message.notice.about,
                "event": event,
            }
        )
        headers = {
            **self._headers,
            "Content-Type": "application/json",
            "Idempotency-Key": message.notice.id,
        }
        if self._key is not None:
            stamp = str(int(self._clock().timestamp()))
            signed = hmac.new(self._key, stamp.encode() + b"." + body, hashlib.sha256)
            headers["X-Foreshock-Timestamp"] = stamp
            headers["X-Foreshock-Signature"] = f"v1={signed.hexdigest()}"
        return self._http.call("POST", self._url, body, headers).outcome

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
