from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.channels.channel import Later, Message, Outcome, Refused, Sent
from connectors.incident_store import IncidentStore
from operators.routes import Route
from schema import ChannelOptions, Notice, Transition
from tests.flows.told_world import World
from tests.operators.timelines import MINUTE_MS, START_MS, incident


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


def test_an_hour_without_a_channel_slows_nothing_and_loses_nothing(tmp_path: Path) -> None:
    channels = {"page": ChannelOptions(rate_messages=3), "mail": ChannelOptions()}
    route = Route(channels=("page", "mail"), repeat_s=0.0)
    world = World(f"sqlite:///{tmp_path / 'hour.db'}", channels, route)
    world.providers["page"].answer = lambda _: Later("connection refused")
    names = [f"inc-{i:02}" for i in range(20)]
    for i, name in enumerate(names):
        world.say(incident(name, resource=f"db-{i}"))
        world.run(3)
        assert world.providers["mail"].said()[-1] == f"trigger {name}"  # as if nothing were wrong
        (row,) = (row for row in world.outbox.told_of(name) if row.notice.channel == "mail")
        assert row.ended_ms == row.notice.decided_ms == START_MS + 3 * i * MINUTE_MS
    world.providers["page"].answer = lambda _: Sent("m")
    world.run(30)
    took = world.providers["page"].took
    told = {name for each in took for name in (each.notice.about or (each.notice.incident,))}
    assert told == set(names)
    assert len(took) <= 4
    assert "digest" in [each.notice.kind for each in took]
    assert all(status in ("sent", "dropped", "held") for _, status in world.outbox.counts())
    world.store.close()
    world.outbox.close()


def test_after_a_day_down_what_is_open_is_told_once_and_the_rest_as_a_digest(world: World) -> None:
    world.say(incident("inc-known", resource="known"))
    world.run()
    before = list(world.providers["page"].said())
    assert before == ["trigger inc-known"]
    for i in range(40):  # nobody tells
        name = f"inc-{i:02}"
        world.say(incident(name, resource=f"db-{i}"))
        world.now_ms += 24 * MINUTE_MS
        if i % 2:
            world.say(incident(name, revision=2, state="resolved"), event="resolved")
            world.say(incident(name, revision=3, state="closed"), event="closed")
    world.say(incident("inc-known", revision=2, state="resolved"), event="resolved")
    assert world.now_ms - START_MS == 16 * 60 * MINUTE_MS
    world.restart()
    world.run(30)
    took = world.providers["page"].took[1:]
    assert len(took) <= 5
    told = [name for each in took for name in (each.notice.about or (each.notice.incident,))]
    assert sorted(told) == sorted(["inc-known", *(f"inc-{i:02}" for i in range(0, 40, 2))])
    assert [each.notice.kind for each in took if each.notice.incident == "inc-known"] == ["resolve"]
    for _ in range(2):
        world.restart()
        world.run(30)
    assert len(world.providers["page"].took) == 1 + len(took)
    assert statuses(world, "inc-01") == [("page", "trigger", "held")]  # it came and went


def test_an_end_is_told_where_the_first_word_may_have_been_taken(world: World) -> None:
    world.providers["page"].answer = lambda _: Later("ReadTimeout", maybe=True)
    world.say(incident())
    world.run()
    world.restart()  # whoever sent it was killed
    world.providers["page"].answer = lambda _: Sent("m")
    world.say(incident(revision=2, state="resolved"), event="resolved")
    world.run(1)
    assert world.providers["page"].said() == ["resolve inc-1"]
    assert statuses(world, "inc-1") == [
        ("page", "trigger", "dropped"), ("page", "resolve", "sent"),
    ]  # fmt: skip


def test_a_replay_is_told_at_the_times_of_its_events(tmp_path: Path) -> None:
    channels = {"page": ChannelOptions()}
    route = Route(channels=("page",), group_wait_s=60.0, repeat_s=3_600.0)
    world = World(f"sqlite:///{tmp_path / 'replay.db'}", channels, route)
    for minute, name, event, state in (
        (0, "inc-a", "opened", "open"), (30, "inc-b", "opened", "open"),
        (30.5, "inc-b", "resolved", "resolved"), (130, "inc-a", "resolved", "resolved"),
    ):  # fmt: skip
        world.now_ms = START_MS + round(minute * MINUTE_MS)
        revision = 1 if event == "opened" else 2
        world.say(incident(name, name, revision=revision, state=state), event=event)
    found = world.decider.follow()
    assert [
        ((each.decided_ms - START_MS) / MINUTE_MS, each.kind, each.incident, each.held)
        for each in found
    ] == [
        (1, "trigger", "inc-a", False), (30.5, "trigger", "inc-b", True),
        (61, "trigger", "inc-a", False), (121, "trigger", "inc-a", False),
        (130, "resolve", "inc-a", False),
    ]  # fmt: skip
    assert world.decider.follow() == []
    world.store.close()
    world.outbox.close()
