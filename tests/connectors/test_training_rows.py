"""Rows to train from come back from their files as they were, or are refused."""

from pathlib import Path

import numpy as np
import pytest

from connectors.training_rows import RowsFolder, RowsSink
from schema import FeatureBatch, TrainingRows


def rows(group: int, request: str = "abc1", count: int = 3) -> TrainingRows:
    found = np.arange(count * 2, dtype=np.float32).reshape(count, 2) + group
    ticks = np.arange(count, dtype=np.int64) * 60_000
    return TrainingRows(
        request, group, FeatureBatch("aws.ec2", ("cpu:z", "cpu:missing"), found, ticks, 0, 9, 40)
    )


def test_what_the_groups_write_is_read_again_and_a_repetition_changes_nothing(
    tmp_path: Path,
) -> None:
    part = RowsSink(tmp_path).build("rows", 0, 1)
    part.write_batch([rows(0), rows(1, count=0)])
    part.write_batch([rows(0)])
    folder = RowsFolder(tmp_path)
    assert (folder.requests(), folder.groups("abc1"), folder.groups("other")) == (["abc1"], 2, 0)
    first, second = folder.read("abc1")
    assert first.rows.tobytes() == rows(0).batch.rows.tobytes()
    assert first.tick_ms.tolist() == [0, 60_000, 120_000]
    assert (first.service, first.names, first.drawn_from) == (
        "aws.ec2", ("cpu:z", "cpu:missing"), 40,
    )  # fmt: skip
    assert second.rows.shape == (0, 2)


@pytest.mark.parametrize("request_id", ["../x", "", "a/b", ".", "A" * 65])
def test_a_request_that_is_no_plain_name_writes_nothing(tmp_path: Path, request_id: str) -> None:
    with pytest.raises(ValueError, match="a request must match"):
        RowsFolder(tmp_path).write(rows(0, request_id))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda raw: raw[:-3],
        lambda raw: b"",
        lambda raw: b"\x80\x04K\x01.",  # a pickle
        lambda raw: raw.replace(b"rows.v1", b"rows.v9"),
        lambda raw: raw.replace(
            np.float32(3.0).tobytes() + np.float32(4.0).tobytes(),
            np.float32(np.nan).tobytes() + np.float32(4.0).tobytes(),
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, harm: object) -> None:
    assert callable(harm)
    folder = RowsFolder(tmp_path)
    folder.write(rows(0))
    path = tmp_path / "rows" / "abc1" / "0.bin"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(ValueError, match=r"abc1/0\.bin: damaged"):
        folder.read("abc1")


def test_only_the_rows_of_the_newest_answers_are_kept(tmp_path: Path) -> None:
    folder = RowsFolder(tmp_path)
    for request in ("a1", "b2", "c3", "waiting"):
        folder.write(rows(0, request))
    folder.keep(["a1", "../rows", "b2", "c3"], newest=1)
    assert folder.requests() == ["c3", "waiting"]
