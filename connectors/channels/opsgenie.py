"""Opsgenie, Alert API v2: an incident is one alert, by its alias.

Source: https://docs.opsgenie.com/docs/alert-api (create, acknowledge, close, note; `message` of at
most 130 characters, `alias` of 512, `description` of 15,000).
"""

import msgspec

from connectors.channels.channel import Message, Outcome
from connectors.channels.http import HttpCaller
from connectors.secret import Secret
from schema import ChannelOptions, Severity

URL = "https://api.opsgenie.com"
MAX_MESSAGE, MAX_DESCRIPTION, MAX_ENTITY = 130, 15_000, 512
_PRIORITIES = {
    Severity.CRITICAL: "P1", Severity.HIGH: "P2", Severity.MEDIUM: "P3", Severity.LOW: "P5",
}  # fmt: skip


class OpsgenieSettings(ChannelOptions, frozen=True, kw_only=True, tag="opsgenie"):
    """The YAML of a channel of `type: opsgenie`."""

    api_key: Secret
    url: str = URL  # https://api.eu.opsgenie.com in Europe
    allow_private: bool = False


class OpsgenieChannel:
    """An open one."""

    def __init__(self, settings: OpsgenieSettings) -> None:
        self._headers = {
            "Content-Type": "application/json",
            "Authorization": f"GenieKey {settings.api_key.read()}",
        }
        self._url = settings.url.rstrip("/") + "/v2/alerts"
        self._http = HttpCaller(allow_private=settings.allow_private)

    def send(self, message: Message) -> Outcome:
        """Create the alert, or change the one of the alias."""
        about = f"{self._url}/{message.dedup_key}"
        note = {"user": "Foreshock", "source": "foreshock", "note": message.notice.reason}
        match message.notice.kind:
            case "acknowledge":
                return self._post(f"{about}/acknowledge?identifierType=alias", note)
            case "resolve":
                return self._post(f"{about}/close?identifierType=alias", note)
            case "update":
                text = {**note, "note": message.text[:MAX_DESCRIPTION]}
                return self._post(f"{about}/notes?identifierType=alias", text)
            case _:
                return self._post(self._url, _alert(message))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _post(self, url: str, body: object) -> Outcome:
        return self._http.call("POST", url, msgspec.json.encode(body), self._headers).outcome


def _alert(message: Message) -> dict[str, object]:
    incident = message.incident
    alert: dict[str, object] = {
        "message": message.title[:MAX_MESSAGE],
        "alias": message.dedup_key,
        "description": message.text[:MAX_DESCRIPTION],
        "source": "foreshock",
        "priority": "P5",
    }
    if incident is not None:
        details = {name: value for name, value in incident.scope if value}
        alert |= {
            "priority": _PRIORITIES[incident.severity],
            "entity": incident.members[0].resource.name[:MAX_ENTITY],
            "details": {**details, "incident": incident.id, "link": message.link},
        }
    return alert
