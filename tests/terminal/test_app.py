"""The screen as people use it: what it shows at three sizes, and how they find things in it."""

import msgspec
import pytest

from tests.terminal.made_desk import MadeDesk
from tests.terminal.made_incidents import MIN_MS, NOW_MS, incident
from tests.terminal.screens import LARGE, MIDDLE, SMALL, Shown, run

SIZES = [SMALL, MIDDLE, LARGE]


def desk(count: int = 6) -> MadeDesk:
    return MadeDesk([incident(number) for number in range(count)])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_goes_on_is_seen_at_once(size: tuple[int, int]) -> None:
    async def steps(screen: Shown) -> None:
        text = await screen.until("2 critical", "orders-db-5", "1.84k samples/s", "azure")
        lines = text.splitlines()
        assert "12:00 UTC" in lines[0]
        assert "lag 1m" in text
        assert "3 off" in text
        assert "1 silent" in text
        row = next(line for line in lines if line.startswith("CRIT open"))
        assert row.split()[:2] == ["CRIT", "open"]
        assert "5m" in row  # left to acknowledge
        assert "q quit" in lines[-1]

    run(desk(), steps, size)


def test_a_small_screen_shows_one_thing_and_enter_and_escape_lead_to_and_fro() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        assert "deadline" not in screen.text()
        await screen.press("down", "enter")
        await screen.until(
            "latency of orders-db-1",
            "left to acknowledge",
            gone="orders-db-5",
        )
        await screen.press("escape")
        await screen.until("orders-db-5", gone="deadline")

    run(desk(), steps)


@pytest.mark.parametrize("size", [MIDDLE, LARGE], ids=str)
def test_larger_screens_show_the_incident_that_is_chosen_beside_the_list(
    size: tuple[int, int],
) -> None:
    async def steps(screen: Shown) -> None:
        text = await screen.until("orders-db-5", "left to acknowledge", "now 832 ms", "onset 11:38")
        assert "▲" in text
        assert "░" in text
        await screen.press("down", "down")
        await screen.until("inc-00002 rev 1")

    run(desk(), steps, size)


def test_the_largest_screen_has_queue_services_and_models_too() -> None:
    async def steps(screen: Shown) -> None:
        text = await screen.until("azure.sql", "suspected", "pts")
        assert "0.90" in text
        await screen.press("tab", "tab", "down")
        await screen.until("inc-00004 rev 1")  # the second of the queue is shown in detail
        await screen.press("n")
        await screen.until("write a note on inc-00004")

    run(desk(), steps, LARGE)


def test_all_of_an_incident_can_be_read() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("enter")
        await screen.until("left to acknowledge", "now 832 ms")
        await screen.press("end")
        text = await screen.until("What happened, the newest first", "first alert")
        assert "ops trigger: sent, route databases" in text
        await screen.press("pageup")
        await screen.until("62% orders-db-0 aws.rds", "it was off first")

    run(desk(), steps)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("2", ("pts", "89", "CRIT")),
        ("3", ("aws.rds", "azure.sql", "silent", "21.4%")),
        ("4", ("aws.rds", "suspected", "0.20%", "0.90")),
        ("5", ("nothing is silenced",)),
    ],
)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_each_view_says_what_it_is_for(
    key: str, words: tuple[str, ...], size: tuple[int, int]
) -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5", "1.84k")
        await screen.press(key)
        await screen.until(*words)

    run(desk(), steps, size)


def test_a_service_tells_which_of_its_resources_are_off() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("1.84k samples/s")
        await screen.press("3", "enter")
        await screen.until("orders-db-0", "2.4x", "▇")

    run(desk(), steps)


def test_a_model_tells_detectors_scores_and_drift() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("4")
        await screen.until("suspected")
        await screen.press("enter")
        await screen.until(
            "9 real, 1 false positive: 0.90", "discord", "80,000", "40% of resources"
        )

    run(desk(), steps)


def test_search_severity_state_and_order_narrow_the_list_and_escape_widens_it() -> None:
    made = desk()
    made.change("inc-00005", state="resolved", resolved_ms=NOW_MS)

    async def steps(screen: Shown) -> None:
        await screen.until("1/5")
        await screen.press("slash")
        await screen.type("orders-db-3")
        await screen.press("enter")
        await screen.until("1/1", gone="orders-db-2")
        await screen.press("escape")
        await screen.until("1/5")
        await screen.press("v", "v")
        await screen.until("sev:high", "1/3", gone="orders-db-2")
        await screen.press("escape", "w", "w")
        await screen.until("state:resolved", "1/1", "orders-db-5")
        await screen.press("w", "o", "o")
        await screen.until("state:all  worst", "1/6")
        await screen.press("slash", "end", *"bad:x sev:no", "enter")
        await screen.until("sev: must be one of")

    run(made, steps)


def test_what_comes_shows_and_the_row_that_was_chosen_stays_so() -> None:
    made = desk()

    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("down", "down")
        await screen.until("3/6")
        made.put(msgspec.structs.replace(incident(99), opened_ms=NOW_MS - MIN_MS))
        await screen.until("orders-db-99", "4/7")
        made.change("inc-00001", severity="LOW", title="it is less bad")
        await screen.until("it is less bad")
        made.change("inc-00000", state="resolved", resolved_ms=NOW_MS)
        await screen.until("3/6", gone="latency of orders-db-0 ")

    run(made, steps)


def test_help_says_what_every_key_does() -> None:
    async def steps(screen: Shown) -> None:
        await screen.until("orders-db-5")
        await screen.press("question_mark")
        text = await screen.until("Act on the incident", "acknowledge, take that back")
        assert "orders-db" not in text
        await screen.press("escape")
        await screen.until("orders-db-5")

    run(desk(), steps)
