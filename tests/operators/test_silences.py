import logging
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from operators.matching import labels_of, parse_matcher
from operators.silences import (
    ALWAYS_MS,
    Silences,
    SilenceSettings,
    SilenceState,
    check_silence,
    in_force,
    next_change_ms,
    silenced_by,
    why_not,
)
from schema import Expire, Matcher, Recurrence, Silence
from tests.operators.edges import at, resource

RDS = (Matcher("service", "=", "aws.rds"),)
NIGHTLY = Recurrence(150, 210, "Europe/Berlin")


def silence(
    name: str = "s",
    start: float = 0,
    end: float = 60,
    matchers: tuple[Matcher, ...] = RDS,
    recurs: Recurrence | None = None,
) -> Silence:
    return Silence(
        name, "silence", matchers, at(start), at(end), at(start), "ann", "backup", recurs
    )


@pytest.mark.parametrize(
    ("minute", "force", "change"),
    [(-1, False, 0), (0, True, 60), (59.99, True, 60), (60, False, None), (61, False, None)],
)
def test_it_is_in_force_from_its_start_to_before_its_end(
    minute: float, force: bool, change: float | None
) -> None:
    assert in_force(silence(), at(minute)) == force
    assert next_change_ms(silence(), at(minute)) == (None if change is None else at(change))


def test_one_that_recurs_is_in_force_only_between_its_start_and_end() -> None:
    week = 7 * 24 * 60
    recurs = silence(end=week, recurs=NIGHTLY)  # from noon UTC on, winter: 01:30-02:30 UTC
    night = 13.5 * 60
    assert [in_force(recurs, at(m)) for m in (0, night - 1, night, night + 59, night + 60)] == [
        False, False, True, True, False,
    ]  # fmt: skip
    assert not in_force(recurs, at(week + night))
    assert next_change_ms(recurs, at(-5)) == at(0)
    assert next_change_ms(recurs, at(0)) == at(night)
    cut = silence(end=night + 30, recurs=NIGHTLY)
    assert next_change_ms(cut, at(night)) == at(night + 30)
    whole_days = silence(recurs=Recurrence(0, 0))
    assert next_change_ms(whole_days, at(0)) == at(60)


def in_force_by_turns(start: str, end: str) -> list[tuple[str, str]]:
    """Return when a nightly silence of the settings is in force, going from turn to turn."""
    settings = SilenceSettings(
        id="nightly", matchers=("service=aws.rds",), every="day", from_="02:30", to="03:30",
        zone="Europe/Berlin",
    )  # fmt: skip
    silences = Silences([settings], SilenceState())
    now_ms, end_ms = (round(datetime.fromisoformat(t).timestamp() * 1000) for t in (start, end))
    found: list[str] = []
    was = False
    while now_ms < end_ms:
        silences.turn(now_ms)
        if bool(silences.in_force) != was:
            was = not was
            found.append(
                f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms):%m-%d %H:%M}"
            )
        assert silences.due_ms is not None
        assert silences.due_ms > now_ms
        now_ms = silences.due_ms
    return list(zip(found[::2], found[1::2], strict=True))


def test_every_night_over_the_change_to_summer_time() -> None:
    assert in_force_by_turns("2026-03-27T12:00+00:00", "2026-03-30T12:00+00:00") == [
        ("03-28 01:30", "03-28 02:30"),
        ("03-29 01:00", "03-29 01:30"),  # 02:30 never comes; 03:00-03:30 does
        ("03-30 00:30", "03-30 01:30"),
    ]


def test_every_night_over_the_change_from_summer_time() -> None:
    assert in_force_by_turns("2026-10-23T12:00+00:00", "2026-10-26T12:00+00:00") == [
        ("10-24 00:30", "10-24 01:30"),
        ("10-25 00:30", "10-25 01:00"),  # 02:30-03:00 comes twice
        ("10-25 01:30", "10-25 02:30"),
        ("10-26 01:30", "10-26 02:30"),
    ]


def names(silences: Silences) -> list[str]:
    return [each.id for each in silences.in_force]


def test_those_of_people_come_beside_those_of_the_settings_and_go_when_they_have_ended() -> None:
    state = SilenceState()
    silences = Silences([SilenceSettings(id="fixed", matchers=("team=shop",))], state)
    silences.turn(at(0))
    assert (names(silences), silences.due_ms) == (["fixed"], ALWAYS_MS[1])
    for each in (silence("b", 5, 20), silence("a", 0, 10)):
        silences.obey(each, at(1))
    silences.turn(at(1))
    assert (names(silences), silences.due_ms) == (["a", "fixed"], at(5))
    silences.turn(at(10))
    assert (names(silences), silences.due_ms) == (["b", "fixed"], at(20))
    silences.turn(at(20))
    assert (names(silences), state.held) == (["fixed"], {})


def test_one_that_has_been_expired_ends_there_whether_it_has_begun_or_not() -> None:
    state = SilenceState()
    silences = Silences([], state)
    for each in (silence("on"), silence("later", 30, 60)):
        silences.obey(each, at(0))
    for name in ("on", "later", "unknown"):
        silences.obey(Expire(name, at(5), "bob"), at(5))
    silences.turn(at(5))
    assert (names(silences), state.held, silences.due_ms) == ([], {}, None)


