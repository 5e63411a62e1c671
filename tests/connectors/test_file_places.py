"""Files of object stores, and partitioned tables, are read as files beside us are."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from connectors.file_places import hive_columns
from connectors.files import FileOrigin, FileSource

STORE = "memory://metrics"


@pytest.fixture
def store() -> Iterator[UPath]:
    root = UPath(STORE)
    root.mkdir(parents=True)
    yield root
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]


def payloads(origin: FileOrigin, partition: str) -> list[bytes]:
    reader = origin.open(partition, None)
    found: list[bytes] = []
    while (chunk := reader.read()) is not None:
        found += chunk.payloads
    reader.close()
    return found


@pytest.mark.parametrize("path", [STORE, f"{STORE}/", f"{STORE}/**/*.jsonl", f"{STORE}/day=*"])
def test_lines_of_an_object_store_are_read(store: UPath, path: str) -> None:
    for day in ("day=1", "day=2"):
        (store / day).mkdir()
        (store / day / "a.jsonl").write_bytes(day.encode() + b"\nb\n")
    origin = FileOrigin(FileSource(paths=(path,), format="foreshock-json"))
    assert origin.partitions() == ["day=1/a.jsonl", "day=2/a.jsonl"]
    assert payloads(origin, "day=2/a.jsonl") == [b"day=2", b"b"]


def test_a_manifest_of_an_object_store_names_formats(store: UPath) -> None:
    (store / "manifest.json").write_text('{"files": {"a.jsonl": "azure-monitor"}}')
    (store / "a.jsonl").write_bytes(b"x\n")
    origin = FileOrigin(FileSource(paths=(STORE,)))
    assert origin.format_of("a.jsonl") == "azure-monitor"


def test_folders_of_a_partitioned_table_are_columns(store: UPath, tmp_path: Path) -> None:
    table = pa.table({"resource": ["db-1"], "timestamp": [1_772_409_600], "value": [1.5]})
    inside = "service=aws.rds/team=a%20b/year=2026/zone=__HIVE_DEFAULT_PARTITION__"
    pq.write_table(table, tmp_path / "t.parquet")
    for root in (store, tmp_path / "hive"):
        folder = root / inside
        folder.mkdir(parents=True)
        (folder / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes())
        (folder / "c.csv").write_text("timestamp,value\n1772409600,1.5\n")
    for path in (STORE, str(tmp_path / "hive")):
        origin = FileOrigin(FileSource(paths=(path,)))
        for name in origin.partitions():
            (line,) = payloads(origin, name)
            sample = msgspec.json.decode(line)
            assert sample["service"] == "aws.rds"
            assert sample["attributes"] == {"team": "a b"}


def test_a_column_of_the_file_goes_over_the_folders() -> None:
    place = Path("/data/region=a/team=b/t.parquet")
    assert hive_columns(place, ["region"]) == {"team": "b"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "s3://bucket/a.jsonl",
            r"s3:// needs a client that is not here: pip install 'foreshock\[s3",
        ),
        ("gs://bucket", r"pip install 'foreshock\[gcs\]'"),
        ("nowhere://x", "must be a path, or a URL of abfs, "),
        ("memory://none/a.jsonl", "no such file or folder"),
    ],
)
def test_what_cannot_be_reached_says_why(path: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FileOrigin(FileSource(paths=(path,), format="foreshock-json"))


def test_paths_are_of_one_store(store: UPath, tmp_path: Path) -> None:
    for root in (store, tmp_path):
        (root / "a.jsonl").write_bytes(b"x\n")
    both = (STORE, str(tmp_path))
    with pytest.raises(ValueError, match="paths must be of one store"):
        FileOrigin(FileSource(paths=both, format="foreshock-json"))
