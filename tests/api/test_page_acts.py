"""What people do on the page, by mouse and by keyboard, and what others see of it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Open, Served, now_ms
from tests.api.made_desk import MadeDesk

pytestmark = pytest.mark.integration


@pytest.fixture
def own(serve: Callable[[MadeDesk], Served]) -> Served:
    """Incidents that nobody else acts on."""
    return serve(MadeDesk(now=now_ms(), count=12))


def status(page: Page, words: str) -> None:
    expect(page.locator(".asked-now")).to_contain_text(words)


def test_an_acknowledgement_shows_as_requested_then_applied_in_two_browsers(
    opened: Open, own: Served
) -> None:
    mine, other = opened(own.url).go("incident"), opened(own.url).go("incident")
    listed = opened(own.url).go("incidents")
    mine.click("[data-act=ack]")
    status(mine, "Acknowledge: requested")
    status(other, "Acknowledge: requested")
    for page in (mine, other):
        expect(page.locator(".under .state")).to_have_text("Acknowledged", timeout=2_000)
        status(page, "Acknowledge: applied")
    expect(listed.locator("[data-id=inc-000000000000] .state")).to_have_text("Acknowledged")
    expect(mine.locator("[data-act=ack]")).to_have_count(0)


def test_what_nobody_obeys_stays_requested(opened: Open, own: Served) -> None:
    own.desk.answers = False
    page = opened(own.url).go("incident")
    page.click("[data-act=resolve]")
    page.fill("[name=note]", "the pool is back")
    page.click("dialog [type=submit]")
    status(page, "Resolve: requested")
    expect(page.locator(".under .state")).to_have_text("Open")
    assert [each.reason for each in own.desk.requests_.values()] == ["the pool is back"]


def test_a_false_positive_a_note_and_an_assignee_reach_the_flow(opened: Open, own: Served) -> None:
    page = opened(own.url).go("incident")
    page.click("[data-act=false_positive]")
    page.fill("[name=note]", "nightly backup")
    page.click("dialog [type=submit]")
    expect(page.locator(".under")).to_contain_text("False positive")
    page.click("[data-act=assign]")
    page.fill("[name=assignee]", "network")
    page.click("dialog [type=submit]")
    expect(page.locator(".under")).to_contain_text("assigned to network")
    asked = [(each.action, each.reason) for each in own.desk.requests_.values()]
    assert asked == [("false_positive", "nightly backup"), ("assign", "")]


def test_a_silence_is_made_from_an_incident_and_ended(opened: Open, own: Served) -> None:
    page = opened(own.url).go("incident")
    page.click("[data-act=silence]")
    page.fill("[name=reason]", "index rebuild")
    page.select_option("[name=for]", "60")
    page.click("dialog [type=submit]")
    expect(page.locator("dialog")).to_have_count(0)
    made = list(own.desk.silences_.values())[-1]
    assert made.reason == "index rebuild"
    assert 'service="aws.ec2"' in made.matchers
    assert made.ends_ms - made.starts_ms == 3_600_000
    page.goto(f"{own.url}#/silences")
    page.click(f"[data-id={made.id}] [data-act=expire]")
    page.click("dialog [type=submit]")
    expect(page.get_by_role("region", name="Over").locator(f"[data-id={made.id}]")).to_be_visible()


def test_a_maintenance_recurs_every_week(opened: Open, own: Served) -> None:
    page = opened(own.url).go("silences")
    page.get_by_role("button", name="Plan a maintenance").click()
    page.fill("[name=value]", "aws.rds")
    page.check("[name=recurs]")
    for day in ("mon", "tue", "wed", "thu", "fri", "sat"):
        page.uncheck(f"[name=day][value={day}]")
    page.fill("[name=reason]", "upgrade")
    page.click("dialog [type=submit]")
    expect(page.get_by_text("upgrade")).to_be_visible()
    made = list(own.desk.silences_.values())[-1]
    assert (made.purpose, made.matchers, made.recurs) == (
        "maintenance",
        ('service="aws.rds"',),
        "every sun",
    )


def test_a_model_is_promoted_and_rolled_back_after_a_question(opened: Open, own: Served) -> None:
    page = opened(own.url).go("models")
    service = page.locator("[data-service='aws.rds']")
    service.locator("summary").click()
    service.get_by_role("button", name="Promote aws.rds-20261107-4f2a9c").click()
    page.keyboard.press("Escape")
    assert own.desk.models_["aws.rds"].in_use == ("aws.rds-20261103-4f2a9c",)
    service.get_by_role("button", name="Promote aws.rds-20261107-4f2a9c").click()
    page.click("dialog [type=submit]")
    expect(service.locator("summary")).to_contain_text("aws.rds-20261107-4f2a9c")
    service.get_by_role("button", name="Roll back").click()
    page.click("dialog [type=submit]")
    expect(service.locator("summary")).to_contain_text("aws.rds-20261101-4f2a9c")


def focus_is_on(page: Page, selector: str) -> None:
    """Wait for it; by the document, since the browser's own focus may be with another page."""
    page.wait_for_function("it => document.activeElement.matches(it)", arg=selector)


def test_the_keyboard_alone_is_enough(opened: Open, own: Served) -> None:
    seen = opened(own.url)
    page = seen.go("overview")
    page.keyboard.press("Tab")
    focus_is_on(page, ".skip")
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page.locator("h1")).to_have_text("Incidents")
    expect(page.locator(".listed li").first).to_be_visible()
    first, second = (f"li [data-id=inc-{number:012}]" for number in range(2))
    for key, row in (("j", first), ("j", second), ("k", first)):
        page.keyboard.press(key)
        focus_is_on(page, row)
    page.keyboard.press("a")
    expect(page.locator("[data-id=inc-000000000000] .state")).to_have_text("Acknowledged")
    focus_is_on(page, first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("inc-000000000000$"))
    expect(page.locator("[data-act=resolve]")).to_be_visible()
    page.keyboard.press("f")
    focus_is_on(page, "dialog [name=note]")
    page.keyboard.type("known")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".under")).to_contain_text("False positive")
    page.keyboard.press("r")
    focus_is_on(page, "dialog [name=note]")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("s")
    expect(page.locator("dialog")).to_contain_text("Silence")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("u")
    expect(page.locator("ul.rows li").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("limit")
    expect(page).to_have_url(re.compile("q=limit"))
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()


def test_the_store_gone_and_back_is_said_and_mended_by_itself(opened: Open, own: Served) -> None:
    seen = opened(own.url)
    page = seen.go("queue")
    own.desk.away = True
    expect(page.get_by_role("alert").first).to_contain_text("it is locked away")
    expect(page.locator("ul.rows li").first).to_be_visible()  # what was known stays
    own.desk.away = False
    expect(page.locator(".banner")).to_be_hidden()
    seen.complaints = [each for each in seen.complaints if "503" not in each]
