"""Prometheus Alertmanager, API v2: an incident is one alert, by its labels.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. An alert is the
same as long as its labels are, so those that may change (severity, title) stand in annotations but
for the severity that it opened with, which is not told at all. It ends by itself after `hold_s`
unless it is told again.
"""

import msgspec

from connectors.channels.channel import Message, Outcome, Sent
from connectors.channels.http import HttpCaller
from connectors.incident_wire import rfc3339
from connectors.secret import Secret
from schema import ChannelOptions, Incident


class AlertmanagerSettings(ChannelOptions, frozen=True, kw_only=True, tag="alertmanager"):
    """The YAML of a channel of `type: alertmanager`."""

    url: str  # "http://alertmanager:9093"
    bearer_token: Secret | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)  # of every alert
    hold_s: float = 86_400.0
    allow_private: bool = True  # it is one of one's own, as a rule

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 60 <= self.hold_s <= 31_536_000:
            raise ValueError(f"hold_s must be in [60, 31536000] s, got {self.hold_s!r}")


class AlertmanagerChannel:
    """An open one."""

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self._settings = settings
        self._headers = {"Content-Type": "application/json"}
        if settings.bearer_token is not None:
            self._headers["Authorization"] = f"Bearer {settings.bearer_token.read()}"
        self._http = HttpCaller(allow_private=settings.allow_private)

    def send(self, message: Message) -> Outcome:
        """Post the alert as it stands; a digest has no place there and is left out."""
        incident = message.incident
        if incident is None and message.notice.kind != "test":
            return Sent()
        url = self._settings.url.rstrip("/") + "/api/v2/alerts"
        alert = self._alert(message, incident)
        return self._http.call("POST", url, msgspec.json.encode([alert]), self._headers).outcome

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _alert(self, message: Message, incident: Incident | None) -> dict[str, object]:
        labels = {**self._settings.labels, "alertname": "ForeshockIncident"}
        labels["incident"] = message.dedup_key
        starts_ms = ends_ms = message.notice.decided_ms
        if incident is not None:
            labels |= {name: value for name, value in incident.scope if value}
            starts_ms = incident.opened_ms
        if message.notice.kind not in ("resolve", "test"):
            ends_ms += round(self._settings.hold_s * 1000)
        alert: dict[str, object] = {
            "labels": labels,
            "annotations": {"summary": message.title, "description": message.text},
            "startsAt": rfc3339(starts_ms),
            "endsAt": rfc3339(max(ends_ms, starts_ms)),
        }
        if incident is not None:
            annotations = {"severity": incident.severity.name, "state": incident.state}
            alert["annotations"] = {
                "summary": message.title, "description": message.text, **annotations,
            }  # fmt: skip
        return alert | ({"generatorURL": message.link} if message.link else {})
