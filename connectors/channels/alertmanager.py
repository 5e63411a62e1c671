"""Prometheus Alertmanager, API v2: an incident is one alert that fires.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. There an alert is
its labels. People route by severity and scope, which may change while an incident is open: then the
alert of the old labels ends with the very request that brings the one of the new. Which those are
is asked of Alertmanager, so that no crash in between leaves one behind. An alert ends by itself
after `hold_s` unless it is told again.
"""

import re
from urllib.parse import urlencode

import msgspec

from connectors.channels.channel import Later, Message, Outcome, Sent
from connectors.channels.http import Answer, HttpCaller
from connectors.incident_wire import rfc3339
from connectors.secret import Secret
from schema import ChannelOptions, Kind

INCIDENT = "incident"  # the label that tells incidents apart
_FIRES_S: dict[Kind, float] = {"resolve": 0.0, "test": 60.0, "digest": 3_600.0}
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class AlertmanagerSettings(ChannelOptions, frozen=True, kw_only=True, tag="alertmanager"):
    """The YAML of a channel of `type: alertmanager`."""

    url: str  # "http://alertmanager:9093"
    bearer_token: Secret | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)  # of every alert
    hold_s: float = 86_400.0
    allow_private: bool = True  # it is one of one's own, as a rule
    rate_messages: int = 1_000  # it groups and holds back by itself

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 60 <= self.hold_s <= 31_536_000:
            raise ValueError(f"hold_s must be in [60, 31536000] s, got {self.hold_s!r}")
        for name in self.labels:
            if not _LABEL.fullmatch(name) or name == INCIDENT:
                raise ValueError(
                    f"labels must be named like [a-zA-Z_][a-zA-Z0-9_]*, other than {INCIDENT},"
                    f" got {name!r}"
                )


class _Held(msgspec.Struct):
    """An alert that fires, as Alertmanager tells it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str = msgspec.field(name="startsAt")


class AlertmanagerChannel:
    """An open one."""

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self._settings = settings
        self._headers = {"Content-Type": "application/json"}
        if settings.bearer_token is not None:
            self._headers["Authorization"] = f"Bearer {settings.bearer_token.read()}"
        self._http = HttpCaller(allow_private=settings.allow_private)

    def send(self, message: Message) -> Outcome:
        """Post the alert as it stands, and the end of what else fires of the same incident."""
        alert = self._alert(message)
        ends_at = rfc3339(message.notice.decided_ms)
        query = urlencode(
            {"filter": f"{INCIDENT}={msgspec.json.encode(message.dedup_key).decode()}"}
        )
        answer = self._call("GET", f"?{query}")
        if not isinstance(answer.outcome, Sent):
            return answer.outcome
        try:
            held = msgspec.json.decode(answer.body, type=list[_Held])
        except msgspec.DecodeError:
            return Later("alertmanager: it has answered with no list of alerts")
        ended = [
            {
                "labels": each.labels,
                "annotations": each.annotations,
                "startsAt": each.starts_at,
                "endsAt": max(ends_at, each.starts_at),
            }
            for each in held
            if each.labels != alert["labels"]
        ]
        return self._call("POST", "", msgspec.json.encode([alert, *ended])).outcome

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _call(self, method: str, query: str, content: bytes = b"") -> Answer:
        url = self._settings.url.rstrip("/") + "/api/v2/alerts" + query
        return self._http.call(method, url, content, self._headers)

    def _alert(self, message: Message) -> dict[str, object]:
        incident, decided_ms = message.incident, message.notice.decided_ms
        labels = {"alertname": "ForeshockIncident", INCIDENT: message.dedup_key}
        annotations = {"summary": message.title, "description": message.text}
        starts_ms = ends_ms = decided_ms
        if incident is not None:
            labels |= {name: value for name, value in incident.scope if value}
            labels["severity"] = incident.severity.name.lower()
            annotations["state"] = incident.state
            starts_ms = min(incident.opened_ms, decided_ms)
        fires_s = _FIRES_S.get(message.notice.kind, self._settings.hold_s)
        ends_ms += round(fires_s * 1000)
        alert: dict[str, object] = {
            "labels": labels | self._settings.labels,
            "annotations": annotations,
            "startsAt": rfc3339(starts_ms),
            "endsAt": rfc3339(ends_ms),
        }
        return alert | ({"generatorURL": message.link} if message.link else {})
