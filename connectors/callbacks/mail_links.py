"""Links in mails by which who reads one can act: signed, for one act, until a time.

A link is `<url>/callbacks/mail?t=<version>.<key>.<what>.<signature>`. Following it shows a page and
changes nothing, since programs that guard mailboxes follow links too; the page's button acts, once.
Several keys are known by name, so that one can be replaced while links of the old one are about.
"""

import base64
import binascii
import hashlib
import hmac
import re
from urllib.parse import urlencode

import msgspec

from connectors.callbacks.callback import (
    MAX_NAME,
    SKEW_S,
    Callback,
    Offered,
    Rejected,
    plain,
    signed_by_any,
)
from connectors.secret import Secret

VERSION = "1"
PATH = "/callbacks/mail"
MAX_BODY = 8_192  # bytes of a form
MAX_TOKEN = 2_048
MIN_KEY = 16  # bytes
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class MailCallbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The YAML section `notify.callbacks.mail`."""

    keys: dict[str, Secret]  # by name; each of at least 16 bytes
    sign_with: str  # the name of one of them
    valid_s: float = 172_800.0  # of a link, from the decision to send the mail

    def __post_init__(self) -> None:
        for name in self.keys:
            if not _KEY_ID.fullmatch(name):
                raise ValueError(f"keys must have names of A-Z, a-z, 0-9, _ and -, got {name!r}")
        if self.sign_with not in self.keys:
            raise ValueError(f"sign_with must name one of keys, got {self.sign_with!r}")
        if not 300 <= self.valid_s <= 2_592_000:
            raise ValueError(f"valid_s must be in [300, 2592000] s, got {self.valid_s!r}")


class _Link(msgspec.Struct, array_like=True, frozen=True):
    """What is signed."""

    incident: str
    asked: Offered
    recipient: str
    expires_s: int
    nonce: str


_decoder = msgspec.json.Decoder(_Link)


class MailLinks:
    """Makes links and reads them."""

    def __init__(self, settings: MailCallbacks, url: str) -> None:
        """Read the keys; raise ValueError where one is not there, or too short."""
        self._url = url.rstrip("/") + PATH
        self._settings = settings
        self._keys = {name: secret.read().encode() for name, secret in settings.keys.items()}
        for name, key in self._keys.items():
            if len(key) < MIN_KEY:
                raise ValueError(f"keys.{name} must be of at least {MIN_KEY} bytes, got {len(key)}")

    def link(self, incident: str, asked: Offered, recipient: str, notice: str, now_ms: int) -> str:
        """Return a link of a notice; the same once more is the same link, which counts once."""
        nonce = hashlib.blake2b(f"{notice}\0{asked}\0{recipient}".encode(), digest_size=16)
        expires_s = now_ms // 1000 + round(self._settings.valid_s)
        what = _Link(incident, asked, recipient, expires_s, nonce.hexdigest())
        name = self._settings.sign_with
        head = f"{VERSION}.{name}.{_text(msgspec.json.encode(what))}"
        return self.url_of(f"{head}.{_signature(self._keys[name], head)}")

    def url_of(self, token: str) -> str:
        """Return the link of a token."""
        return f"{self._url}?{urlencode({'t': token})}"

    def read(self, token: str, now_ms: int) -> Callback | Rejected:
        """Return what a link's token asks for, if it is one of ours and still good."""
        parts = token.split(".")
        if len(token) > MAX_TOKEN or len(parts) != 4:
            return Rejected("malformed", "the link is not whole")
        version, name, text, signature = parts
        key = self._keys.get(name)
        if version != VERSION or key is None:
            return Rejected("wrong_key", "the link was signed by a key that is not in use any more")
        if not signed_by_any([signature], [_signature(key, f"{version}.{name}.{text}")]):
            return Rejected("forged", "the link is not one of ours")
        try:
            what = _decoder.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (binascii.Error, ValueError, msgspec.DecodeError):
            return Rejected("malformed", "the link says nothing that is known")
        expires_ms = what.expires_s * 1000
        latest_ms = now_ms + round((self._settings.valid_s + SKEW_S) * 1000)
        if not now_ms < expires_ms <= latest_ms:
            return Rejected("stale", "the link has expired")
        return Callback(
            f"mail:{what.nonce}",
            "mail",
            plain(what.recipient, MAX_NAME),
            what.asked,
            (what.incident,),
            now_ms,
            expires_ms,
        )


def _signature(key: bytes, head: str) -> str:
    return _text(hmac.new(key, b"foreshock.link." + head.encode(), hashlib.sha256).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
