"""What is in a recovery store, and what is damaged there."""

import pickle
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from config.app import App
from connectors.jsonl_sink import JsonLinesSink
from connectors.recovery_manifest import RecoveryError
from connectors.recovery_store import RecoverySettings
from connectors.simulator.settings import SimulatorSource
from flows.recovery import inspect, verify
from flows.recovery_shape import shape_of
from flows.run import run
from operators.ingest import IngestSettings

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    folder = tmp_path_factory.mktemp("run")
    made = App(
        sources=(SimulatorSource(days=0.1, resources=3),),
        sinks=(JsonLinesSink(str(folder / "events.jsonl")),),
        control_log=str(folder / "control.jsonl"),
        recovery=RecoverySettings(dir=str(folder / "store"), partitions=3),
    )
    run(made)
    return made


@pytest.fixture
def store(app: App, tmp_path: Path) -> Path:
    shutil.copytree(str(app.recovery.dir), tmp_path / "store")
    return tmp_path / "store"


def change(file: str, sql: str, *values: object) -> Damage:
    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(folder / file)) as db, db:
            db.execute(sql, values)

    return damage


def change_all(sql: str, *values: object) -> Damage:
    def damage(folder: Path) -> None:
        for file in folder.glob("part-*.sqlite3"):
            change(file.name, sql, *values)(folder)

    return damage


def scribble(folder: Path) -> None:
    with (folder / "part-1.sqlite3").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def test_shows_where_a_run_would_go_on(app: App, store: Path) -> None:
    found = inspect(store)
    assert found.made_for == shape_of(app)
    assert (found.partitions, found.starts) == (3, 1)
    assert found.last_start is not None
    assert found.last_start.workers == 1
    keys = {step.step.removeprefix("foreshock_detect."): step.keys for step in found.steps}
    assert keys == {  # a sink that nothing has come to keeps nothing
        "detect.group": 16,
        "drift.drifts": 1,
        "judged_ControlSink": 1,
        "read": 4,
        "triage.triage": 1,
    }
    assert sum(step.bytes for step in found.steps) < found.file_bytes
    assert {place.partition: place.ended for place in found.places} == dict.fromkeys(
        ("control/log", "simulator/aws", "simulator/azure", "simulator/gcp"), True
    )


def test_a_whole_store_is_verified_to_the_last_snapshot(store: Path) -> None:
    found = verify(store)
    assert found.damages == ()
    assert found.snapshots >= sum(step.keys for step in inspect(store).steps)


@pytest.mark.parametrize(
    ("damage", "where", "what"),
    [
        (lambda folder: (folder / "part-2.sqlite3").unlink(), "part-2.sqlite3", "is missing"),
        (scribble, "part-1.sqlite3", ""),
        (
            change_all("UPDATE snaps SET ser_change = x'8004' WHERE state_key = 'triage'"),
            "foreshock_detect.triage.triage, triage, epoch",
            "cannot be read",
        ),
        (
            change_all(
                "UPDATE snaps SET ser_change = ? WHERE state_key = 'triage'",
                pickle.dumps(b"\x81\xa4type\xa9triage.v9"),
            ),
            "triage, epoch",
            "Invalid value 'triage.v9'",
        ),
        (
            change_all(
                "UPDATE snaps SET ser_change = ? WHERE state_key = 'triage'", b"cos\nsystem\n."
            ),
            "triage, epoch",
            "names os.system",
        ),
        (change_all("UPDATE commits SET commit_epoch = 99"), "part-0", "has let go of epoch"),
    ],
)
def test_damage_is_found_and_named(store: Path, damage: Damage, where: str, what: str) -> None:
    damage(store)
    found = [each for each in verify(store).damages if where in each.where]
    assert found
    assert what in found[0].what
    assert found[0].in_use


def test_no_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecoveryError, match="no recovery store"):
        inspect(tmp_path)


def test_a_run_of_another_shape_is_refused_before_it_starts(app: App) -> None:
    other = replace(app, ingest=IngestSettings(groups=8))
    with pytest.raises(RecoveryError, match=r"made with ingest\.groups 16, the settings say 8"):
        run(other)
