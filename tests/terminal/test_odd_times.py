"""Names that are attacks, nothing and ten thousand incidents, and a desk that is away."""

import threading

import msgspec
import pytest

from terminal.palette import Look
from tests.terminal.made_desk import MadeDesk
from tests.terminal.made_incidents import incident
from tests.terminal.screens import LARGE, MIDDLE, SMALL, Shown, run

SIZES = [SMALL, MIDDLE, LARGE]


def desk(count: int = 6) -> MadeDesk:
    return MadeDesk([incident(number) for number in range(count)])


def test_nothing_going_on_is_said_in_words() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("all is quiet", "nothing goes on", "0/0")
        await screen.press("enter", "a", "s", "y", "down", "up", "end", "2")
        await screen.until("nothing to do")

    run(MadeDesk([]), steps)


def test_ten_thousand_incidents_are_read_as_they_are_scrolled_to() -> None:
    made = desk(10_000)

    async def steps(screen: Shown) -> None:
        await screen.until("1/200+", "2,500 critical")
        for _ in range(2_000):  # each reaches what has been read
            await screen.press("G")
            if "10,000/10,000" in screen.lines()[3]:
                break
        await screen.until("10,000/10,000", "orders-db-9999")

    run(made, steps)


def test_a_desk_that_goes_away_says_so_keeps_the_picture_and_recovers() -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        made.gone = "no such file"
        text = await screen.until("AWAY, trying again", "no such file", "ago")
        assert "orders-db-5" in text
        await screen.press("a", "enter")
        await screen.until("nothing was asked: no such file")
        made.put(incident(7))
        made.gone = ""
        await screen.until("orders-db-7", gone="AWAY")

    run(made, steps)


def test_a_desk_that_does_not_answer_holds_up_nothing() -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        made.hold = threading.Event()
        calls = made.calls
        await screen.holds(lambda _: made.calls > calls)
        await screen.press("down", "2", "1", "down")
        await screen.until("3/6")
        screen.app._watch._asked_s = 0.0  # for long
        await screen.until("NO ANSWER YET")
        made.hold.set()
        made.hold = None
        await screen.until("orders-db-5", gone="NO ANSWER")

    run(made, steps)


EVIL = (
    "x" * 300,
    "\x1b[31mred\x1b[0m \x07 bell",
    "\u202egnp.exe \u2066 isolate",
    "数据库延迟" * 30,
    "🚀👩\u200d👩\u200d👧👍🏽" * 20,
    "[red]markup[/red] [@click=app.quit]go[/]",
    "e\u0301" * 40 + "\u0301" * 100,
    "two\nlines\tand\rmore",
    "\x00\x9b1;31m\ufffe",
    "",
)


@pytest.mark.parametrize(
    ("size", "look"),
    [
        (SMALL, Look()),
        (MIDDLE, Look(ascii=True)),
        (LARGE, Look(colour=False)),
        ((20, 6), Look(ascii=True)),
        ((1, 1), Look()),
    ],
    ids=str,
)
def test_no_name_can_steer_hide_or_break_the_screen(size: tuple[int, int], look: Look) -> None:
    made = MadeDesk([incident(n, title=evil) for n, evil in enumerate(EVIL)])
    for number, evil in enumerate(EVIL):
        before = made.all[f"inc-{number:05d}"]
        member = before.members[0]
        bad = msgspec.structs.replace(member.resource, name=evil, service=evil)
        members = (msgspec.structs.replace(member, resource=bad, kind=evil),)
        made.change(before.id, members=members, hint=evil, assignee=evil, scope={"service": evil})
    made.plots = tuple(
        msgspec.structs.replace(each, name=EVIL[1], metric=EVIL[2]) for each in made.plots
    )

    async def steps(screen: Shown) -> None:
        await screen.holds(lambda _: screen.app.picture.feed.is_read)
        await screen.holds(lambda _: screen.app.picture.queue is not None)
        for _ in EVIL:
            chosen = screen.app._list.chosen
            await screen.has_read(chosen)
            await screen.press("enter", "end")
            lines = screen.lines()
            await screen.press("escape", "down")
            for line in lines:
                assert line.isprintable()
                assert look.ascii is False or line.isascii()

    run(made, steps, size, look)


def test_the_size_may_change_at_any_time() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("enter")
        for size in (LARGE, (10, 3), MIDDLE, SMALL, (300, 90), (40, 12)):
            await screen.resize(*size)
            assert len(screen.lines()) == size[1]
        await screen.resize(*MIDDLE)
        await screen.until("orders-db-5", "left to acknowledge")

    run(desk(), steps)
