"""A store is gone on with by a flow of its shape alone, and says why not by another."""

import logging
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.recovery_manifest import FILE, RecoveryError, Shape, check_shape, read_shape, settle
from connectors.recovery_store import RecoverySettings, held

SHAPE = Shape("detect", "1.2.0", {"triage": "triage.v2"}, {"ingest.groups": 16, "seed": 7})


def test_the_first_start_notes_what_the_store_is_made_for(tmp_path: Path) -> None:
    settings = RecoverySettings(dir=str(tmp_path / "store"), partitions=2)
    with held(settings, SHAPE):
        assert read_shape(tmp_path / "store") == SHAPE
    with held(settings, SHAPE):
        assert sorted(p.name for p in (tmp_path / "store").glob("part-*.sqlite3")) == [
            "part-0.sqlite3",
            "part-1.sqlite3",
        ]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (replace(SHAPE, flow="other"), "holds the state of 'detect', this is 'other': give each"),
        (
            replace(SHAPE, settings={"ingest.groups": 32, "seed": 7}),
            "was made with ingest.groups 16, the settings say 32: set it back, or start with",
        ),
        (
            replace(SHAPE, release="2.0.0", formats={"triage": "triage.v3"}),
            "triage is kept as triage.v2 by Foreshock 1.2.0, 2.0.0 reads triage.v3: go on with "
            "1.2.0, or start with another recovery.dir",
        ),
        (replace(SHAPE, formats={}), "1.2.0 reads no such state"),
    ],
)
def test_another_shape_is_refused_with_what_to_do(tmp_path: Path, now: Shape, said: str) -> None:
    settings = RecoverySettings(dir=str(tmp_path))
    with held(settings, SHAPE):
        pass
    with pytest.raises(RecoveryError, match=said), held(settings, now):
        pass
    with pytest.raises(RecoveryError, match=said):
        check_shape(tmp_path, now)
    assert read_shape(tmp_path) == SHAPE
    with held(settings, SHAPE):  # and is not locked
        pass


def test_an_older_form_that_is_read_and_a_setting_that_is_new_are_no_hindrance(
    tmp_path: Path,
) -> None:
    settle(tmp_path, SHAPE)
    now = Shape("detect", "2.0.0", {"triage": "triage.v3"}, {"seed": 7, "new": 1.5})
    settle(tmp_path, now, older=("triage.v2",))
    assert read_shape(tmp_path) == now
    assert [p.name for p in tmp_path.iterdir()] == [FILE]


def test_a_note_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"flow": 3}')
    with pytest.raises(RecoveryError, match=r"store\.json: must say what the store was made for"):
        settle(tmp_path, SHAPE)


def test_another_number_of_files_than_at_the_first_start_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with held(RecoverySettings(dir=str(tmp_path), partitions=2)):
        pass
    with (
        caplog.at_level(logging.WARNING),
        held(RecoverySettings(dir=str(tmp_path), partitions=8)),
    ):
        assert len(list(tmp_path.glob("part-*.sqlite3"))) == 2
    assert "has 2 files, the settings say 8" in caplog.text
