from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.channels.channel import Later, Message, Outcome, Refused, Sent
from connectors.incident_store import IncidentStore
from connectors.outbox import Outbox
from flows.decider import Decider
from flows.delivery import Courier, Office
from flows.rendering import Renderer
from operators.dispatch import Policy
from operators.redelivery import RedeliverySettings
from operators.routes import Route
from schema import ChannelOptions, Incident, Notice, Transition
from tests.operators.timelines import MINUTE_MS, START_MS, incident

CHANNELS = {"page": ChannelOptions(fallback="mail", rate_messages=3), "mail": ChannelOptions()}


class Provider:
    """A channel that answers as it is told to, and remembers what it took."""

    def __init__(self) -> None:
        self.took: list[Message] = []
        self.answer: Callable[[Message], Outcome] = lambda _: Sent("m-1")

    def send(self, message: Message) -> Outcome:
        answer = self.answer(message)
        if isinstance(answer, Sent):
            self.took.append(message)
        return answer

    def close(self) -> None:
        pass

    def said(self) -> list[str]:
        return [f"{each.notice.kind} {each.dedup_key}" for each in self.took]


class World:
    """A store, notification over it, and a clock that is turned by hand."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = IncidentStore(url, create=True)
        self.outbox = Outbox(url)
        self.providers = {name: Provider() for name in CHANNELS}
        self.now_ms = START_MS
        self.restart()
        self.decider.step(self.now_ms)

    def restart(self) -> None:
        """Forget all that is not in the store."""
        policy = Policy(Route(channels=("page",), repeat_s=0.0), CHANNELS)
        self.decider = Decider(self.store, self.outbox, policy)
        office = Office(
            self.outbox, Renderer().render, RedeliverySettings(breaker_failures=2), self.clock
        )
        self.couriers = {
            name: Courier(name, provider, CHANNELS[name], office)
            for name, provider in self.providers.items()
        }

    def clock(self) -> int:
        return self.now_ms

    def say(self, *incidents: Incident, event: str = "opened") -> None:
        said = [Transition(event, self.now_ms, "foreshock", "so", each) for each in incidents]  # type: ignore[arg-type]  # one of the events
        self.store.record(said)

    def run(self, minutes: float = 0.0) -> None:
        until_ms = self.now_ms + round(minutes * MINUTE_MS)
        while True:
            times = [self.decider.step(self.now_ms)]
            times += [courier.deliver() for courier in self.couriers.values()]
            due = min((each for each in times if each is not None), default=until_ms)
            if due > until_ms or (due <= self.now_ms and self.now_ms >= until_ms and not minutes):
                break
            if due >= until_ms and self.now_ms >= until_ms:
                break
            self.now_ms = max(due, self.now_ms + 1)
        self.now_ms = max(self.now_ms, until_ms)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'incidents.db'}")
    yield made
    made.store.close()
    made.outbox.close()


def statuses(world: World, name: str) -> list[tuple[str, str, str]]:
    rows = world.outbox.told_of(name)
    return [(row.notice.channel, row.notice.kind, row.status) for row in rows]


def test_what_opens_is_told_once_whatever_is_restarted(world: World) -> None:
    world.say(incident())
    for _ in range(3):
        world.run()
        world.restart()
    world.say(incident(revision=2, state="resolved"), event="resolved")
    world.run()
    world.restart()
    world.run()
    assert world.providers["page"].said() == ["trigger inc-1", "resolve inc-1"]
    assert world.providers["page"].took[1].receipt == "m-1"
    assert statuses(world, "inc-1") == [("page", "trigger", "sent"), ("page", "resolve", "sent")]


def test_the_past_is_not_told_at_the_first_start_but_what_is_open_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    store = IncidentStore(url, create=True)
    gone = incident("inc-old", state="closed", revision=7)
    store.record([
        Transition("closed", START_MS, "foreshock", "so", gone),
        Transition("updated", START_MS, "foreshock", "so", incident("inc-new", revision=3)),
    ])  # fmt: skip
    store.close()
    world = World(url)
    world.run()
    assert world.providers["page"].said() == ["trigger inc-new"]


def test_a_refused_message_is_a_dead_letter_and_goes_to_the_fallback(world: World) -> None:
    world.providers["page"].answer = lambda _: Refused("HTTP 400: no such key")
    world.say(incident())
    world.run()
    assert world.providers["mail"].said() == ["trigger inc-1"]
    assert statuses(world, "inc-1") == [("page", "trigger", "failed"), ("mail", "trigger", "sent")]
    assert world.outbox.failed()[0].note == "HTTP 400: no such key"
    assert "page could not be told" in world.providers["mail"].took[0].text


def test_a_crash_while_a_message_is_given_up_does_not_lose_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash_before_the_fallback(
        state: Mapping[str, str | None], notices: Sequence[tuple[Notice, str]]
    ) -> None:
        if any(notice.channel == "mail" for notice, _ in notices):
            raise KeyboardInterrupt
        decide(state, notices)

    decide = world.outbox.decide
    world.providers["page"].answer = lambda _: Refused("HTTP 400: no such key")
    world.say(incident())
    with monkeypatch.context() as patch:
        patch.setattr(world.outbox, "decide", crash_before_the_fallback)
        with pytest.raises(KeyboardInterrupt):
            world.run()
    world.restart()
    world.run()
    assert world.providers["mail"].said() == ["trigger inc-1"]


def test_a_channel_that_is_away_is_tried_again_ever_more_seldom(world: World) -> None:
    tried: list[int] = []

    def away(_: Message) -> Outcome:
        tried.append(world.now_ms)
        return Later("time-out")

    world.providers["page"].answer = away
    world.say(incident())
    world.run(60)
    waits = [later - before for before, later in pairwise(tried)]
    assert 1_000 <= waits[0] <= 2_000
    assert 2_000 <= waits[1] <= 4_000
    assert max(waits) <= 300_000
    assert 15 <= len(tried) <= 40
    assert world.providers["mail"].said() == ["trigger inc-1"]  # after five minutes, once
    world.providers["page"].answer = lambda _: Sent("m-2")
    world.run(10)
    assert world.providers["page"].said() == ["trigger inc-1"]


def test_the_wait_that_a_provider_asks_for_is_kept(world: World) -> None:
    tried: list[int] = []

    def busy(_: Message) -> Outcome:
        tried.append(world.now_ms)
        return Later("HTTP 429", 90.0) if len(tried) == 1 else Sent()

    world.providers["page"].answer = busy
    world.say(incident())
    world.run(5)
    assert tried == [START_MS, START_MS + 90_000]


def test_after_an_hour_away_there_is_a_digest_and_no_flood(world: World) -> None:
    world.providers["page"].answer = lambda _: Later("connection refused")
    for i in range(20):
        world.say(incident(f"inc-{i:02}", resource=f"db-{i}"))
        world.run(3)
    world.say(incident("inc-00", revision=2, state="resolved"), event="resolved")
    world.providers["page"].answer = lambda _: Sent("m")
    world.run(30)
    said = world.providers["page"].said()
    assert len(said) <= 4, said
    told = {name for each in world.providers["page"].took for name in each.notice.about}
    assert told | {each.split()[1] for each in said} >= {f"inc-{i:02}" for i in range(1, 20)}
    assert statuses(world, "inc-00")[0] == ("page", "trigger", "dropped")
    assert all(status != "due" for row in told for _, _, status in statuses(world, row))


def test_a_notifier_that_breaks_stops_nobody_else(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Message) -> Outcome:
        raise KeyError("x")

    world.providers["page"].answer = broken
    world.say(incident())
    world.run(10)
    assert world.providers["mail"].said() == ["trigger inc-1"]
    assert "channel page broke" in caplog.text
