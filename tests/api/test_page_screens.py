"""Every screen in a real browser: what it shows, that it fits, that everybody can use it."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.api.conftest import Open, Served, now_ms
from tests.api.made_desk import MadeDesk
from tests.api.made_incidents import HOSTILE
from tests.api.opened_page import SCREENS
from tests.browser.chromium import DESK, PHONE

pytestmark = pytest.mark.integration
DRAWN = {"exclude": [["svg > *"]]}  # thousands of shapes behind one name


def faults(page: Page, *rules: str) -> list[str]:
    """Return what axe finds, by some rules or all."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = Axe().run(page, DRAWN, options).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def wide(page: Page) -> int:
    """Return how wide the page wants to be."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_screens_are_accessible_in_light_and_dark_and_fit_a_phone(opened: Open) -> None:
    seen = opened()
    found: dict[str, object] = {}
    for screen in SCREENS:
        page = seen.go(screen)
        if screen == "models":
            page.click("[data-service='aws.rds'] summary")
        expect(page.locator("h1")).to_have_count(1)
        found[screen] = faults(page)
        page.emulate_media(color_scheme="dark")
        found[f"{screen}, dark"] = faults(page, "color-contrast")  # nothing else is another
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        found[f"{screen}, too wide"] = [] if wide(page) == PHONE[0] else wide(page)
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_dialogs_and_a_phones_screens_are_accessible(opened: Open) -> None:
    page = opened(size=PHONE).go("incident")
    assert faults(page) == []
    for button in ("silence", "false_positive", "assign"):
        page.click(f"[data-act={button}]")
        expect(page.locator("dialog")).to_be_visible()
        assert faults(page) == []
        assert wide(page) == PHONE[0]
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("?")
    assert faults(page) == []


def test_names_from_producers_are_text(opened: Open) -> None:
    seen = opened()
    for screen in SCREENS:
        page = seen.go("#/incidents/inc-000000000001" if screen == "incident" else screen)
        if screen in ("incidents", "incident"):
            expect(page.get_by_text(HOSTILE).first).to_be_visible()
        assert page.locator("main img, main script, main iframe").count() == 0
        assert page.locator("[onerror], [onclick], [style*=url]").count() == 0


def test_without_an_incident_every_screen_says_so(
    opened: Open, serve: Callable[[MadeDesk], Served]
) -> None:
    seen = opened(serve(MadeDesk(now=now_ms(), count=0)).url)
    for screen in SCREENS:
        if screen == "incident":  # a 404 is in the browser's console
            continue
        page = seen.go(SCREENS[screen])
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".empty strong").first).to_be_visible()
        assert "undefined" not in page.inner_text("body")
        assert "NaN" not in page.inner_text("body")


def test_a_plot_zooms_and_reads_its_values_out(opened: Open) -> None:
    page = opened().go("incident")
    plot, said = page.locator(".plot").first, page.locator("figure output").first
    before = page.locator(".plot .p-value").first.get_attribute("d")
    plot.focus()
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("expected")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.locator(".plot .p-value").first.get_attribute("d") != before
    expect(page.get_by_role("button", name="Show all")).to_be_enabled()
    page.keyboard.press("0")
    assert page.locator(".plot .p-value").first.get_attribute("d") == before
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 60, steps=3)
    page.mouse.up()
    expect(page.get_by_role("button", name="Show all")).to_be_enabled()
    both = {each.get_attribute("d") for each in page.locator(".plot .p-odd").all()}
    assert len(both) <= 1  # circles have no path
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".plot .p-value").first.get_attribute("d") == before


def test_incidents_are_filtered_sorted_and_found_again_by_the_address(opened: Open) -> None:
    seen = opened()
    page = seen.go("incidents")
    rows = page.locator("ul.rows li")
    page.select_option("[name=severity]", "CRITICAL")
    expect(page).to_have_url(f"{seen.url}#/incidents?severity=CRITICAL")
    expect(page.locator("ul.rows .LOW, ul.rows .MEDIUM, ul.rows .HIGH")).to_have_count(0)
    page.fill("[name=q]", "latency")
    expect(page.locator("ul.rows .title").first).to_contain_text("Latency")
    page.fill("[name=q]", "nobody has this")
    expect(page.locator(".empty strong")).to_have_text("No incident is like that")
    page.get_by_role("button", name="Clear").first.click()
    expect(rows.first).to_be_visible()
    page.select_option("[name=state]", "going")
    page.select_option("[name=sort]", "-severity")
    expect(rows.first).to_contain_text("CRITICAL")
    page.reload()
    expect(rows.first).to_contain_text("CRITICAL")
    expect(page.locator("[name=state]")).to_have_value("going")


def test_ten_thousand_incidents_scroll_to_the_last(
    opened: Open, serve: Callable[[MadeDesk], Served]
) -> None:
    page = opened(serve(MadeDesk(now=now_ms(), count=10_000)).url).go("incidents")
    for _ in range(120):
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(30)
        if "more" not in page.inner_text(".head [role=status]"):
            break
    expect(page.locator(".head [role=status]")).to_have_text("10,000 incidents")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("[data-id=inc-00000000270f]")).to_be_visible()
    assert page.locator("ul.rows li").count() < 100


def test_times_are_local_or_utc_as_chosen(opened: Open) -> None:
    page = opened().go("notifications")
    local = page.locator("tbody time").first
    before, title = local.inner_text(), local.get_attribute("title") or ""
    assert "UTC+01:00" in title or "UTC+02:00" in title
    assert title.endswith("UTC")
    page.get_by_role("button", name="Times: local").click()
    expect(page.get_by_role("button", name="Times: UTC")).to_be_visible()
    page.wait_for_selector("tbody .quiet")
    assert page.locator("tbody time").first.inner_text() != before


def test_a_theme_is_kept(opened: Open) -> None:
    page = opened().go("silences")
    page.get_by_role("button", name="Theme: System").click()
    page.get_by_role("button", name="Theme: Light").click()
    page.reload()
    expect(page.get_by_role("button", name="Theme: Dark")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_the_review_is_of_so_many_days_and_leads_to_its_incidents(opened: Open) -> None:
    seen = opened()
    page = seen.go("overview")
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page.locator("h1")).to_have_text("Review")
    expect(page.locator(".figure-row > .CRITICAL")).to_have_text("2CRITICALbefore 1")
    expect(page.get_by_role("row", name="Next 7 days")).to_contain_text("43 to 72")
    with page.expect_response(lambda got: got.url.endswith("/review?days=28")):
        page.get_by_role("button", name="28 d").click()
    expect(page).to_have_url(f"{seen.url}#/review?days=28")
    page.get_by_role("link", name="inc-000000000001").first.click()
    expect(page).to_have_url(f"{seen.url}#/incidents/inc-000000000001")
