"""Requests as PagerDuty and Slack sign them, and settings that know their secrets."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from connectors.callbacks.mail_links import MailCallbacks
from connectors.callbacks.pagerduty import PagerDutyCallbacks
from connectors.callbacks.slack import SlackCallbacks
from connectors.secret import Secret

NOW_MS = 1_772_360_000_000
PD_SECRET, SLACK_SECRET, LINK_KEY = "p" * 32, "s" * 32, "l" * 32
TEAM, APP = "T0123456789", "A0123456789"
FORM = "application/x-www-form-urlencoded"


class Given(NamedTuple):
    """A request as it arrives."""

    headers: Mapping[str, str]  # names in lower case
    body: bytes


def secret(folder: Path, name: str, value: str) -> Secret:
    """Write a secret down; return where it stands."""
    file = folder / name
    file.write_text(value)
    return Secret(file=str(file))


def pagerduty_settings(folder: Path) -> PagerDutyCallbacks:
    old, new = secret(folder, "pd-old", "o" * 32), secret(folder, "pd", PD_SECRET)
    return PagerDutyCallbacks(secrets=(old, new))


def slack_settings(folder: Path) -> SlackCallbacks:
    return SlackCallbacks(secrets=(secret(folder, "slack", SLACK_SECRET),), teams=(TEAM,), app=APP)


def mail_settings(folder: Path) -> MailCallbacks:
    return MailCallbacks(keys={"k1": secret(folder, "link", LINK_KEY)}, sign_with="k1")


def pagerduty_event(
    kind: str = "incident.acknowledged",
    data: Mapping[str, object] | None = None,
    *,
    name: str = "01EVENT",
    at_ms: int = NOW_MS,
    agent: str = "user_reference",
    key: str | None = "inc-1",
) -> bytes:
    """Return the body of a webhook."""
    who = {"id": "PLH1HKV", "type": agent, "summary": "Ann Lee"} if agent else None
    event = {
        "id": name,
        "event_type": kind,
        "resource_type": "incident",
        "occurred_at": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(),
        "agent": who,
        "client": {"name": "PagerDuty"},
        "data": {"id": "PGR0VU2", "type": "incident", "incident_key": key, **(data or {})},
    }
    return msgspec.json.encode({"event": event})


def pagerduty_request(body: bytes, key: str = PD_SECRET) -> Given:
    made = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-pagerduty-signature": f"v1={'0' * 64},v1={made}",
    }
    return Given(headers, body)


def slack_press(
    action: str = "foreshock.ack", incident: str = "inc-1", **more: object
) -> dict[str, object]:
    """Return what Slack says of a button that was pressed."""
    return {
        "type": "block_actions",
        "user": {"id": "U01", "username": "ann", "name": "ann.lee", "team_id": TEAM},
        "team": {"id": TEAM, "domain": "acme"},
        "api_app_id": APP,
        "trigger_id": "1388105719492.1379717998065.9bc163",
        "response_url": "https://hooks.slack.com/actions/T0123456789/1/x",
        "actions": [{"action_id": action, "block_id": "b", "type": "button", "value": incident}],
        **more,
    }


def slack_request(
    payload: object, at_ms: int = NOW_MS, key: str = SLACK_SECRET, more: str = ""
) -> Given:
    body = (urlencode({"payload": msgspec.json.encode(payload).decode()}) + more).encode()
    stamp = str(at_ms // 1000)
    signed = b"v0:" + stamp.encode() + b":" + body
    made = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    headers = {
        "content-type": FORM,
        "x-slack-signature": f"v0={made}",
        "x-slack-request-timestamp": stamp,
    }
    return Given(headers, body)
