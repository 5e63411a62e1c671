from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.dispatch import Policy
from operators.escalation import Escalation, Step
from operators.routes import Route
from operators.time_intervals import Hours, TimeInterval
from schema import ChannelOptions, Event, Refusal, Severity, State, step
from schema.life import LIVE
from tests.operators.timelines import Timeline

CHANNELS = {
    "page": ChannelOptions(),
    "chat": ChannelOptions(updates="all"),
    "log": ChannelOptions(send_resolved=False, updates="none"),
    "boss": ChannelOptions(),
}


def policy(route: Route, **more: object) -> Policy:
    return Policy(**{"route": route, "channels": CHANNELS, **more})  # type: ignore[arg-type]  # any field


def to(*channels: str, **more: object) -> Policy:
    given = {"repeat_s": 0.0, **more}
    return policy(Route(channels=channels, **given))  # type: ignore[arg-type]  # any field


def test_it_is_told_once_and_then_that_it_is_over() -> None:
    line = Timeline(to("page"))
    line.tell(0)
    line.tell(1, "updated")
    line.tell(30, "resolved")
    line.tell(300, "closed")
    assert line.messages() == [(0, "trigger inc-1", "page"), (30, "resolve inc-1", "page")]
    assert line.held() == []


def test_it_is_told_after_the_wait_as_it_then_is() -> None:
    line = Timeline(to("page", group_wait_s=60.0))
    line.tell(0)
    line.tell(0.5, "updated", severity=Severity.CRITICAL)
    line.pass_until(10)
    assert line.messages() == [(1, "trigger inc-1", "page")]
    assert line.notices[0].revision == 2


def test_what_ends_within_the_wait_is_told_to_nobody_and_that_is_kept() -> None:
    line = Timeline(to("page", group_wait_s=60.0))
    line.tell(0)
    line.tell(0.5, "resolved")
    line.pass_until(10)
    assert line.messages() == []
    assert line.held() == [(0.5, "over before it was told: it resolved", "page")]


def test_a_channel_of_all_updates_hears_them_at_intervals_and_the_others_of_severity_alone() -> (
    None
):
    line = Timeline(to("page", "chat", "log", group_interval_s=300.0))
    line.tell(0)
    line.tell(1, "updated")
    line.tell(2, "updated")
    line.tell(7, "updated", severity=Severity.CRITICAL)
    line.tell(8, "updated", severity=Severity.HIGH)
    line.tell(9, "updated", severity=Severity.CRITICAL)  # no worse than it has heard
    line.tell(9.5, "resolved")
    assert [each for each in line.messages() if each[2] == "page"] == [
        (0, "trigger inc-1", "page"), (7, "update inc-1", "page"), (9.5, "resolve inc-1", "page"),
    ]  # fmt: skip
    assert [each[0] for each in line.messages() if each[2] == "chat"] == [0, 5, 7, 9.5]
    assert [each[0] for each in line.messages() if each[2] == "log"] == [0]


def test_it_is_repeated_until_somebody_has_it_in_hand() -> None:
    line = Timeline(to("page", repeat_s=600.0))
    line.tell(0)
    line.tell(25, "acknowledged")
    line.pass_until(100)
    assert line.messages() == [
        (0, "trigger inc-1", "page"), (10, "trigger inc-1", "page"), (20, "trigger inc-1", "page"),
        (25, "acknowledge inc-1", "page"),
    ]  # fmt: skip
    assert [each.cause for each in line.notices[:3]] == ["transition:1", "repeat:1", "repeat:2"]


def test_what_comes_back_is_told_again_and_each_message_has_an_id_of_its_own() -> None:
    line = Timeline(to("page", repeat_s=600.0))
    line.tell(0)
    line.tell(15, "acknowledged")
    line.tell(30, "unacknowledged")
    line.tell(45, "resolved")
    line.tell(50, "reopened")
    line.pass_until(61)
    assert [each[0] for each in line.messages()] == [0, 10, 15, 30, 40, 45, 50, 60]
    assert len({each.id for each in line.notices}) == len(line.notices)


