"""The providers on loopback notice what is wrong with a request, each in its own words."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from tests.connectors.channels.documented import (
    KEY,
    opsgenie,
    pagerduty,
    slack_api,
    slack_webhook,
    teams,
)
from tests.connectors.channels.github_server import GitHub
from tests.connectors.channels.jira_server import JiraServer
from tests.connectors.channels.provider import Asked, Json, Reply
from tests.connectors.channels.servicenow_server import ServiceNowServer
from tests.connectors.channels.trackers import USER, basic

TYPED = {"content-type": "application/json"}
GENIE = {**TYPED, "authorization": f"GenieKey {KEY}"}
BOT = {**TYPED, "authorization": f"Bearer {KEY}"}
HUB = {**BOT, "user-agent": "x", "x-github-api-version": "2022-11-28"}
CLOUD = {**TYPED, "authorization": basic(USER)}
NOW = {**TYPED, "authorization": basic("bot"), "accept": "application/json"}

EVENT: Json = {
    "routing_key": KEY, "event_action": "trigger", "dedup_key": "x",
    "payload": {"summary": "x", "source": "x", "severity": "error"},
}  # fmt: skip
ALERT: Json = {"message": "x", "alias": "inc-1", "priority": "P1"}
CARD: Json = {
    "type": "AdaptiveCard",
    "version": "1.4",
    "body": [{"type": "TextBlock", "text": "x"}],
}
SECTION: Json = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
BUTTON: Json = {"type": "button", "text": {"type": "plain_text", "text": "x"}}
RECORD: Json = {"short_description": "x", "correlation_id": "x"}
ISSUE: Json = {"title": "x", "body": "x", "labels": ["foreshock"]}
FIELDS: Json = {"project": {"key": "OPS"}, "issuetype": {"name": "Task"}, "summary": "x"}

Ask = tuple[str, str, Mapping[str, str], object]


def carded(card: object) -> Json:
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def blocks(*given: Json) -> Json:
    return {"text": "x", "blocks": list(given)}


def section(text: str) -> Json:
    return blocks({"type": "section", "text": {"type": "mrkdwn", "text": text}})


def event(**payload: object) -> Json:
    before: Any = EVENT["payload"]
    return {**EVENT, "payload": {**before, **payload}}


def fields(**change: object) -> Json:
    return {"fields": {**FIELDS, **change}}


PD, OG, WF, HOOK, SAY = "/v2/enqueue", "/v2/alerts", "/workflow", "/services/x", "/chat.postMessage"
HUBS, JIRA, TABLE = "/repos/shop/ops/issues", "/rest/api/3/issue", "/api/now/table/incident"
RULES: dict[str, Callable[[], Callable[[Asked], Reply]]] = {
    "pagerduty": lambda: pagerduty, "opsgenie": lambda: opsgenie, "teams": lambda: teams,
    "webhook": lambda: slack_webhook, "bot": lambda: slack_api, "github": lambda: GitHub().rule,
    "jira": lambda: JiraServer("3").rule, "servicenow": lambda: ServiceNowServer().rule,
}  # fmt: skip
RIGHT: list[tuple[str, Ask]] = [
    ("pagerduty", ("POST", PD, TYPED, EVENT)),
    ("opsgenie", ("POST", OG, GENIE, ALERT)),
    ("opsgenie", ("POST", OG + "/inc-1/close?identifierType=alias", GENIE, {"note": "x"})),
    ("teams", ("POST", WF, TYPED, carded(CARD))),
    ("webhook", ("POST", HOOK, TYPED, blocks(SECTION))),
    ("bot", ("POST", SAY, BOT, {**blocks(SECTION), "channel": "C1"})),
    ("github", ("POST", HUBS, HUB, ISSUE)),
    ("jira", ("POST", JIRA, CLOUD, fields())),
    ("servicenow", ("POST", TABLE, NOW, RECORD)),
]
FEW = {"text": "x", "channel": "C1"}
WRONG: list[tuple[str, Ask]] = [
    ("pagerduty", ("POST", PD, {}, EVENT)),  # no content type
    ("pagerduty", ("POST", "/v1/enqueue", TYPED, EVENT)),
    ("pagerduty", ("POST", PD, TYPED, {**EVENT, "routing_key": "other"})),
    ("pagerduty", ("POST", PD, TYPED, {**EVENT, "event_action": "close"})),
    ("pagerduty", ("POST", PD, TYPED, {**EVENT, "dedup_key": "x" * 256})),
    ("pagerduty", ("POST", PD, TYPED, {**EVENT, "extra": 1})),
    ("pagerduty", ("POST", PD, TYPED, {"routing_key": KEY, "event_action": "resolve"})),
    ("pagerduty", ("POST", PD, TYPED, event(summary="x" * 1_025))),
    ("pagerduty", ("POST", PD, TYPED, event(severity="CRITICAL"))),
    ("pagerduty", ("POST", PD, TYPED, event(custom_details={"text": "x" * 512_000}))),
    ("opsgenie", ("POST", OG, TYPED, ALERT)),  # no key
    ("opsgenie", ("POST", OG, GENIE, {**ALERT, "message": "x" * 131})),
    ("opsgenie", ("POST", OG, GENIE, {**ALERT, "alias": "x" * 513})),
    ("opsgenie", ("POST", OG, GENIE, {**ALERT, "description": "x" * 15_001})),
    ("opsgenie", ("POST", OG, GENIE, {**ALERT, "entity": "x" * 513})),
    ("opsgenie", ("POST", OG, GENIE, {**ALERT, "priority": "P6"})),
    ("opsgenie", ("POST", OG, GENIE, {**ALERT, "details": {"x": 1}})),
    ("opsgenie", ("POST", OG + "/inc-1/close", GENIE, {"note": "x"})),  # by id, not alias
    ("opsgenie", ("POST", OG + "/inc-1/notes?identifierType=alias", GENIE, {"note": "x" * 25_001})),
    ("teams", ("POST", WF, TYPED, CARD)),  # not in a message
    ("teams", ("POST", WF, TYPED, carded({**CARD, "version": "2.0"}))),
    ("teams", ("POST", WF, TYPED, carded({**CARD, "body": [{"type": "TextBlock"}]}))),
    ("teams", ("POST", WF, TYPED, carded({**CARD, "actions": [{"type": "Action.OpenUrl"}]}))),
    ("teams", ("POST", WF, TYPED, carded({**CARD, "fallbackText": "x" * 28_000}))),
    ("webhook", ("POST", HOOK, TYPED, {})),
    ("webhook", ("POST", HOOK, TYPED, {"text": ""})),
    ("webhook", ("POST", HOOK, TYPED, {"text": "<!channel>"})),
    ("webhook", ("POST", HOOK, TYPED, {"text": "x", "channel": "C1"})),
    ("webhook", ("POST", HOOK, TYPED, section("x" * 3_001))),
    ("webhook", ("POST", HOOK, TYPED, blocks(*[SECTION] * 51))),
    ("webhook", ("POST", HOOK, TYPED, blocks({"type": "header", "text": {
        "type": "plain_text", "text": "x" * 151}}))),
    ("webhook", ("POST", HOOK, TYPED, blocks({"type": "actions", "elements": [BUTTON] * 26}))),
    ("webhook", ("POST", HOOK, TYPED, blocks({"type": "actions", "elements": [
        {"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}]}))),
    ("bot", ("POST", SAY, TYPED, FEW)),  # no token
    ("bot", ("POST", SAY, BOT, {"text": "x"})),  # no channel
    ("bot", ("POST", SAY, BOT, {**FEW, "channel": "#general"})),
    ("bot", ("POST", SAY, BOT, {**FEW, "thread_ts": "soon"})),
    ("bot", ("POST", "/chat.update", BOT, FEW)),  # no ts
    ("github", ("POST", HUBS, BOT, ISSUE)),  # no version, no user agent
    ("github", ("POST", HUBS, HUB, {"body": "x"})),
    ("github", ("POST", HUBS, HUB, {**ISSUE, "title": "x" * 257})),
    ("github", ("POST", HUBS, HUB, {**ISSUE, "labels": ["x" * 51]})),
    ("github", ("POST", HUBS + "/7/comments", HUB, {"body": "x"})),  # no such issue
    ("jira", ("POST", JIRA, CLOUD, fields(description="text"))),  # no document
    ("jira", ("POST", JIRA, CLOUD, fields(summary="x" * 256))),
    ("jira", ("POST", JIRA, CLOUD, fields(summary="two\nlines"))),
    ("jira", ("POST", JIRA, CLOUD, fields(labels=["a b"]))),
    ("jira", ("POST", JIRA, BOT, fields())),
    ("servicenow", ("POST", TABLE, NOW, {**RECORD, "short_description": "x" * 161})),
    ("servicenow", ("POST", TABLE, NOW, {**RECORD, "correlation_id": "x" * 101})),
    ("servicenow", ("POST", TABLE, NOW, {**RECORD, "impact": "0"})),
    ("servicenow", ("PATCH", TABLE + "/0", NOW, {"work_notes": "x"})),  # no such record
]  # fmt: skip


def answered(kind: str, ask: Ask) -> Reply:
    method, path, headers, body = ask
    return RULES[kind]()(Asked(method, path, headers, msgspec.json.encode(body)))


def taken(reply: Reply) -> bool:
    return reply.status < 300 and b'"ok":false' not in reply.body


@pytest.mark.parametrize(("kind", "ask"), RIGHT)
def test_what_is_right_is_taken(kind: str, ask: Ask) -> None:
    reply = answered(kind, ask)
    assert taken(reply), reply


@pytest.mark.parametrize(("kind", "ask"), WRONG)
def test_what_is_wrong_is_caught(kind: str, ask: Ask) -> None:
    reply = answered(kind, ask)
    assert not taken(reply), reply
