"""Tickets in three systems: opened once, told of what is new, closed with the incident."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from connectors.channels.channel import Channel, Later, Message, Refused, Sent
from connectors.channels.github import GitHubSettings
from connectors.channels.jira import JiraSettings
from connectors.channels.registry import ChannelSettings, open_channel
from connectors.channels.servicenow import ServiceNowSettings
from connectors.secret import Secret
from schema import Notice
from tests.connectors.channels.github_server import GitHub
from tests.connectors.channels.jira_server import JiraServer
from tests.connectors.channels.messages import HOSTILE, digest, message
from tests.connectors.channels.provider import Asked, Json, Provider, Reply, provider
from tests.connectors.channels.servicenow_server import ServiceNowServer
from tests.connectors.channels.trackers import KEY, USER, Tracker

TOKEN = Secret(env="KEY")
SYSTEMS: dict[str, tuple[Callable[[], Tracker], Callable[[str], ChannelSettings]]] = {
    "github": (GitHub, lambda url: GitHubSettings(
        repository="shop/ops", token=TOKEN, url=url, allow_private=True)),
    "jira-cloud": (lambda: JiraServer("3"), lambda url: JiraSettings(
        url=url, project="OPS", token=TOKEN, user=USER, allow_private=True,
        priorities={"CRITICAL": "Highest"})),
    "jira-data-center": (lambda: JiraServer("2"), lambda url: JiraSettings(
        url=url, project="OPS", token=TOKEN, api="2", allow_private=True)),
    "servicenow": (ServiceNowServer, lambda url: ServiceNowSettings(
        url=url, user="bot", password=TOKEN, allow_private=True,
        fields={"assignment_group": "Operations"})),
}  # fmt: skip
OVER = {"open": "closed", "To Do": "Done", "1": "6"}  # a state, and that of what is closed


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", KEY)


@contextmanager
def opened(kind: str) -> Iterator[tuple[Tracker, Provider, Channel]]:
    makes, settings = SYSTEMS[kind]
    tracker = makes()
    with provider(tracker.rule) as server:
        channel = open_channel(settings(server.url))
        try:
            yield tracker, server, channel
        finally:
            channel.close()


def receipt(outcome: object) -> str:
    assert isinstance(outcome, Sent), outcome
    assert outcome.receipt
    return outcome.receipt


def caused(said: Message, cause: str) -> Message:
    notice: Notice = msgspec.structs.replace(said.notice, cause=cause)
    return msgspec.structs.replace(said, notice=notice)


@pytest.mark.parametrize("kind", SYSTEMS)
def test_an_incident_is_one_ticket_from_its_opening_to_its_end(kind: str) -> None:
    with opened(kind) as (tracker, _, channel):
        name = receipt(channel.send(message()))
        (ticket,) = tracker.tickets.values()
        assert ticket.name == name
        first = ticket.state
        assert "orders-db" in str(ticket.values)
        for each in (message("update", name), caused(message("trigger", name), "repeat:1"),
                     message("acknowledge", name)):  # fmt: skip
            assert channel.send(each) == Sent(name)
        assert len(ticket.comments) == 3
        assert channel.send(message("resolve", name)) == Sent(name)
        assert ticket.state == OVER[first]
        assert len(ticket.comments) == 4
        assert "it is CRITICAL" in str(ticket.comments[-1])
        assert len(tracker.tickets) == 1


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_crash_after_the_opening_opens_no_second_ticket(kind: str) -> None:
    with opened(kind) as (tracker, _, channel):
        names = [receipt(channel.send(message())) for _ in range(3)]
        assert len({*names}) == 1
        (ticket,) = tracker.tickets.values()
        assert ticket.comments == []
        assert channel.send(message("resolve")) == Sent(ticket.name)  # found by its key
        assert ticket.state in OVER.values()


@pytest.mark.parametrize("kind", SYSTEMS)
def test_what_comes_back_opens_its_ticket_again_and_what_is_repeated_does_not(kind: str) -> None:
    with opened(kind) as (tracker, _, channel):
        name = receipt(channel.send(message()))
        channel.send(message("resolve", name))
        ticket = tracker.tickets[name]
        channel.send(caused(message("trigger", name), "repeat:1"))
        assert ticket.state in OVER.values()  # people have closed it, so be it
        assert channel.send(message("trigger", name)) == Sent(name)
        assert ticket.state not in OVER.values()


@pytest.mark.parametrize("kind", SYSTEMS)
@pytest.mark.parametrize("step", range(4))
def test_an_end_that_is_cut_short_is_told_once_all_the_same(kind: str, step: int) -> None:
    with opened(kind) as (tracker, server, channel):
        name = receipt(channel.send(message()))
        fails_at(server, step)
        outcome = channel.send(message("resolve", name))
        if isinstance(outcome, Later):
            assert channel.send(message("resolve", name)) == Sent(name)
        assert tracker.tickets[name].state in OVER.values()
        assert len(tracker.tickets[name].comments) == 1


def fails_at(server: Provider, step: int) -> None:
    """Let one of the next requests fail."""
    rule, left = server.rule, [step]

    def failing(asked: Asked) -> Reply:
        left[0] -= 1
        return Reply(503) if left[0] == -1 else rule(asked)

    server.rule = failing


@pytest.mark.parametrize("kind", SYSTEMS)
def test_every_message_is_as_the_api_documents_it(kind: str) -> None:
    with opened(kind) as (tracker, _, channel):
        for each in (message(name="n" * 3_000), digest(), digest(500)):
            receipt(channel.send(each))
        assert len(tracker.tickets) == 2  # digests here have one cause, so one key
        name = receipt(channel.send(message()))
        for each in (message("update", name, HOSTILE), message("acknowledge", name, "ü" * 9_000),
                     message("resolve", name, HOSTILE)):  # fmt: skip
            assert channel.send(each) == Sent(name)


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_test_leaves_a_ticket_that_is_closed(kind: str) -> None:
    notice = Notice("", 0, "page", "test", "test:1", 1_772_359_200_000, "a test by hand")
    with opened(kind) as (tracker, _, channel):
        receipt(channel.send(Message(notice, None, "Foreshock: a test", "This is a test.")))
        (ticket,) = tracker.tickets.values()
        assert ticket.state in OVER.values()


@pytest.mark.parametrize("kind", SYSTEMS)
@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (Reply(429, b"slow", (("Retry-After", "30"),)), Later), (Reply(500), Later),
        (Reply(503), Later), (Reply(cuts=True), Later), (Reply(200, b"<html>"), Later),
        (Reply(403, b"slow", (("Retry-After", "30"),)), Later),
        (Reply(400), Refused), (Reply(401), Refused), (Reply(403), Refused), (Reply(404), Refused),
        (Reply(422), Refused), (Reply(301, b"", (("Location", "http://127.0.0.1:1/"),)), Refused),
    ],
)  # fmt: skip
def test_an_error_of_any_request_is_later_or_never(
    kind: str, reply: Reply, means: type[object]
) -> None:
    with opened(kind) as (tracker, server, channel):
        for said in (message(), message("update", "1"), message("resolve", "1")):
            server.next = [reply]
            outcome = channel.send(said)
            assert isinstance(outcome, means), outcome
            assert KEY not in str(outcome)
            if isinstance(outcome, Later):
                waits = any(name == "Retry-After" for name, _ in reply.headers)
                assert outcome.after_s == (30.0 if waits else None)
        assert tracker.tickets == {}


def test_an_issue_is_found_among_long_ones() -> None:
    with opened("github") as (tracker, _, channel):
        name = receipt(channel.send(message()))
        for number in range(2, 40):
            body: Json = {"body": "x" * 60_000, "labels": ["foreshock"]}
            tracker.new(str(number), body)
        assert channel.send(message()) == Sent(name)


def test_a_rate_limit_of_github_is_no_refusal() -> None:
    with opened("github") as (_, server, channel):
        server.next = [Reply(403, b'{"message":"API rate limit exceeded for user ID 1"}')]
        assert isinstance(channel.send(message()), Later)


def test_an_issue_that_may_not_be_closed_is_said_to_be_so() -> None:
    with opened("jira-cloud") as (tracker, _, channel):
        assert isinstance(tracker, JiraServer)
        name = receipt(channel.send(message()))
        tracker.ends = False
        outcome = channel.send(message("resolve", name))
        assert outcome == Refused(
            "OPS-1 has no transition to a status that is done that the user may take"
        )


def test_names_from_outside_are_no_mention_markup_or_link() -> None:
    name = "@team #12 [x](http://evil) <script> www.evil.example GH-1 a@b"
    with opened("github") as (tracker, _, channel):
        channel.send(message(name=name))
        body = str(tracker.tickets["1"].values["body"]).replace("\\<", "")
        assert "[Open](<https://foreshock.example/incidents/inc-1>)" in body
        assert all(bad not in body for bad in ("@team", "#12", "](http:", "<script", "www.evil",
                                               "http://evil", "GH-1", "GH\\-1"))  # fmt: skip
    with opened("jira-data-center") as (tracker, _, channel):
        channel.send(message(name="[~ann] {code} !x.png! [a|http://evil]"))
        text = str(tracker.tickets["OPS-1"].values["description"])
        assert all(bad not in text for bad in ("[~", " {code", " !x", "[a|"))
        assert "[Open|https://foreshock.example/incidents/inc-1]" in text
    with opened("servicenow") as (tracker, _, channel):
        channel.send(message(name="[code]<a href=x>[/CODE]"))
        assert "[code]" not in str(tracker.tickets["0" * 32].values["description"]).lower()


@pytest.mark.parametrize(
    ("makes", "says"),
    [
        (lambda: GitHubSettings(repository="ops", token=TOKEN), "repository must be like"),
        (lambda: GitHubSettings(repository="a/b", token=TOKEN, labels=()), "labels must be"),
        (lambda: GitHubSettings(repository="a/b", token=TOKEN, labels=("a,b",)), "labels must be"),
        (lambda: JiraSettings(url="x", project='O" OR 1', token=TOKEN), "project must be"),
        (lambda: JiraSettings(url="x", project="O", token=TOKEN, labels=("a b",)), "labels must"),
        (lambda: JiraSettings(url="x", project="O", token=TOKEN, priorities={"high": "H"}),
         "priorities must be of severities"),
        (lambda: ServiceNowSettings(url="x"), "one of password and token"),
        (lambda: ServiceNowSettings(url="x", password=TOKEN), "user must be set"),
        (lambda: ServiceNowSettings(url="x", token=TOKEN, fields={"state": "1"}),
         "fields must leave out"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(makes: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        makes()