def test_escalation_goes_on_until_it_is_acknowledged_and_begins_anew_after() -> None:
    steps = Escalation((Step(("page",), 300.0), Step(("boss",), 600.0)), rounds=2)
    line = Timeline(
        policy(Route(channels=("page",), escalate="oncall", repeat_s=0.0),
               escalations={"oncall": steps})
    )  # fmt: skip
    line.tell(0)
    line.tell(25, "acknowledged")
    line.tell(40, "unacknowledged")
    line.tell(47, "resolved")
    assert line.messages() == [
        (0, "trigger inc-1", "page"),
        (5, "trigger inc-1", "page"),
        (15, "trigger inc-1", "boss"),
        (20, "trigger inc-1", "page"),
        (25, "acknowledge inc-1", "boss"),
        (25, "acknowledge inc-1", "page"),
        (40, "trigger inc-1", "page"),
        (45, "trigger inc-1", "page"),
        (47, "resolve inc-1", "boss"),
        (47, "resolve inc-1", "page"),
    ]
    assert len({each.id for each in line.notices}) == len(line.notices)


def test_the_second_of_a_resource_waits_for_the_cooldown() -> None:
    line = Timeline(to("page", cooldown_s=1800.0))
    line.tell(0)
    line.tell(10, name="inc-2")
    line.tell(11, name="inc-3", resource="db-2")
    line.pass_until(100)
    assert line.messages() == [
        (0, "trigger inc-1", "page"), (11, "trigger inc-3", "page"), (30, "trigger inc-2", "page"),
    ]  # fmt: skip
    assert line.held() == [(10, "its resource was told of a short while ago (cooldown)", "page")]


def test_what_is_silenced_is_told_when_it_is_heard_again() -> None:
    line = Timeline(to("page"))
    line.tell(0, silenced_by=("s-1",))
    line.tell(1, "updated", silenced_by=("s-1",))
    line.tell(9, "silenced", silenced_by=())
    line.tell(20, "merged", merged_into="inc-7")
    assert line.held() == [(0, "silenced by s-1", "page")]
    assert line.messages() == [(9, "trigger inc-1", "page"), (20, "resolve inc-1", "page")]
    assert line.notices[-1].reason == "part of inc-7"


def test_a_silence_keeps_repeats_quiet_and_not_the_end() -> None:
    line = Timeline(to("page", repeat_s=600.0))
    line.tell(0)
    line.tell(5, "silenced", silenced_by=("s-1",))
    line.tell(60, "resolved", silenced_by=("s-1",))
    assert [each[:2] for each in line.messages()] == [(0, "trigger inc-1"), (60, "resolve inc-1")]


def test_more_than_a_channel_may_get_comes_as_one_digest() -> None:
    channels = {"page": ChannelOptions(rate_messages=2, rate_per_s=600.0)}
    line = Timeline(Policy(Route(channels=("page",), repeat_s=0.0), channels))
    for i in range(5):
        line.tell(i, name=f"inc-{i}", resource=f"db-{i}")
    line.tell(12, "resolved", name="inc-2")
    line.tell(13, "resolved", name="inc-0")
    assert line.messages() == [
        (0, "trigger inc-0", "page"),
        (1, "trigger inc-1", "page"),
        (10, "digest inc-2+inc-3+inc-4", "page"),
        (13, "resolve inc-0", "page"),  # inc-2 had no message of its own to be closed
    ]
    assert {each[1] for each in line.held()} == {"more than 2 messages in 600 s: kept for a digest"}


NIGHT = {"nights": TimeInterval(every="day", from_="22:00", to="07:00", zone="Europe/Berlin")}


