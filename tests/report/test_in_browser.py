"""The report in a real browser: it draws, filters, sorts, obeys keys, and asks for nothing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from report.page import HTML, JSON, write_report
from tests.browser.chromium import DESK, PHONE, Opened
from tests.report.made_run import HOSTILE, LONG, RESOURCES, facts_of_both, labels_of, made_run

pytestmark = pytest.mark.integration
Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    run = made_run(folder / "spool", 12, names=(HOSTILE, LONG))
    write_report(folder, run.facts(labels_of(run)))
    return folder / "report.html"


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    pages: list[Opened] = []

    def opener(file: Path, size: tuple[int, int] = DESK, **how: object) -> Opened:
        pages.append(Opened(browser, file, size, **how))  # type: ignore[arg-type]
        return pages[-1]

    yield opener
    for each in pages:
        each.close()
        assert each.requests == []
        assert each.complaints == []


def rows(seen: Opened) -> list[str]:
    found: list[str] = seen.page.eval_on_selector_all(
        "details.inc:not([hidden])", "all => all.map(each => each.id)"
    )
    return found


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_every_incident_is_drawn_and_nothing_is_wider_than_the_screen(
    opened: Open, report: Path, size: tuple[int, int], dark: bool
) -> None:
    seen = opened(report, size, dark=dark)
    seen.page.eval_on_selector_all("details.inc", "all => all.forEach(each => each.open = true)")
    drawn = seen.page.locator("figure svg .p-value")
    expect(drawn).to_have_count(seen.page.locator("figure").count())
    assert seen.page.locator("figure").count() >= 24
    assert seen.page.locator("figure .p-band").count() >= 24
    assert seen.page.locator("figure .p-odd").count() > 100
    wide = seen.page.evaluate("document.documentElement.scrollWidth")
    assert wide == size[0]
    ink, ground = seen.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert brightness(ink) > brightness(ground) if dark else brightness(ink) < brightness(ground)


def brightness(colour: str) -> int:
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


def test_incidents_are_filtered_by_words_severity_and_judgement(opened: Open, report: Path) -> None:
    seen = opened(report)
    assert len(rows(seen)) == 12
    seen.page.fill("#find", "db-05 latency")
    assert len(rows(seen)) == 1
    seen.page.fill("#find", "nobody has this")
    assert seen.page.locator("#none").is_visible()
    seen.page.keyboard.press("Escape")
    seen.page.select_option("#judged", "false")
    assert (len(rows(seen)), seen.page.inner_text("#shown")) == (6, "6 of 12 incidents")
    seen.page.select_option("#judged", "")
    seen.page.uncheck("input[name=severity][value='4']", force=True)
    assert len(rows(seen)) == 9


def test_incidents_are_sorted(opened: Open, report: Path) -> None:
    seen = opened(report)
    oldest = rows(seen)
    seen.page.select_option("#sort", "newest")
    assert rows(seen) == oldest[::-1]
    seen.page.select_option("#sort", "severity")
    severities = seen.page.eval_on_selector_all(
        "details.inc", "all => all.map(each => Number(each.dataset.severity))"
    )
    assert severities == sorted(severities, reverse=True)


def test_a_permalink_opens_its_incident_and_keys_go_on_from_there(
    opened: Open, report: Path
) -> None:
    some = rows(opened(report))
    seen = opened(report, fragment=f"#{some[8]}")
    first = seen.page.locator(f"[id='{some[8]}']")
    assert first.get_attribute("open") is not None
    assert first.locator("figure .p-value").count() == 2
    seen.page.keyboard.press("j")
    seen.page.keyboard.press("o")
    expect(seen.page).to_have_url(re.compile(f"#{some[9]}$"))
    seen.page.keyboard.press("k")
    seen.page.keyboard.press("o")
    assert first.get_attribute("open") is None
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("db-1")
    assert set(rows(seen)) == {some[10], some[11]}


def test_a_point_of_a_plot_says_its_time_value_and_band(opened: Open, report: Path) -> None:
    seen = opened(report)
    seen.page.locator("details.inc > summary").nth(2).click()
    plot = seen.page.locator("details.inc[open] figure svg").first
    plot.hover()
    assert "expected" in seen.page.inner_text("details.inc[open] figure output >> nth=0")


@pytest.mark.parametrize("count", [0, 1])
def test_few_incidents_are_a_page_too(opened: Open, tmp_path: Path, count: int) -> None:
    write_report(tmp_path, made_run(tmp_path / "spool", count).facts())
    seen = opened(tmp_path / "report.html")
    assert len(rows(seen)) == count
    assert seen.page.get_by_text("No incident was raised").count() == 1 - count


def test_five_hundred_incidents_and_a_hundred_gained_are_a_page_too(
    opened: Open, tmp_path: Path
) -> None:
    others = tuple(f"other-{i}" for i in range(RESOURCES))
    one = made_run(tmp_path / "one", 500, days=2.0, names=(LONG,))
    two = made_run(tmp_path / "two", 100, days=2.0, names=others)
    write_report(tmp_path, facts_of_both(one, two))
    assert {(tmp_path / name).stat().st_size // 10_000_000 for name in (HTML, JSON)} == {0}
    seen = opened(tmp_path / HTML)
    assert len(rows(seen)) == 600
    seen.page.locator("#comparison a[href^='#after-']").nth(80).click()
    drawn = seen.page.locator("#gained details.inc[open] figure .p-value")
    expect(drawn).to_have_count(2)
    assert seen.page.evaluate("document.documentElement.scrollWidth") == DESK[0]
