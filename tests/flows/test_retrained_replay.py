"""A replay that retrains waits for the model, which then serves from the time that was agreed."""

from pathlib import Path

import msgspec
import pytest

from config.app import App
from connectors.control_log import FileControlLog, Record
from connectors.control_source import ControlSettings
from connectors.files import FileSource
from connectors.incident_wire import outcome_digest
from connectors.model_registry import Registry
from flows.backtest import Plan, run
from flows.outcome import Outcome
from flows.replay import replay
from operators.drift import Counts, Drifts, DriftSettings
from schema import Drift, Promotion
from tests.operators.small_estate import DETECT, INGEST, START_MS, TRIAGE, estate

MINUTE_MS = 60_000
SETTINGS = DriftSettings(accept_after_s=300.0, retrain_s=3_600.0)
FOUND_MS = START_MS + 260 * MINUTE_MS


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """Return settings over the small estate, in which a drift is found at `FOUND_MS`."""

    def judge(self: Drifts, service: str, start_ms: int, counts: Counts) -> Drift | None:
        now_ms = start_ms + 300_000
        if service != "aws.ec2" or now_ms != FOUND_MS:
            return None
        return self._drift(service, start_ms, now_ms, counts)

    monkeypatch.setattr(Drifts, "_judge", judge)
    for i, part in enumerate(estate()):
        (tmp_path / f"{i}.jsonl").write_bytes(b"\n".join(part) + b"\n")
    files = FileSource((f"{tmp_path}/?.jsonl",), format="foreshock-json", chunk_payloads=70)
    return App(
        sources=(files,),
        sinks=(),
        ingest=INGEST,
        detect=DETECT,
        drift=SETTINGS,
        triage=TRIAGE,
        control=ControlSettings(poll_s=0.01, wait_s=60.0),
    )


def retrained(app: App, folder: Path) -> tuple[Outcome, list[Record], Registry]:
    log = folder / "control.jsonl"
    app = msgspec.structs.replace(app, control_log=str(log), models=str(folder / "models"))
    folder.mkdir()
    outcome = replay(app, retrain=True)
    return outcome, FileControlLog(log).read(), Registry(folder / "models")


def test_a_model_serves_from_the_time_that_was_agreed_whenever_it_runs(
    app: App, tmp_path: Path
) -> None:
    outcome, records, registry = retrained(app, tmp_path / "one")
    asked, answer = records
    assert isinstance(asked, Drift)
    assert asked.effective_ms == FOUND_MS + 300_000
    assert isinstance(answer, Promotion)
    assert answer.effective_ms == asked.retrain_by_ms == FOUND_MS + 3_600_000
    assert answer.version == registry.active_version("aws.ec2") != ""
    again, same_records, _ = retrained(app, tmp_path / "two")
    assert same_records == records
    assert outcome_digest(again.transitions) == outcome_digest(outcome.transitions)


def test_without_retraining_nobody_waits_and_nothing_is_answered(app: App, tmp_path: Path) -> None:
    log = tmp_path / "control.jsonl"
    replay(msgspec.structs.replace(app, control_log=str(log)))
    (asked,) = FileControlLog(log).read()
    assert isinstance(asked, Drift)


def test_a_backtest_that_retrains_leaves_the_registry_as_it_was(app: App, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    plan = Plan(msgspec.structs.replace(app, models=str(mine)), retrain=True)
    summary = run(plan, folder=tmp_path / "run")
    assert [drift.service for drift in summary.drift_events] == ["aws.ec2"]
    (entry,) = Registry(tmp_path / "run" / "models").list()
    assert (entry.service, entry.effective_from_ms) == ("aws.ec2", FOUND_MS + 3_600_000)
    assert list(mine.iterdir()) == []
    with pytest.raises(ValueError, match="retrain differ"):
        run(msgspec.structs.replace(plan, retrain=False), folder=tmp_path / "run")


def test_retraining_needs_a_registry(app: App) -> None:
    with pytest.raises(ValueError, match="models must name the registry's folder to retrain"):
        replay(app, retrain=True)


def test_the_level_is_accepted_no_sooner_than_the_next_tick() -> None:
    assert SETTINGS.accept_after_ms(60) == 300_000
    assert SETTINGS.accept_after_ms(3_600) == 3_600_000
