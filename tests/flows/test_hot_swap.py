"""A model that is promoted while the flow runs is taken up at its tick, and nothing is lost."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from config.app import App
from connectors.control_log import FileControlLog
from connectors.files import FileSource
from connectors.incident_wire import outcome_digest
from connectors.model_registry import Registry
from flows.assemble import catalogue_of
from flows.outcome import Outcome
from flows.replay import replay as run
from flows.summary import Counts
from flows.trainer import Trainer
from schema import FeatureBatch, Promotion
from tests.flows.feature_rows import batch
from tests.operators.small_estate import (
    DETECT,
    INGEST,
    MINUTE_MS,
    START_MS,
    TRIAGE,
    estate,
)

SWAP_MS = START_MS + 200 * MINUTE_MS + 1  # before the faults of the second half
METRICS = ("cpu.utilization", "latency")

ALONE = replace(  # or the others' scores would hide what a forest says
    DETECT,
    detectors=("isolation_forest",),
    fusion=replace(DETECT.fusion, threshold=1.0, smooth_samples=1.0),
    alerts=replace(DETECT.alerts, least_effect=0.1),
)


def rows(seed: int, service: str, spread: float) -> FeatureBatch:
    return batch(seed, count=600, spread=spread, metrics=METRICS, service=service)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """Return a run over the estate, with an active model and a candidate of one service."""
    folder = tmp_path_factory.mktemp("swap")
    (folder / "in").mkdir()
    for i, part in enumerate(estate()):
        (folder / "in" / f"{i}.jsonl").write_bytes(b"\n".join(part) + b"\n")
    files = FileSource((str(folder / "in"),), format="foreshock-json", chunk_payloads=70)
    found = App(
        sources=(files,),
        sinks=(),
        ingest=INGEST,
        detect=ALONE,
        triage=TRIAGE,
        models=str(folder / "models"),
    )
    trainer = Trainer(found, catalogue_of(found))
    trainer.train([rows(1, "aws.ec2", 1.0)], lambda _: START_MS)
    trainer.train([rows(2, "aws.ec2", 2.0)], lambda _: None)
    return found


def copied(app: App, to: Path) -> App:
    """Return the run with a registry of its own, where the candidate is still one."""
    source = Path(str(app.models))
    for file in (path for path in source.rglob("*") if path.is_file()):
        target = to / "models" / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return replace(app, models=str(to / "models"), control_log=str(to / "control.jsonl"))


def candidate(app: App) -> str:
    return Registry(Path(str(app.models))).list()[-1].version


@pytest.fixture(scope="module")
def unswapped(app: App) -> Outcome:
    return run(app)


@pytest.fixture(scope="module")
def known(app: App, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Return the outcome where the registry says from when on the candidate serves."""
    own = copied(app, tmp_path_factory.mktemp("known"))
    Registry(Path(str(own.models))).promote(candidate(own), SWAP_MS)
    return run(own)


def counted(outcome: Outcome) -> Counts:
    """Return what went in, without what it cost."""
    return replace(outcome.counts, elapsed_s=0.0, cpu_s=0.0, peak_rss_bytes=0)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_promotion_from_the_control_log_comes_to_what_the_registry_would(
    app: App, unswapped: Outcome, known: Outcome, tmp_path: Path, workers: int
) -> None:
    own = copied(app, tmp_path)
    log = FileControlLog(tmp_path / "control.jsonl")
    log.append(Promotion("aws.ec2", candidate(own), SWAP_MS))
    swapped = run(own, workers=workers)
    assert outcome_digest(swapped.transitions) == outcome_digest(known.transitions)
    assert outcome_digest(swapped.transitions) != outcome_digest(unswapped.transitions)
    for other in (known, unswapped):
        assert counted(swapped) == counted(other)
        assert swapped.scored == other.scored
    same_until = [
        [said for said in outcome.transitions if said.ts_ms < SWAP_MS]
        for outcome in (swapped, unswapped)
    ]
    assert same_until[0] == same_until[1] != []


@pytest.mark.parametrize("harm", [b"", b"\x80\x04K\x01."])
def test_a_promotion_of_a_damaged_model_changes_nothing(
    app: App, unswapped: Outcome, tmp_path: Path, harm: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    own = copied(app, tmp_path)
    version = candidate(own)
    (tmp_path / "models" / version / "path.npy").write_bytes(harm)
    log = FileControlLog(tmp_path / "control.jsonl")
    log.append(Promotion("aws.ec2", version, SWAP_MS))
    log.append(Promotion("aws.ec2", "../../etc", SWAP_MS + MINUTE_MS))
    log.append(Promotion("aws.rds", version, SWAP_MS))  # another service's
    swapped = run(own)
    assert outcome_digest(swapped.transitions) == outcome_digest(unswapped.transitions)
    assert swapped.counts.samples == unswapped.counts.samples
    refused = [r.getMessage() for r in caplog.records if r.name == "flows.models"]
    assert len(refused) == 3
    assert any("path.npy: damaged" in line for line in refused)
    assert any("no model '../../etc' in the registry" in line for line in refused)
