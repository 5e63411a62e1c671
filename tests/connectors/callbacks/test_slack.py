from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from connectors.callbacks.callback import Callback, Rejected, Unmoved, Verdict
from connectors.callbacks.slack import SlackDoor
from connectors.channels.channel import Refused, Sent
from tests.connectors.callbacks.signed import (
    NOW_MS,
    Given,
    slack_press,
    slack_request,
    slack_settings,
)
from tests.connectors.channels.provider import Asked, Reply, provider

MINUTE_MS = 60_000


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Given], Verdict]:
    door = SlackDoor(slack_settings(tmp_path))
    return lambda given: door.read(given.headers, given.body, NOW_MS)


@pytest.mark.parametrize("asked", ["ack", "resolve", "false_positive"])
def test_a_button_asks_in_the_name_of_who_presses_it(
    read: Callable[[Given], Verdict], asked: str
) -> None:
    said = read(slack_request(slack_press(f"foreshock.{asked}")))
    assert isinstance(said, Callback)
    assert (said.asked, said.actor, said.incidents, said.at_ms) == (
        asked, "ann.lee (via slack)", ("inc-1",), NOW_MS,
    )  # fmt: skip
    assert said.reply_to == "https://hooks.slack.com/actions/T0123456789/1/x"


def test_the_same_request_has_the_same_name_and_another_has_not(
    read: Callable[[Given], Verdict],
) -> None:
    given = [
        slack_request(slack_press()),
        slack_request(slack_press()),
        slack_request(slack_press(), NOW_MS - 1_000),
    ]
    names = [said.id for each in given if isinstance(said := read(each), Callback)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("name", ["\x1b[31m\n", ""])
def test_who_has_no_name_to_show_is_called_by_his_id(
    read: Callable[[Given], Verdict], name: str
) -> None:
    said = read(slack_request(slack_press(user={"id": "U01", "name": name})))
    assert isinstance(said, Callback)
    assert said.name in ("U01", "[31m")


@pytest.mark.parametrize(
    "payload",
    [
        slack_press(type="view_submission"),
        slack_press("Xy9z"),  # a button that opens a page
        slack_press("foreshock.launch"),
        slack_press(incident=""),
        slack_press(actions=[]),
    ],
)
def test_other_buttons_ask_for_nothing(
    read: Callable[[Given], Verdict], payload: dict[str, object]
) -> None:
    assert isinstance(read(slack_request(payload)), Unmoved)


GOOD = slack_request(slack_press())


def with_headers(**more: str) -> Given:
    return Given(
        {**GOOD.headers, **{name.replace("_", "-"): value for name, value in more.items()}},
        GOOD.body,
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (with_headers(content_type="application/json"), "wrong_type"),
        (with_headers(x_slack_signature=""), "unsigned"),
        (with_headers(x_slack_signature="v1=" + "0" * 64), "unsigned"),
        (with_headers(x_slack_request_timestamp=""), "unsigned"),
        (with_headers(x_slack_request_timestamp="1e9"), "unsigned"),
        (with_headers(x_slack_request_timestamp="٣"), "unsigned"),
        (with_headers(x_slack_request_timestamp="9" * 5_000), "unsigned"),
        (with_headers(x_slack_signature="v0=" + "0" * 64), "forged"),
        (with_headers(x_slack_request_timestamp=str(NOW_MS // 1000 - 1)), "forged"),
        (slack_request(slack_press(), key="x" * 32), "forged"),
        (Given(GOOD.headers, GOOD.body[:-1]), "forged"),
        (Given(GOOD.headers, GOOD.body.replace(b"inc-1", b"inc-2")), "forged"),
        (slack_request(slack_press(), NOW_MS - 5 * MINUTE_MS - 1_000), "stale"),
        (slack_request(slack_press(), NOW_MS + 5 * MINUTE_MS + 1_000), "stale"),
        (slack_request([]), "malformed"),
        (slack_request({"type": "block_actions"}), "malformed"),
        (slack_request(slack_press(), more="&payload=%7B%7D"), "malformed"),
        (slack_request(slack_press(), more="&a=1" * 9), "malformed"),
        (slack_request(slack_press(), more="&x"), "malformed"),
        (slack_request(slack_press(), more="&x=%ff"), "malformed"),
        (slack_request(slack_press(incident="x" * 5_000)), "malformed"),
        (slack_request(slack_press(team={"id": "T9999999999"})), "stranger"),
        (slack_request(slack_press(team=None)), "stranger"),
        (slack_request(slack_press(api_app_id="A9999999999")), "stranger"),
    ],
)
def test_what_is_not_slacks_or_not_ours_or_not_of_now_is_rejected(
    read: Callable[[Given], Verdict], given: Given, reason: str
) -> None:
    said = read(given)
    assert isinstance(said, Rejected)
    assert said.reason == reason


def test_an_enterprise_may_stand_for_its_teams(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(slack_settings(tmp_path), teams=("E0123456789",))
    given = slack_request(slack_press(team=None, enterprise={"id": "E0123456789"}))
    assert isinstance(SlackDoor(settings).read(*given, NOW_MS), Callback)


def test_where_users_are_named_nobody_else_may_act(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(slack_settings(tmp_path), users=("U02",))
    said = SlackDoor(settings).read(*GOOD, NOW_MS)
    assert said == Rejected("stranger", "the user may not act")


def test_who_pressed_is_told_in_private_what_came_of_it(tmp_path: Path) -> None:
    def rule(asked: Asked) -> Reply:
        return Reply(200, b"ok")

    with provider(rule) as there:
        settings = msgspec.structs.replace(
            slack_settings(tmp_path), reply_hosts=(f"{there.url}/",), allow_private=True
        )
        door = SlackDoor(settings)
        payload = slack_press(response_url=f"{there.url}/actions/1")
        said = door.read(*slack_request(payload), NOW_MS)
        assert isinstance(said, Callback)
        assert door.reply(said.reply_to, "<!channel> done & said") == Sent()
    assert there.asked[0].body == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": "&lt;!channel&gt; done &amp; said",
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "https://hooks.slack.com.evil.example/x",
        "https://hooks.slack.com@evil.example/",
    ],
)
def test_a_reply_goes_nowhere_but_to_slack(read: Callable[[Given], Verdict], url: str) -> None:
    said = read(slack_request(slack_press(response_url=url)))
    assert isinstance(said, Callback)
    assert said.reply_to == ""


def test_without_an_address_there_is_no_reply(tmp_path: Path) -> None:
    assert isinstance(SlackDoor(slack_settings(tmp_path)).reply("", "done"), Refused)
