"""ServiceNow, Table API: an incident is a record of the table `incident`.

Source: https://www.servicenow.com/docs/ (Table API: POST, GET with sysparm_query, PATCH; of the
table incident `short_description` of 160 characters, `correlation_id` of 100, `state` 2 in
progress, 6 resolved, 7 closed; resolving needs `close_code` and `close_notes`).
"""

import base64
import re
from urllib.parse import urlencode

import msgspec

from connectors.channels.channel import Message
from connectors.channels.tickets import JsonApi, TicketChannel, title_of
from connectors.secret import Secret
from schema import ChannelOptions, Severity

MAX_TITLE, MAX_TEXT = 160, 4_000
IN_PROGRESS, RESOLVED, CLOSED, CANCELLED = "2", "6", "7", "8"
_LEVELS = {  # impact and urgency: the priority is looked up by both
    Severity.CRITICAL: ("1", "1"), Severity.HIGH: ("1", "2"), Severity.MEDIUM: ("2", "2"),
    Severity.LOW: ("3", "3"),
}  # fmt: skip
_CODE = re.compile(r"\[(?=/?code\])", re.IGNORECASE)
_OWN = frozenset({
    "short_description", "description", "impact", "urgency", "correlation_id",
    "correlation_display", "state", "work_notes", "close_code", "close_notes",
})  # fmt: skip


class ServiceNowSettings(ChannelOptions, frozen=True, kw_only=True, tag="servicenow"):
    """The YAML of a channel of `type: servicenow`."""

    url: str  # "https://example.service-now.com"
    password: Secret | None = None  # of `user`
    token: Secret | None = None  # of OAuth, in its place
    user: str = ""
    fields: dict[str, str] = msgspec.field(default_factory=dict)  # more, of a new record
    close_code: str = "Solution provided"  # one of the instance's choices
    allow_private: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.password is None) == (self.token is None):
            raise ValueError("servicenow must have one of password and token")
        if (self.password is None) == bool(self.user):
            raise ValueError("user must be set where there is a password, and only there")
        for name in self.fields:
            if name in _OWN:
                raise ValueError(f"fields must leave out what is set by itself, got {name!r}")


class _Record(msgspec.Struct):
    sys_id: str
    state: str = ""


class _One(msgspec.Struct):
    result: _Record


class _Many(msgspec.Struct):
    result: tuple[_Record, ...]


class ServiceNow:
    """The table of incidents of an instance."""

    def __init__(self, settings: ServiceNowSettings) -> None:
        self._settings = settings
        if settings.token is not None:
            given = f"Bearer {settings.token.read()}"
        else:
            password = "" if settings.password is None else settings.password.read()
            pair = f"{settings.user}:{password}"
            given = f"Basic {base64.b64encode(pair.encode()).decode()}"
        headers = {"Authorization": given}
        self._api = JsonApi(settings.url, headers, allow_private=settings.allow_private)

    def find(self, key: str) -> str:
        """Return the id of the record with the key, "" if there is none."""
        query = urlencode({
            "sysparm_query": f"correlation_id={key}^ORDERBYDESCsys_created_on",
            "sysparm_fields": "sys_id,state", "sysparm_limit": "1",
        })  # fmt: skip
        found = self._api.ask("GET", f"/api/now/table/incident?{query}", _Many)
        return next((each.sys_id for each in found.result), "")

    def open(self, key: str, message: Message) -> str:
        """Open a record."""
        severity = Severity.LOW if message.incident is None else message.incident.severity
        impact, urgency = _LEVELS[severity]
        record = {
            **self._settings.fields,
            "short_description": title_of(message, MAX_TITLE),
            "description": _text(message),
            "impact": impact,
            "urgency": urgency,
            "correlation_id": key,
            "correlation_display": "Foreshock",
        }
        return self._api.ask("POST", _path(""), _One, record).result.sys_id

    def tell(self, ticket: str, message: Message, *, again: bool) -> None:
        """Add a work note."""
        change = {"work_notes": _text(message)}
        taken = message.notice.kind == "acknowledge"
        if again or taken:
            state = self._api.ask("GET", _path(ticket), _One).result.state
            if state == RESOLVED or (taken and state not in (CLOSED, CANCELLED)):
                change["state"] = IN_PROGRESS
        self._api.ask("PATCH", _path(ticket), _One, change)

    def end(self, ticket: str, message: Message) -> None:
        """Resolve a record, unless people have done so."""
        if self._api.ask("GET", _path(ticket), _One).result.state in (RESOLVED, CLOSED, CANCELLED):
            return
        change = {
            "state": RESOLVED,
            "close_code": self._settings.close_code,
            "close_notes": _text(message),
        }
        self._api.ask("PATCH", _path(ticket), _One, change)

    def shut(self) -> None:
        """Close the connection."""
        self._api.close()


def open_servicenow(settings: ServiceNowSettings) -> TicketChannel:
    """Open the channel."""
    return TicketChannel(ServiceNow(settings))


def _path(ticket: str) -> str:
    where = f"/{ticket}" if ticket else ""
    return f"/api/now/table/incident{where}?sysparm_fields=sys_id,state"


def _text(message: Message) -> str:
    """Return the text; what stands in [code] would be shown as HTML."""
    return _CODE.sub("[\u200b", message.text)[:MAX_TEXT]
