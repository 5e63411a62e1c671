"""The review by the API: what was found, and what comes next, as the report says it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from connectors.incident_store import IncidentStore
from connectors.review_store import ReviewStore
from flows import desk_review
from flows.desk import Desk
from flows.review_facts import gather
from flows.review_service import steps_of_store
from operators.deadlines import SlaSettings
from schema import Transition
from schema.review_view import ReviewView
from tests.api.made_review import DAY_MS, made_record
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import OPENED, OPENED_MS, resolved

DAYS = 60
NOW_MS = OPENED_MS + 3_600_000
WEEK_MS = 7 * DAY_MS


def shifted(event: Transition, name: str, days: int) -> Transition:
    """Return it as it was some days before."""
    incident = event.incident
    ended_ms = incident.resolved_ms
    by_ms = days * DAY_MS
    return msgspec.structs.replace(
        event,
        ts_ms=event.ts_ms - by_ms,
        incident=msgspec.structs.replace(
            incident,
            id=name,
            opened_ms=incident.opened_ms - by_ms,
            onset_ms=incident.onset_ms - by_ms,
            updated_ms=incident.updated_ms - by_ms,
            resolved_ms=None if ended_ms is None else ended_ms - by_ms,
        ),
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with an incident a day, and a record."""
    url = url_of(tmp_path_factory.mktemp("reviewed"))
    store = IncidentStore(url, create=True)
    for day in reversed(range(DAYS)):
        name = f"inc-{day}"
        store.record([shifted(OPENED, name, day), shifted(resolved(name, 2), name, day)])
    store.close()
    reviews = ReviewStore(url)
    reviews.keep([made_record(0, NOW_MS - DAY_MS, "aws.rds")])
    reviews.close()
    return url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with serving(Desk(url, clock=lambda: datetime.fromtimestamp(NOW_MS / 1000, UTC))) as client:
        yield client


def seen(client: httpx.Client, **asked: int) -> ReviewView:
    answer = client.get("/api/v1/review", params=asked)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=ReviewView)


def test_it_says_of_a_week_what_the_report_says(client: httpx.Client, url: str) -> None:
    view = seen(client)
    facts = gather(url, NOW_MS - WEEK_MS, NOW_MS, SlaSettings().targets)
    assert view.summary == facts.summary
    assert view.outlook == facts.outlook
    assert [each.id for each in view.records] == [each.id for each in facts.records]
    assert view.records[0].severity == facts.records[0].severity.name == "CRITICAL"
    assert [each.days for each in view.outlook.forecasts] == [1, 7]
    assert view.outlook.recurring[0].incidents == 28
    assert view.outlook.noisy_resources[0].untouched == 28


def test_a_span_is_of_days_or_of_times(client: httpx.Client) -> None:
    month = seen(client, days=28).summary
    assert (month.from_ms, month.to_ms) == (NOW_MS - 28 * DAY_MS, NOW_MS)
    past = seen(client, from_ms=NOW_MS - 40 * DAY_MS, to_ms=NOW_MS - 30 * DAY_MS)
    assert past.records == ()
    assert past.outlook.recurring[0].last == "inc-30"
    assert sum(each.incidents for each in past.outlook.responses) == 10


@pytest.mark.parametrize("asked", [{"from_ms": 2, "to_ms": 2}, {"days": 0}, {"days": 161}])
def test_a_span_that_is_none_is_refused(client: httpx.Client, asked: dict[str, int]) -> None:
    assert client.get("/api/v1/review", params=asked).status_code in (400, 422)


def test_a_far_future_costs_nothing_and_is_not_looked_into(client: httpx.Client) -> None:
    assert seen(client, from_ms=0, to_ms=2**53).outlook.forecasts == seen(client).outlook.forecasts


def test_it_reads_so_many_incidents_at_most(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_review, "MAX_INCIDENTS", 5)
    desk = Desk(url, clock=lambda: datetime.fromtimestamp(NOW_MS / 1000, UTC))
    assert sum(each.incidents for each in desk.review(days=28).outlook.responses) == 5
    desk.close()


def test_an_outlook_is_kept_while_records_are_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(tmp_path)
    store = IncidentStore(url, create=True)
    store.record([OPENED])
    desk = Desk(url, clock=lambda: datetime.fromtimestamp(NOW_MS / 1000, UTC))
    before = desk.review()
    store.record([shifted(OPENED, "inc-other", 0)])
    reviews = ReviewStore(url)
    reviews.keep([made_record(0, NOW_MS - DAY_MS, "aws.rds")])
    after = desk.review()
    assert (len(before.records), len(after.records)) == (0, 1)
    assert after.outlook == before.outlook
    monkeypatch.setattr(desk_review, "KEPT_S", -1.0)
    desk.review(days=2)
    assert desk.review(days=2).outlook.responses[0].incidents == 2
    for each in (store, reviews, desk):
        each.close()


def test_steps_of_a_span_are_those_of_the_whole_log(url: str) -> None:
    reviews = ReviewStore(url)
    from_ms = NOW_MS - 10 * DAY_MS
    whole = steps_of_store(url)
    assert reviews.steps(0, NOW_MS) == whole
    assert reviews.steps(from_ms, NOW_MS) == [each for each in whole if each.ts_ms >= from_ms]
    assert {each.incident for each in reviews.steps(0, NOW_MS, 2)} == {"inc-0", "inc-1"}
    reviews.close()