@pytest.mark.parametrize(
    ("opened", "told"),
    [
        ("2026-03-27T20:59", "2026-03-27T20:59"),  # 21:59 in Berlin
        ("2026-03-27T21:00", "2026-03-28T06:00"),
        ("2026-03-28T23:30", "2026-03-29T05:00"),  # the night in which the clock is put forward
        ("2026-10-24T21:00", "2026-10-25T06:00"),  # and back
    ],
)
def test_quiet_hours_end_by_the_clock_of_their_place(opened: str, told: str) -> None:
    start = datetime.fromisoformat(opened).replace(tzinfo=UTC)
    route = Route(channels=("page",), hours=Hours(mute=("nights",)), repeat_s=0.0)
    line = Timeline(policy(route, intervals=NIGHT), round(start.timestamp() * 1000))
    line.tell(0)
    line.pass_until(24 * 60)
    found = [datetime.fromtimestamp(each.decided_ms / 1000, UTC) for each in line.notices
             if not each.held]  # fmt: skip
    assert found == [datetime.fromisoformat(told).replace(tzinfo=UTC)]


def test_office_hours_leave_out_a_holiday() -> None:
    office = TimeInterval(every="weekday", from_="09:00", to="17:00", but_not=("2026-03-03",))
    route = Route(channels=("page",), hours=Hours(active=("office",)), repeat_s=0.0)
    line = Timeline(policy(route, intervals={"office": office}))  # Monday noon
    line.tell(6 * 60)
    line.pass_until(3 * 24 * 60)
    assert [each[0] for each in line.messages()] == [(24 + 21) * 60]  # on Wednesday at nine
    assert line.held() == [(6 * 60, "told only in office", "page")]


def test_a_storm_of_updates_is_a_handful_of_messages() -> None:
    line = Timeline(to("page", "chat", group_interval_s=300.0))
    line.tell(0)
    for i in range(600):
        line.tell(1 + i / 60, "updated", severity=Severity.CRITICAL if i > 100 else Severity.HIGH)
    line.tell(20, "resolved")
    assert len(line.messages()) <= 8


_steps = st.lists(
    st.tuples(
        st.integers(0, 40),  # minutes later
        st.sampled_from(["inc-1", "inc-2", "inc-3"]),
        st.sampled_from(get_args(Event)),
        st.sampled_from(list(Severity)),
        st.booleans(),  # silenced from here on
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(_steps, st.sampled_from([1, 3, 30]))
def test_messages_begin_with_a_trigger_and_what_holds_one_hears_of_the_end(
    steps: list[tuple[int, str, Event, Severity, bool]], rate: int
) -> None:
    channels = {
        name: msgspec.structs.replace(options, rate_messages=rate)
        for name, options in CHANNELS.items()
    }
    escalations = {"oncall": Escalation((Step(("boss",), 600.0),), rounds=3)}
    route = Route(channels=("page", "chat"), escalate="oncall", repeat_s=1800.0, cooldown_s=600.0)
    line = Timeline(Policy(route, channels, {}, escalations))
    states: dict[str, State] = {}
    minute = 0
    for later, name, event, severity, silenced in steps:
        minute += later
        state = states.get(name)
        said: Event = "opened" if state is None else event
        after = "open" if state is None else step(name, state, said)
        if isinstance(after, Refusal):
            continue
        states[name] = after
        line.tell(minute, said, name, severity=severity,
                  silenced_by=("s-1",) if silenced else ())  # fmt: skip
    line.pass_until(minute + 10_000)
    assert len({each.id for each in line.notices}) == len(line.notices)
    held: dict[tuple[str, str], bool] = {}
    for each in line.notices:
        if each.held or each.kind == "digest":
            continue
        key = (each.incident, each.channel)
        assert each.kind == "trigger" or held.get(key), f"{each} is of a message that is not there"
        held[key] = each.kind != "resolve"
    for (name, channel), holds in held.items():
        assert not (holds and states[name] not in LIVE), f"{channel} was not told the end of {name}"
