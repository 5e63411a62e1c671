"""What PagerDuty, Opsgenie, Teams and Slack document of requests, and how they answer them."""

from tests.connectors.channels.provider import Asked, Json, Reply, follows, told

KEY = "k" * 32
PAGERDUTY: Json = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "properties": {
        "routing_key": {"const": KEY},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": {"type": "string"},
        "client_url": {"type": "string"},
        "links": {"type": "array", "items": {"required": ["href"]}},
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
                "component": {"type": "string"}, "group": {"type": "string"},
                "class": {"type": "string"}, "custom_details": {"type": "object"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    "else": {"required": ["dedup_key"]},
}  # fmt: skip
OPSGENIE_ALERT: Json = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string", "minLength": 1, "maxLength": 130},
        "alias": {"type": "string", "maxLength": 512},
        "description": {"type": "string", "maxLength": 15000},
        "source": {"type": "string", "maxLength": 100},
        "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
        "entity": {"type": "string", "maxLength": 512},
        "details": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
OPSGENIE_NOTE: Json = {
    "type": "object",
    "properties": {
        "user": {"type": "string", "maxLength": 100},
        "source": {"type": "string", "maxLength": 100},
        "note": {"type": "string", "maxLength": 25000},
    },
    "additionalProperties": False,
}
TEAMS: Json = {
    "type": "object",
    "required": ["type", "attachments"],
    "properties": {
        "type": {"const": "message"},
        "attachments": {
            "type": "array", "minItems": 1,
            "items": {
                "required": ["contentType", "content"],
                "properties": {
                    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
                    "content": {
                        "required": ["type", "version", "body"],
                        "properties": {
                            "type": {"const": "AdaptiveCard"},
                            "version": {"enum": ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]},
                            "actions": {"type": "array", "maxItems": 6, "items": {
                                "required": ["type", "url"],
                                "properties": {"type": {"const": "Action.OpenUrl"}}}},
                            "body": {
                                "type": "array",
                                "items": {
                                    "required": ["type", "text"],
                                    "properties": {
                                        "type": {"const": "TextBlock"},
                                        "color": {"enum": ["default", "dark", "light", "accent",
                                                           "good", "warning", "attention"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip


def _text(kind: str, most: int, **more: Json) -> Json:
    return {
        "type": "object",
        "required": ["type", "text"],
        "properties": {
            "type": {"const": kind},
            "text": {"type": "string", "minLength": 1, "maxLength": most},
            **more,
        },
        "additionalProperties": False,
    }


_BUTTON: Json = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {
        "type": {"const": "button"},
        "text": _text("plain_text", 75),
        "url": {"type": "string", "maxLength": 3000},
        "action_id": {"type": "string", "maxLength": 255},
        "value": {"type": "string", "maxLength": 2000},
        "confirm": {
            "required": ["title", "text", "confirm", "deny"],
            "properties": {
                "title": _text("plain_text", 100), "text": _text("plain_text", 300),
                "confirm": _text("plain_text", 30), "deny": _text("plain_text", 30),
            },
        },
    },
    "additionalProperties": False,
}  # fmt: skip
_BLOCK: Json = {
    "type": "object",
    "required": ["type"],
    "oneOf": [
        {"required": ["text"], "properties": {"type": {"const": "header"},
            "text": _text("plain_text", 150, emoji={"type": "boolean"})}},
        {"required": ["text"], "properties": {"type": {"const": "section"},
            "text": _text("mrkdwn", 3000, verbatim={"const": True})}},
        {"required": ["elements"], "properties": {"type": {"const": "actions"},
            "elements": {"type": "array", "minItems": 1, "maxItems": 25, "items": _BUTTON}}},
    ],
}  # fmt: skip
SLACK: Json = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 40000},
        "blocks": {"type": "array", "maxItems": 50, "items": _BLOCK},
        "channel": {"type": "string", "pattern": "^C"},
        "ts": {"type": "string", "pattern": r"^\d+\.\d+$"},
        "thread_ts": {"type": "string", "pattern": r"^\d+\.\d+$"},
        "metadata": {
            "type": "object",
            "required": ["event_type", "event_payload"],
            "properties": {"event_type": {"type": "string"}, "event_payload": {"type": "object"}},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


def pagerduty(asked: Asked) -> Reply:
    if len(asked.raw) > 512_000:
        return Reply(413)
    wrong = told(asked) or follows(PAGERDUTY, asked)
    if wrong or asked.path != "/v2/enqueue":
        return Reply(400, b'{"status":"invalid event","errors":["' + wrong.encode() + b'"]}')
    return Reply(202, b'{"status":"success","message":"Event processed","dedup_key":"inc-1"}')


def opsgenie(asked: Asked) -> Reply:
    if len(asked.raw) > 512_000:
        return Reply(413)
    if asked.headers.get("authorization") != f"GenieKey {KEY}":
        return Reply(401, b'{"message":"Could not authenticate"}')
    path, _, query = asked.path.partition("?")
    creates = path == "/v2/alerts"
    known = creates or (
        path in {f"/v2/alerts/inc-1/{verb}" for verb in ("acknowledge", "close", "notes")}
        and query == "identifierType=alias"
    )
    wrong = told(asked) or follows(OPSGENIE_ALERT if creates else OPSGENIE_NOTE, asked)
    if not known or wrong:
        return Reply(422, wrong.encode() or b"no such resource")
    return Reply(202, b'{"result":"Request will be processed","took":0.1,"requestId":"r"}')


def teams(asked: Asked) -> Reply:
    if len(asked.raw) > 28_000:
        return Reply(413)
    wrong = told(asked) or follows(TEAMS, asked)
    return Reply(400, wrong.encode()) if wrong else Reply(202, b"")


def slack_webhook(asked: Asked) -> Reply:
    wrong = told(asked) or follows(SLACK, asked)
    if wrong or "<!" in str(asked.body["text"]):
        return Reply(400, b"invalid_payload")
    if "channel" in asked.body or "thread_ts" in asked.body:
        return Reply(400, b"invalid_payload")  # a webhook is bound to its channel
    return Reply(200, b"ok")


def slack_api(asked: Asked) -> Reply:
    if asked.headers.get("authorization") != f"Bearer {KEY}":
        return Reply(200, b'{"ok":false,"error":"invalid_auth"}')
    wrong = told(asked) or follows(SLACK, asked)
    method = asked.path.rpartition("/")[2]
    needs_ts = method == "chat.update" and "ts" not in asked.body
    if wrong or "channel" not in asked.body or needs_ts:
        return Reply(200, b'{"ok":false,"error":"invalid_arguments"}')
    return Reply(200, b'{"ok":true,"ts":"1503435956.000247","channel":"C1"}')
