"""What a message offers is what its callback asks for: the whole way there and back."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jsonschema
import msgspec
import pytest

from config.notify import NotifySettings
from connectors.callbacks.callback import Callback
from connectors.callbacks.mail_links import MailLinks
from connectors.callbacks.settings import CallbackSettings
from connectors.callbacks.slack import SlackDoor
from connectors.channels.channel import Message, Sent
from connectors.channels.console import ConsoleSettings
from connectors.channels.email import EmailSettings
from connectors.channels.slack import SlackChannel, SlackSettings
from flows.offers import Offers, offered
from flows.rendering import Renderer
from schema import Incident, Notice, State
from tests.connectors.callbacks.signed import (
    NOW_MS,
    mail_settings,
    secret,
    slack_press,
    slack_request,
    slack_settings,
)
from tests.connectors.channels.provider import Json, Reply, provider
from tests.connectors.made_transitions import INCIDENT, OPENED

BUTTON: Json = {  # of Block Kit, as documented
    "type": "object",
    "required": ["type", "text"],
    "properties": {
        "type": {"const": "button"},
        "action_id": {"type": "string", "maxLength": 255},
        "value": {"type": "string", "maxLength": 2000},
        "url": {"type": "string", "maxLength": 3000},
        "text": {"$ref": "#/$defs/button"},
        "confirm": {
            "type": "object",
            "required": ["title", "text", "confirm", "deny"],
            "properties": {
                "title": {"$ref": "#/$defs/title"},
                "text": {"$ref": "#/$defs/long"},
                "confirm": {"$ref": "#/$defs/short"},
                "deny": {"$ref": "#/$defs/short"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
    "$defs": {
        name: {
            "properties": {
                "type": {"const": "plain_text"},
                "text": {"type": "string", "minLength": 1, "maxLength": most},
            },
            "required": ["type", "text"],
            "additionalProperties": False,
        }
        for name, most in (("button", 75), ("title", 100), ("long", 300), ("short", 30))
    },
}


def settings(folder: Path, callbacks: CallbackSettings | None = None) -> NotifySettings:
    if callbacks is None:
        callbacks = CallbackSettings(
            url="https://foreshock.example",
            slack=slack_settings(folder),
            mail=mail_settings(folder),
        )
    return NotifySettings(
        channels={
            "chat": SlackSettings(url=secret(folder, "hook", "https://hooks.slack.com/x")),
            "mail": EmailSettings(
                host="localhost", sender="f@example.com", to=("a@example.com", "b@example.com")
            ),
            "log": ConsoleSettings(),
        },
        callbacks=callbacks,
    )


def told(given: NotifySettings, channel: str, incident: Incident = INCIDENT) -> Message:
    offers = Offers(given)
    renderer = Renderer(
        "https://foreshock.example/incidents/{id}", actions=offers.links, buttons=offers.buttons
    )
    notice = Notice("inc-1", 1, channel, "trigger", "transition:1", NOW_MS, "it is CRITICAL")
    return renderer.render(notice, msgspec.structs.replace(OPENED, incident=incident))


def as_it_is(state: State, verdict: str = "") -> Incident:
    return msgspec.structs.replace(INCIDENT, state=state, verdict=verdict)


@pytest.mark.parametrize(
    ("incident", "acts"),
    [
        (as_it_is("open"), ("ack", "resolve", "false_positive")),
        (as_it_is("acknowledged"), ("resolve", "false_positive")),
        (as_it_is("acknowledged", "false_positive"), ("resolve",)),
        (as_it_is("acknowledged", "real"), ("resolve", "false_positive")),
        (as_it_is("resolved"), ("false_positive",)),
        (as_it_is("closed"), ()),
        (as_it_is("merged"), ()),
    ],
)
def test_what_is_offered_can_be_done(incident: Incident, acts: tuple[str, ...]) -> None:
    assert offered(incident) == acts


def test_nobody_is_offered_what_nobody_would_hear(tmp_path: Path) -> None:
    deaf = settings(tmp_path, CallbackSettings())
    for channel in deaf.channels:
        message = told(deaf, channel)
        assert message.actions == message.buttons == ()


def test_each_channel_is_offered_its_own_way(tmp_path: Path) -> None:
    given = settings(tmp_path)
    assert [bool(told(given, each).actions) for each in given.channels] == [False, True, False]
    assert [bool(told(given, each).buttons) for each in given.channels] == [True, False, False]


def test_a_button_of_a_message_asks_for_what_it_says(tmp_path: Path) -> None:
    given = settings(tmp_path)
    long = msgspec.structs.replace(INCIDENT, title="<!channel> " + "x" * 500)
    with provider(lambda _: Reply(200, b"ok")) as hook:
        channel = SlackChannel(
            SlackSettings(url=secret(tmp_path, "hook", f"{hook.url}/x"), allow_private=True)
        )
        assert channel.send(told(given, "chat", long)) == Sent()
        channel.close()
    sent = msgspec.convert(hook.asked[0].body["blocks"], list[dict[str, object]])
    buttons = msgspec.convert(sent[-1]["elements"], list[dict[str, object]])
    for button in buttons:
        jsonschema.validate(button, BUTTON)
    assert "url" in buttons.pop()
    door = SlackDoor(slack_settings(tmp_path))
    asked = []
    for button in buttons:
        pressed = slack_press(str(button["action_id"]), str(button["value"]))
        said = door.read(*slack_request(pressed), NOW_MS)
        assert isinstance(said, Callback)
        asked.append((said.asked, said.incidents))
    assert asked == [
        ("ack", ("inc-1",)),
        ("resolve", ("inc-1",)),
        ("false_positive", ("inc-1",)),
    ]


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_link_of_a_mail_asks_for_what_it_says(tmp_path: Path, form: str) -> None:
    message = told(settings(tmp_path), "mail")
    text = message.text if form == "text" else message.html
    found = re.findall(r"https://foreshock\.example/callbacks/mail\?t=[\w.-]+", text)
    links = MailLinks(mail_settings(tmp_path), "https://foreshock.example")
    asked = []
    for link in found:
        said = links.read(parse_qs(urlsplit(link).query)["t"][0], NOW_MS)
        assert isinstance(said, Callback)
        asked.append((said.asked, said.name))
    who = "a@example.com, b@example.com"
    assert asked == [("ack", who), ("resolve", who), ("false_positive", who)]


def test_what_is_only_looked_at_holds_no_permit(tmp_path: Path) -> None:
    offers = Offers(settings(tmp_path), permits=False)
    notice = Notice("inc-1", 1, "mail", "trigger", "transition:1", NOW_MS, "it is CRITICAL")
    assert offers.links(notice, INCIDENT)[0] == (
        "Acknowledge", "https://foreshock.example/callbacks/mail?t=...",
    )  # fmt: skip
