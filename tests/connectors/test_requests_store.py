"""What people ask for is seen at once, and what came of it when the flow has answered."""

from collections.abc import Iterator

import msgspec
import pytest

from connectors.incident_store import IncidentStore
from connectors.requests_store import Request, RequestsStore
from schema import Act
from tests.connectors.made_transitions import OPENED, later

ACK = Act("r1", "inc-1", "ack", 60_000, "kim", "mine")
NOTE = Act("r2", "inc-1", "note", 60_000, "kim", "a zero \x00 from outside")
replace = msgspec.structs.replace


@pytest.fixture
def store(store_url: str) -> Iterator[IncidentStore]:
    opened = IncidentStore(store_url, create=True)
    yield opened
    opened.close()


@pytest.fixture
def kept(store: IncidentStore, store_url: str) -> Iterator[RequestsStore]:
    opened = RequestsStore(store_url)
    yield opened
    opened.close()


def test_what_is_asked_shows_at_once_as_requested(kept: RequestsStore) -> None:
    kept.ask(NOTE, 8)
    kept.ask(ACK, 7)
    kept.ask(replace(ACK, reason="again"), 9)
    assert kept.requests_of("inc-1") == [Request(ACK, 7), Request(NOTE, 8)]
    assert kept.request("r2") == Request(NOTE, 8)
    assert kept.request("r3") is None
    assert kept.requests_of("inc-2") == []


def test_the_event_that_names_a_request_says_what_came_of_it(
    kept: RequestsStore, store: IncidentStore
) -> None:
    kept.ask(ACK, 7)
    kept.ask(NOTE, 8)
    done = replace(later("inc-1", 2), event="acknowledged", reason="mine", request="r1")
    refused = replace(later("inc-1", 3), event="refused", reason="it is closed", request="r2")
    store.record([OPENED, done, refused, replace(later("inc-2", 1), request="r1")])
    assert kept.requests_of("inc-1") == [
        Request(ACK, 7, "applied", "mine", done.ts_ms),
        Request(NOTE, 8, "refused", "it is closed", refused.ts_ms),
    ]
