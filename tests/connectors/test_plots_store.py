"""Evidence is kept with its incident, newest first come or last, and goes with it."""

from collections.abc import Iterable, Iterator

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from connectors.incident_store import IncidentStore
from connectors.outage import Patience
from connectors.plots_store import PlotsSink, PlotsSinkPart, PlotsStore
from connectors.store_retention import DAY_MS
from schema import Resource, Shown
from tests.connectors.made_evidence import AROUND, PLOT
from tests.connectors.made_transitions import INCIDENT, MEMBER, OPENED, OPENED_MS, later

replace = msgspec.structs.replace


@pytest.fixture
def store(store_url: str) -> Iterator[PlotsStore]:
    opened = PlotsStore(store_url, create=True)
    yield opened
    opened.close()


def test_what_was_kept_is_read_back_as_it_was(store: PlotsStore) -> None:
    store.keep([Shown("inc-1", PLOT), Shown("inc-1", AROUND)])
    assert store.plots_of(INCIDENT) == [PLOT]
    assert store.around("inc-1") == AROUND
    assert store.plots_of(replace(INCIDENT, id="inc-2")) == []
    assert store.around("inc-2") is None


def test_the_newest_word_stands_whatever_the_order(store: PlotsStore) -> None:
    newer = replace(PLOT, until_ms=OPENED_MS + 300_000, closed_ms=OPENED_MS + 240_000)
    store.keep([Shown("inc-1", newer), Shown("inc-1", PLOT)])
    assert store.plots_of(INCIDENT) == [newer]
    store.keep([Shown("inc-1", PLOT)])
    assert store.plots_of(INCIDENT) == [newer]
    store.keep([])


def test_plots_come_in_the_order_of_members_then_by_share(store: PlotsStore) -> None:
    second = replace(PLOT, metric="cpu.utilization", labels=(), share=0.1)
    other = replace(PLOT, resource="of no member")
    first = replace(MEMBER, resource=Resource("aws", "aws.ec2", "1", "eu-west-1", "i-1"))
    ahead = replace(PLOT, resource=first.resource.key, share=0.05)
    store.keep([Shown("inc-1", each) for each in (other, second, PLOT, ahead)])
    incident = replace(INCIDENT, members=(first, MEMBER))
    assert store.plots_of(incident) == [ahead, PLOT, second, other]


def test_what_was_merged_into_an_incident_brings_its_plots(store: PlotsStore) -> None:
    part = replace(PLOT, resource="part of it")
    store.keep([Shown("inc-1", PLOT), Shown("inc-0", part), Shown("inc-0", AROUND)])
    assert store.plots_of(replace(INCIDENT, merged=("inc-0",))) == [PLOT, part]


def test_evidence_goes_with_its_incident(store: PlotsStore, store_url: str) -> None:
    event = later("gone", 2)
    closed = replace(event, incident=replace(event.incident, state="closed", merged=("part",)))
    incidents = IncidentStore(store_url)
    incidents.record([OPENED, later("gone", 1), closed])
    store.keep([Shown(name, each) for name in ("inc-1", "gone", "part") for each in (PLOT, AROUND)])
    assert incidents.prune(OPENED_MS + DAY_MS) == 1
    incidents.close()
    assert [store.plots_of(replace(INCIDENT, id=name)) for name in ("gone", "part")] == [[], []]
    assert store.around("gone") is store.around("part") is None
    assert store.plots_of(INCIDENT) == [PLOT]


class AwayOnce(PlotsStore):
    """A store whose database is away the first time."""

    is_away = True

    def keep(self, said: Iterable[Shown]) -> None:
        """Fail once."""
        if self.is_away:
            self.is_away = False
            raise OperationalError("INSERT", {}, Exception("the database is away"))
        super().keep(said)


def test_what_comes_while_the_database_is_away_is_kept_when_it_is_back(store_url: str) -> None:
    waited: list[float] = []
    part = PlotsSinkPart(
        AwayOnce(store_url, create=True), Patience("store", 60.0, sleep=waited.append)
    )
    part.write_batch([Shown("inc-1", PLOT)])
    part.close()
    assert len(waited) == 1
    store = PlotsStore(store_url)
    assert store.plots_of(INCIDENT) == [PLOT]
    store.close()


def test_the_sink_makes_the_store_and_repeats_change_nothing(store_url: str) -> None:
    part = PlotsSink(store_url).build_part("evidence", "evidence", None)
    for _ in range(2):
        part.write_batch([Shown("inc-1", PLOT)])
    part.write_batch([])
    part.snapshot()
    part.close()
    store = PlotsStore(store_url)
    assert store.plots_of(INCIDENT) == [PLOT]
    store.close()
