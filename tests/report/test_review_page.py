"""The review's report: whole, escaped, and drawn by a browser without asking for anything."""

import json
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser

from connectors.review_store import ReviewStore
from flows.review_facts import ReviewFacts, gather
from operators.deadlines import SlaSettings
from report.review_page import as_html, as_json, as_text, write_page
from schema import Severity
from tests.browser.chromium import DESK, PHONE, Opened
from tests.connectors.test_review_store import RECORD
from tests.operators.test_review import END_MS, EVENTS

HOSTILE = "<script>alert(1)</script>"
WEEK_MS = 7 * 86_400_000


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> ReviewFacts:
    url = f"sqlite:///{tmp_path_factory.mktemp('review') / 'r.db'}"
    store = ReviewStore(url, create=True)
    store.keep(
        [
            msgspec.structs.replace(
                RECORD, service=HOSTILE, description=f"{HOSTILE}: 9 incidents",
                severity=Severity.CRITICAL, window_start_ms=END_MS - WEEK_MS, window_end_ms=END_MS,
            )
        ]
    )  # fmt: skip
    store.close()
    return gather(url, END_MS - WEEK_MS, END_MS, SlaSettings().targets, EVENTS)


def test_the_page_says_what_there_is_and_escapes_it(facts: ReviewFacts) -> None:
    page = as_html(facts)
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    for words in ("What comes next", "Worsening", "Comes again", "Response", "9 incidents"):
        assert words in page
    assert page.count("<rect") == len(facts.days)


def test_programs_have_the_same(facts: ReviewFacts) -> None:
    found = json.loads(as_json(facts))
    assert found["schema"] == "foreshock.review/1"
    assert found["summary"]["now"]["critical"] == 1
    assert found["outlook"]["forecasts"][0]["days"] == 1
    assert found["incidents"] == facts.incidents


def test_mails_have_what_matters_most(facts: ReviewFacts) -> None:
    text = as_text(facts)
    assert "1 anomalies (0 before), 1 unresolved" in text
    assert "expected in the next day" in text
    assert f"- CRITICAL: {HOSTILE}" in text


@pytest.mark.integration
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_browser_draws_it_and_asks_for_nothing(
    browser: Browser, facts: ReviewFacts, tmp_path: Path, size: tuple[int, int]
) -> None:
    write_page(tmp_path / "week.html", facts)
    seen = Opened(browser, tmp_path / "week.html", size)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert seen.page.locator("svg.days rect.now").count() == 7
    seen.close()
    assert seen.requests == []
    assert seen.complaints == []
