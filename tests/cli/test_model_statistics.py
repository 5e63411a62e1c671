"""`foreshock models stats`, as its users see it."""

import json
from pathlib import Path

import pytest

import foreshock
from connectors.feedback_store import FeedbackStore, Word
from connectors.incident_store import IncidentStore
from connectors.standing_store import StandingStore
from schema import Closed, DetectorStanding, Drift, DriftStanding, Standing
from tests.connectors.made_transitions import OPENED, OPENED_MS

STORE = "sqlite:///.foreshock/incidents.db"
SCORES = (("1", 990), ("more", 10))
EC2 = Standing(
    "aws.ec2",
    "v1",
    8,
    2,
    OPENED_MS,
    1_000,
    3,
    SCORES,
    (DetectorStanding("temporal", 50, 60.0, 1, SCORES),),
)

QUARTER_MS = 900_000
SPAN = (OPENED_MS - 3 * QUARTER_MS, OPENED_MS - QUARTER_MS, OPENED_MS, OPENED_MS + QUARTER_MS)
LAST = Drift("drift-1", "aws.ec2", *SPAN, 9, 0.9)
DRIFT = DriftStanding(
    "aws.ec2", OPENED_MS, "accepted", OPENED_MS, 12, 0.2, OPENED_MS - 2 * QUARTER_MS, 1, LAST
)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    incidents = IncidentStore(STORE, create=True)
    incidents.record([OPENED])
    incidents.close()


def keep() -> None:
    standings = StandingStore(STORE)
    standings.keep([Closed(0, OPENED_MS, False, standings=(EC2,))])
    standings.keep_drifts([DRIFT])
    standings.close()
    words = FeedbackStore(STORE)
    words.say(Word("inc-1", "real", "ann", "", 0))
    words.close()


def test_a_store_without_statistics_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert foreshock.main(["models", "stats"]) == 0
    assert foreshock.main(["models", "stats", "aws.ec2"]) == 0
    assert capsys.readouterr().out == "no statistics\nno statistics of aws.ec2\n"


def test_each_service_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    keep()
    assert foreshock.main(["models", "stats"]) == 0
    header, ec2, rds = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header[:4] == ["service", "resources", "warm-up", "rows"]
    assert " ".join(ec2) == (
        "aws.ec2 8 2 left, until about 2026-03-01 10:00 1,000 0.300% 0 0 - "
        "new level accepted at 2026-03-01 10:00 v1 2026-03-01 10:00"
    )
    assert " ".join(rds) == "aws.rds 0 - 0 - 1 0 1.00 - fitted as data comes -"


def test_of_one_service_scores_and_detectors_are_shown_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep()
    assert foreshock.main(["models", "stats", "aws.ec2"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "score rows fused temporal" in lines
    assert "up to 1 990 99.000% 99.000%" in lines
    assert "more 10 1.000% 1.000%" in lines
    assert "temporal 50 1.200 0.100% 0 0 -" in lines
    at = lines.index(
        "drift new level accepted at 2026-03-01 10:00; 20.0% of its resources odd to the batch "
        "forest, mean of ADWIN's window of 12"
    )
    assert lines[at + 1 : at + 3] == [
        "that share rose at 2026-03-01 09:30",
        "1 drift, the last found at 2026-03-01 09:45: 9 resources (90%) since 2026-03-01 09:15, "
        "new level accepted at 2026-03-01 10:00",
    ]


def test_as_json_each_is_an_object_with_its_rates(capsys: pytest.CaptureFixture[str]) -> None:
    keep()
    assert foreshock.main(["models", "stats", "--json"]) == 0
    ec2, rds = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (ec2["service"], ec2["anomaly_rate"], ec2["precision"]) == ("aws.ec2", 0.003, None)
    assert (rds["service"], rds["anomaly_rate"], rds["precision"]) == ("aws.rds", None, 1.0)
    assert (ec2["drift"]["state"], ec2["drift"]["last"]["id"]) == ("accepted", "drift-1")
    assert rds["drift"] is None
    (temporal,) = ec2["detectors"]
    assert (temporal["anomaly_rate"], temporal["precision"]) == (0.001, None)
