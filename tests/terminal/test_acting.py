"""What the keys ask for, and what is seen of what came of it."""

import pytest

from schema.desk import Me
from tests.terminal.made_desk import MadeDesk
from tests.terminal.made_incidents import NOW_MS, incident
from tests.terminal.screens import LARGE, MIDDLE, SMALL, Shown, run

SIZES = [SMALL, MIDDLE, LARGE]


def desk(count: int = 6) -> MadeDesk:
    return MadeDesk([incident(number) for number in range(count)])


def test_an_action_shows_as_requested_then_as_applied() -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("a")
        await screen.until("acknowledge inc-00000", "why, if you like")
        await screen.type("on it")
        await screen.press("enter")
        await screen.until("requested: ack inc-00000; the flow obeys at 12:02 UTC", "ack?")
        assert made.asked["req-0"].reason == "on it"
        made.obey("req-0", state="acknowledged", acked_ms=NOW_MS, assignee="oncall")
        await screen.until("applied: ack inc-00000: on it", gone="ack?")
        row = next(line for line in screen.lines() if "orders-db-0" in line)
        assert row.split()[:2] == ["CRIT", "ack"]

    run(made, steps)


def test_an_action_that_the_flow_refuses_says_why() -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("r", "enter")
        await screen.until("resolve?")
        made.refuse("req-0", "inc-00000 was closed by then")
        await screen.until(
            "refused: resolve inc-00000: inc-00000 was closed by then", gone="resolve?"
        )

    run(made, steps)


def test_what_is_not_legal_is_refused_before_anything_is_typed() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("O")
        await screen.until("inc-00000 is open: only a resolved incident can be reopened")

    made = desk()
    run(made, steps)
    assert made.asked == {}


@pytest.mark.parametrize(
    ("key", "text", "action", "what"),
    [
        ("f", "nightly", "false_positive", "false_positive inc-00000"),
        ("t", "", "real", "real inc-00000"),
        ("n", "restarted it", "note", "note inc-00000"),
        ("at", "", "assign", "assign inc-00000 oncall"),
    ],
)
def test_keys_ask_for_what_they_say(key: str, text: str, action: str, what: str) -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press(key)
        await screen.holds(lambda _: screen.app.screen.has_class("-asking"))
        await screen.type(text)
        await screen.press("enter")
        await screen.until(f"requested: {what}")

    run(made, steps)
    assert [(each.action, each.reason) for each in made.asked.values()] == [(action, text)]


def test_a_silence_is_offered_for_what_the_incident_is_about_and_can_be_ended() -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.holds(lambda _: "inc-00000" in screen.app.picture.details)
        await screen.press("s")
        await screen.until("2h resource=orders-db-0")
        await screen.type(" # index")
        await screen.press("enter")
        await screen.until("requested: silence")
        await screen.press("5")
        await screen.until("requested", 'resource="orders-db-0"', "index")
        await screen.press("e")
        await screen.until("end sil-0 now")
        await screen.press("enter")
        await screen.until("expired")

    run(made, steps)
    assert [each.reason for each in made.kept_silences] == ["index"]


def test_a_line_that_will_not_do_says_why_and_stays() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("s")
        await screen.until("2h")
        screen.app._prompt.value = "soon service=aws.rds"
        await screen.press("enter")
        await screen.until(
            "it must begin with how long: 30m, 2h or 1d12h, got 'soon'", "soon service"
        )
        await screen.press("escape")
        await screen.until("q quit", gone="soon")

    run(desk(), steps)


def test_escape_leaves_an_action_unasked() -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("a", "escape")
        await screen.until("q quit", gone="why, if you like")
        await screen.press("down")  # and the list has the keys again
        await screen.until("2/6")

    run(made, steps)
    assert made.asked == {}


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (Me(name="eve", role="viewer", auth="token", can_act=True), "eve is a viewer"),
        (Me(name="oncall", role="admin", auth="off", can_act=False), "no control log is known"),
    ],
)
def test_who_may_not_act_is_told_so(who: Me, words: str) -> None:
    made = desk()
    made.who = who

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("a")
        await screen.until(words)

    run(made, steps)
