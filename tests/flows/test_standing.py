"""What the statistics of a service sum up to."""

from pathlib import Path

import msgspec
import pytest

from connectors.feedback_store import FeedbackStore, Verdict, Word
from connectors.incident_store import IncidentStore
from connectors.standing_store import StandingStore
from flows.standing import DetectorFigures, statistics_of
from schema import Closed, DetectorStanding, DriftStanding, Standing
from tests.connectors.made_transitions import INCIDENT, MEMBER, OPENED

HERE = Standing(
    "aws.rds",
    "v1",
    8,
    2,
    90_000,
    100,
    3,
    (("1", 90), ("more", 10)),
    (DetectorStanding("temporal", 50, 60.0, 1, (("1", 49), ("more", 1))),),
)


FOUND_BY = {"a": ("temporal",), "b": ("temporal", "discord"), "c": ("rules",)}


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    incidents = IncidentStore(url, create=True)
    for name in ("a", "b", "c"):
        member = msgspec.structs.replace(MEMBER, detectors=FOUND_BY[name])
        incident = msgspec.structs.replace(INCIDENT, id=name, members=(member,))
        incidents.record([msgspec.structs.replace(OPENED, incident=incident)])
    incidents.close()
    return url


def say(store: str, **verdicts: Verdict) -> None:
    words = FeedbackStore(store)
    for incident, verdict in verdicts.items():
        words.say(Word(incident, verdict, "ann", "", 0))
    words.close()


def test_groups_are_summed_and_the_last_word_on_an_incident_counts(store: str) -> None:
    other = msgspec.structs.replace(
        HERE, version="v2", warming=0, warm_ms=0, scored=300, anomalous=1,
        scores=(("1", 300), ("more", 0)), detectors=(DetectorStanding("temporal", 150, 20.0),),
    )  # fmt: skip
    standings = StandingStore(store)
    standings.keep(
        [Closed(0, 5, False, standings=(HERE,)), Closed(1, 7, False, standings=(other,))]
    )
    standings.close()
    say(store, a="false_positive", b="false_positive", c="real")
    say(store, b="real")
    (found,) = statistics_of(store)
    assert (found.service, found.until_ms, found.versions) == ("aws.rds", 7, ("v1", "v2"))
    assert (found.resources, found.warming, found.warm_ms) == (16, 2, 90_000)
    assert (found.scored, found.anomalous, found.anomaly_rate) == (400, 4, 0.01)
    assert found.scores == (("1", 390), ("more", 10))
    assert found.detectors == (
        DetectorFigures("temporal", 200, 0.4, 1, (("1", 49), ("more", 1)), 1, 1),
        DetectorFigures("discord", real=1),
        DetectorFigures("rules", real=1),
    )
    assert [each.precision for each in found.detectors] == [0.5, 1.0, 1.0]
    assert [each.anomaly_rate for each in found.detectors] == [0.02, None, None]
    assert (found.real, found.false_positive) == (2, 1)
    assert found.precision == pytest.approx(2 / 3)


def test_a_service_without_rows_or_words_has_no_rates(store: str) -> None:
    assert statistics_of(store) == []
    say(store, a="real", gone="real")  # of the other no incident is known
    (found,) = statistics_of(store, "aws.rds")
    assert (found.anomaly_rate, found.precision, found.resources) == (None, 1.0, 0)
    assert statistics_of(store, "aws.ec2") == []


def test_a_service_of_which_drift_alone_is_known_is_one(store: str) -> None:
    now = DriftStanding("aws.elb", 7, "suspected", 5, 3, 0.7, None, 0, None)
    standings = StandingStore(store)
    standings.keep_drifts([now])
    standings.close()
    (found,) = statistics_of(store)
    assert (found.service, found.drift) == ("aws.elb", now)
    assert statistics_of(store, "aws.ec2") == []


def test_a_store_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such incident store"):
        statistics_of(f"sqlite:///{tmp_path / 'none.db'}")
