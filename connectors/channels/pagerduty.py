"""PagerDuty, Events API v2: an incident is one PagerDuty alert, by its dedup key.

Source: https://developer.pagerduty.com/docs/events-api-v2-overview (trigger, acknowledge, resolve;
`summary` of at most 1,024 characters, events of at most 512 kB).
"""

import msgspec

from connectors.channels.channel import Message, Outcome
from connectors.channels.http import HttpCaller
from connectors.incident_wire import rfc3339
from connectors.secret import Secret
from schema import ChannelOptions, Kind, Severity

URL = "https://events.pagerduty.com/v2/enqueue"
MAX_SUMMARY = 1_024
MAX_TEXT = 20_000
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
_ACTIONS: dict[Kind, str] = {"acknowledge": "acknowledge", "resolve": "resolve"}


class PagerDutySettings(ChannelOptions, frozen=True, kw_only=True, tag="pagerduty"):
    """The YAML of a channel of `type: pagerduty`."""

    routing_key: Secret  # of an integration of type "Events API v2"
    url: str = URL
    allow_private: bool = False


class PagerDutyChannel:
    """An open one."""

    def __init__(self, settings: PagerDutySettings) -> None:
        self._key = settings.routing_key.read()
        self._url = settings.url
        self._http = HttpCaller(allow_private=settings.allow_private)

    def send(self, message: Message) -> Outcome:
        """Send one event; PagerDuty keeps those of one dedup key together."""
        action = _ACTIONS.get(message.notice.kind, "trigger")
        event: dict[str, object] = {
            "routing_key": self._key,
            "event_action": action,
            "dedup_key": message.dedup_key,
        }
        if action == "trigger":
            event |= {"client": "Foreshock", "payload": _payload(message)}
            if message.link:
                event |= {
                    "client_url": message.link,
                    "links": [{"href": message.link, "text": "the incident in Foreshock"}],
                }
        headers = {"Content-Type": "application/json"}
        return self._http.call("POST", self._url, msgspec.json.encode(event), headers).outcome

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _payload(message: Message) -> dict[str, object]:
    incident = message.incident
    payload: dict[str, object] = {
        "summary": message.title[:MAX_SUMMARY],
        "source": "foreshock",
        "severity": "info",
        "custom_details": {"text": message.text[:MAX_TEXT]},
    }
    if incident is None:
        return payload
    scope = dict(incident.scope)
    first = incident.suspects[0].resource if incident.suspects else incident.members[0].resource
    return payload | {
        "source": first.name,
        "severity": _SEVERITIES[incident.severity],
        "timestamp": rfc3339(incident.onset_ms),
        "component": first.service,
        "group": scope.get("account", ""),
        "class": incident.pattern,
    }