def test_one_of_the_settings_is_ended_there_alone() -> None:
    silences = Silences([SilenceSettings(id="fixed", matchers=("team=shop",))], SilenceState())
    silences.obey(Expire("fixed", at(5), "bob"), at(5))
    silences.obey(silence("fixed"), at(5))
    silences.turn(at(5))
    assert [each.matchers[0].label for each in silences.in_force] == ["team"]


def test_one_of_the_same_id_takes_the_place_of_the_other() -> None:
    silences = Silences([], SilenceState())
    silences.obey(silence("s", 0, 60), at(0))
    silences.obey(silence("s", 0, 90), at(1))
    silences.turn(at(1))
    assert (names(silences), silences.due_ms) == (["s"], at(90))


@pytest.mark.parametrize(
    "bad",
    [
        {"matchers": (Matcher("x", "=~", "("),)},
        {"ends_ms": at(0)},
        {"recurs": Recurrence(0, 0, "Mars/Olympus")},
    ],
)
def test_one_that_cannot_be_obeyed_silences_nothing_and_is_logged(
    bad: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    silences = Silences([], SilenceState())
    with caplog.at_level(logging.WARNING):
        silences.obey(msgspec.structs.replace(silence("odd"), **bad), at(0))
    silences.turn(at(0))
    assert names(silences) == []
    assert "silence odd is not obeyed: " in caplog.text


ALERTS = [labels_of(resource(name, "aws.rds", team=team)) for name, team in ("ax", "by", "cy")]
TEAM_X = silence("x", matchers=(parse_matcher("team=x"),))
TEAM_Y = silence("y", matchers=(parse_matcher("team=y"),))
ALL_RDS = silence("z")
OTHER = silence("o", matchers=(parse_matcher("team=other"),))


@pytest.mark.parametrize(
    ("silences", "wanted"),
    [
        ([ALL_RDS], ("z",)),
        ([TEAM_X], ()),
        ([TEAM_Y], ()),
        ([TEAM_X, TEAM_Y], ("x", "y")),  # together
        ([OTHER, TEAM_X, ALL_RDS], ("x", "z")),  # all that match
        ([OTHER], ()),
        ([], ()),
    ],
)
def test_an_incident_is_silenced_when_each_of_its_alerts_is(
    silences: list[Silence], wanted: tuple[str, ...]
) -> None:
    assert silenced_by(ALERTS, silences) == wanted
    assert silenced_by([], silences) == ()


def test_it_is_told_which_matchers_do_not_hold() -> None:
    matchers = [parse_matcher(text) for text in ("service=aws.rds", "team=x", "tier=1")]
    assert why_not(matchers, ALERTS[0]) == (matchers[2],)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"id": ""}, "id must name the silence, got ''"),
        ({"matchers": ()}, "must have a matcher that does not match the empty string"),
        ({"matchers": ("service=~.*",)}, "must have a matcher that does not match the empty"),
        ({"matchers": ("service",)}, "a matcher must be a label"),
        ({"matchers": ("service=~(",)}, "RE2 syntax"),
        ({"every": "day", "zone": "Mars"}, "zone must be a name"),
        ({"every": "someday"}, "every must be day, weekday, weekend or days as in mon,tue"),
        ({"every": "day", "from_": "25:00"}, "from must be a time of the day as in 02:30"),
        ({"every": "day", "to": "2"}, "to must be a time of the day"),
        ({"from_": "02:30"}, "from, to and zone must come with every"),
        ({"starts": datetime(2026, 1, 1)}, "starts must have a time zone"),  # noqa: DTZ001
        (
            {"starts": datetime(2026, 1, 2, tzinfo=UTC), "ends": datetime(2026, 1, 1, tzinfo=UTC)},
            "must end after it starts",
        ),
    ],
)
def test_refuses_settings_that_make_no_sense(bad: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"id": "s", "matchers": ("service=aws.rds",)}
    with pytest.raises(ValueError, match=message):
        msgspec.convert(
            {{"from_": "from"}.get(name, name): value for name, value in (good | bad).items()},
            SilenceSettings,
        )


def test_what_is_meant_to_match_everything_must_say_so() -> None:
    all_of_it = SilenceSettings(id="freeze", matchers=(), everything=True)
    assert all_of_it.silence().matchers == ()
    with pytest.raises(ValueError, match="meant to match everything"):
        check_silence(all_of_it.silence())


@pytest.mark.parametrize(
    ("every", "from_", "to", "wanted"),
    [
        ("day", "02:30", "03:30", Recurrence(150, 210)),
        ("Mon, fri", "22:00", "6:00", Recurrence(1320, 360, days=(0, 4))),
        ("weekday", "00:00", "24:00", Recurrence(0, 0, days=(0, 1, 2, 3, 4))),
        ("weekend,fri", 750, "13:00", Recurrence(750, 780, days=(4, 5, 6))),  # 12:30, unquoted
    ],
)
def test_a_recurrence_is_written_as_people_do(
    every: str, from_: str | int, to: str, wanted: Recurrence
) -> None:
    settings = SilenceSettings(
        id="s", matchers=("service=aws.rds",), every=every, from_=from_, to=to
    )
    assert settings.silence().recurs == wanted
