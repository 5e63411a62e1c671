"""The page over the real thing: a store, tokens, a flow that runs and obeys."""

import multiprocessing
import re
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from config.serve import ServeSettings
from connectors.control_log import FileControlLog
from connectors.incident_store import IncidentStore
from connectors.token_store import TokenStore
from flows.desk import Desk
from flows.launch import run as launch
from schema import Promotion
from tests.api.answered import listening
from tests.api.conftest import Open, now_ms
from tests.api.opened_page import OpenedPage
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import OPENED
from tests.flows.commanded_flow import LOG, commanded_flow
from tests.flows.test_answered_flow import WHILE_FULL
from tests.flows.test_control import DEADLINE_S, stands_at

pytestmark = pytest.mark.integration


def flow(folder: Path) -> None:
    """Run the small estate's flow, which stands still until a model is promoted."""
    store = url_of(folder)
    launch(partial(commanded_flow, folder, (WHILE_FULL,), 100, None, DEADLINE_S, store=store))


def test_an_acknowledgement_reaches_a_running_flow_and_a_second_browser(
    opened: Open, tmp_path: Path
) -> None:
    IncidentStore(url_of(tmp_path), create=True).close()
    child = multiprocessing.get_context("spawn").Process(target=flow, args=(tmp_path,))
    child.start()
    try:
        stands, deadline = stands_at(tmp_path), time.monotonic() + DEADLINE_S
        while not stands(WHILE_FULL):
            assert child.is_alive()
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
        with serving(Desk(None, listening(tmp_path))) as client:
            url = str(client.base_url)
            mine, other = opened(url), opened(url)
            page = mine.go("incidents")
            page.select_option("[name=state]", "open")
            page.locator("a.incident.open").first.click()
            expect(page.locator("[data-act=ack]")).to_be_enabled()
            found = page.url.rpartition("/")[2]
            beside = other.go(f"#/incidents/{found}")
            expect(beside.locator("[data-act=ack]")).to_be_enabled()
            page.click("[data-act=ack]")
            for each in (page, beside):
                expect(each.locator(".asked-now")).to_contain_text("Acknowledge: requested")
            promoted = (WHILE_FULL.service, "v2", WHILE_FULL.retrain_by_ms, WHILE_FULL.id)
            FileControlLog(tmp_path / LOG).append(Promotion(*promoted))  # the flow goes on
            acknowledged = re.compile("Acknowledged *by [a-z]")
            for each in (page, beside):
                expect(each.locator(".audit")).to_contain_text(acknowledged, timeout=30_000)
            for seen in (mine, other):
                seen.close()
    finally:
        child.join(DEADLINE_S)
        child.kill()
    assert child.exitcode == 0


def test_a_token_lets_in_as_what_it_is_for_and_no_other_does(
    browser: Browser, tmp_path: Path
) -> None:
    store = IncidentStore(url_of(tmp_path), create=True)
    store.record([OPENED])
    store.close()
    tokens = TokenStore(url_of(tmp_path))
    token = tokens.add("vera", "viewer", now_ms(), None)
    desk = Desk(url_of(tmp_path), control=tmp_path / "control.jsonl")
    with serving(desk, ServeSettings(port=0, auth="token", rate_requests=100_000)) as client:
        seen = OpenedPage(browser, str(client.base_url))
        page = seen.page
        page.goto(seen.url)
        page.fill("[name=token]", "fs_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert").last).to_contain_text("not known here")
        page.fill("[name=token]", token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("h1")).to_have_text("Overview")
        expect(page.get_by_text("vera · viewer")).to_be_visible()
        page.locator("a.incident").first.click()
        expect(page.locator("[data-act=ack]")).to_be_disabled()
        expect(page.get_by_text("You are a viewer: you may look.")).to_be_visible()
        page.reload()
        expect(page.locator("[data-act=ack]")).to_be_disabled()
        (made,) = tokens.all()
        tokens.revoke(made.id, now_ms())
        page.goto(f"{seen.url}#/queue")
        expect(page.locator("[name=token]")).to_be_visible()
        assert seen.strangers == []
        assert not [each for each in seen.complaints if "401" not in each]
        seen.close()
    tokens.close()
