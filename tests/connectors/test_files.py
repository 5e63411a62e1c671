import json
from pathlib import Path

import msgspec
import pytest

from connectors.file_tables import TableColumns
from connectors.files import FileOrigin
from tests.connectors.reading import TEXT, chunks, make, read, source, write

ALL = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.csv.gz", "a.csv.zst", "a.parquet"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("chunk_payloads", [1, 7, 5000])
def test_chunk_sizes_do_not_change_what_is_read(
    tmp_path: Path, name: str, chunk_payloads: int
) -> None:
    path = make(tmp_path / name)
    whole = read(path)
    assert len(whole) == 60 + (".jsonl" in name)
    assert read(path, chunk_payloads=chunk_payloads) == whole
    assert read(path, chunk_payloads=chunk_payloads, chunk_bytes=100) == whole


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("chunk_payloads", [1, 7, 25])
def test_reading_goes_on_at_the_next_position_of_every_chunk(
    tmp_path: Path, name: str, chunk_payloads: int
) -> None:
    path = make(tmp_path / name)
    origin = FileOrigin(source(path, chunk_payloads=chunk_payloads))
    whole, seen = read(path), 0
    for chunk in chunks(origin, name):
        seen += len(chunk.payloads)
        assert read(path, chunk.next_position) == whole[seen:]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv.gz", "a.parquet"])
def test_a_file_that_has_become_shorter_is_refused(tmp_path: Path, name: str) -> None:
    origin = FileOrigin(source(make(tmp_path / name)))
    with pytest.raises(ValueError, match=rf"{name}: must have at least 900 .* to go on, got 6"):
        origin.open(name, 900)


def test_a_chunk_stays_below_its_bytes_unless_one_payload_is_larger(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b"\n".join([b"a" * 40, b"b" * 60, b"c", b"d" * 500, b"e"]))
    found = chunks(FileOrigin(source(path, chunk_bytes=100)), "a.jsonl")
    assert [[len(payload) for payload in chunk.payloads] for chunk in found] == [
        [40, 60],
        [1],
        [500],
        [1],
    ]


def simulated(folder: Path) -> Path:
    """Lay out a folder as `foreshock simulate` does."""
    files = {"samples/aws.jsonl.gz": "cloudwatch-json", "samples/gcp.jsonl": "gcp-timeseries"}
    for name in files:
        write(folder / name, TEXT)
    (folder / "manifest.json").write_text(json.dumps({"files": files, "seed": 1}))
    (folder / "truth.json").write_text("{}")
    (folder / "topology.yaml").write_text("edges: []")
    (folder / "incidents.jsonl").write_text("{}")
    return folder


def test_the_sources_of_a_folder_with_a_manifest_are_those_that_it_names(tmp_path: Path) -> None:
    origin = FileOrigin(source(simulated(tmp_path), format=""))
    assert origin.partitions() == ["samples/aws.jsonl.gz", "samples/gcp.jsonl"]
    assert origin.format_of("samples/aws.jsonl.gz") == "cloudwatch-json"
    assert origin.format_of("samples/gcp.jsonl") == "gcp-timeseries"


@pytest.mark.parametrize("part", ["samples", "samples/gcp.jsonl", "samples/g*.jsonl"])
def test_a_manifest_speaks_for_files_below_it_however_they_are_named(
    tmp_path: Path, part: str
) -> None:
    origin = FileOrigin(source(simulated(tmp_path) / part, format=""))
    assert origin.format_of("gcp.jsonl") == "gcp-timeseries"


def test_a_named_format_outranks_the_manifest(tmp_path: Path) -> None:
    origin = FileOrigin(source(simulated(tmp_path), format="foreshock-json"))
    assert origin.format_of("samples/gcp.jsonl") == "foreshock-json"


def test_a_table_has_our_own_format_whatever_is_named(tmp_path: Path) -> None:
    make(tmp_path / "a.csv")
    make(tmp_path / "b.parquet")
    for name in ("", "cloudwatch-json"):
        origin = FileOrigin(source(tmp_path, format=name))
        assert {origin.format_of(partition) for partition in origin.partitions()} == {
            "foreshock-json"
        }


def test_a_folder_means_all_known_files_below_it(tmp_path: Path) -> None:
    known = ["a.jsonl", "b/c.ndjson.zst", "b/d/e.csv.gz", "z.parquet"]
    for name in [*known, ".hidden.jsonl", "notes.txt", "data.json", "b/topology.yaml"]:
        write(tmp_path / name, b"")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    assert FileOrigin(source(tmp_path)).partitions() == known


def test_partitions_are_named_below_the_common_folder_and_counted_once(tmp_path: Path) -> None:
    for name in ("x/a.jsonl", "y/b.jsonl", "y/c.log"):
        write(tmp_path / name, b"1")
    origin = FileOrigin(
        source(tmp_path / "y" / "*.log", tmp_path / "x", tmp_path / "x" / "a.jsonl")
    )
    assert origin.partitions() == ["x/a.jsonl", "y/c.log"]
    assert chunks(origin, "y/c.log")[0].payloads == [b"1"]


def test_a_pattern_reaches_into_folders(tmp_path: Path) -> None:
    for name in ("p/a.jsonl", "p/q/b.jsonl", "p/q/c.csv", "p/q/d.txt"):
        write(tmp_path / name, b"")
    assert FileOrigin(source(tmp_path / "**" / "*.jsonl")).partitions() == [
        "p/a.jsonl",
        "p/q/b.jsonl",
    ]
    assert FileOrigin(source(tmp_path / "p" / "q" / "*")).partitions() == ["b.jsonl", "c.csv"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("nowhere/*.jsonl", r"nowhere/\*\.jsonl: must mean at least one file"),
        ("empty", "empty: must mean at least one file"),
        ("a.xlsx", r"a\.xlsx: a file must end in \*\.jsonl"),
        ("plain/a.jsonl", r"plain/a\.jsonl: its format must be named"),
        ("lost", r"lost/gone\.jsonl: no such file"),
        ("broken", r"broken/manifest\.json: must be .*truncated"),
        ("outside", r"manifest\.json: files must be below it, got '\.\./plain/a\.jsonl'"),
    ],
)
def test_a_path_that_cannot_be_used_is_named(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    for name, text in {
        "a.xlsx": "",
        "plain/a.jsonl": "",
        "lost/manifest.json": '{"files": {"gone.jsonl": "x"}}',
        "broken/manifest.json": '{"files": ',
        "outside/manifest.json": '{"files": {"../plain/a.jsonl": "x"}}',
    }.items():
        write(tmp_path / name, text.encode())
    with pytest.raises(ValueError, match=message):
        FileOrigin(source(tmp_path / path, format=""))


@pytest.mark.parametrize(
    "given",
    [
        {"paths": []},
        {"paths": [""]},
        {"chunk_payloads": 0},
        {"chunk_bytes": 0},
        {"max_payload_bytes": 2**31},
        {"columns": {"value": ""}},
        {"columns": {"value": "metric"}},
        {"chunks": 5},
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        source(Path("a.jsonl"), **given)


def test_default_columns_are_those_of_the_unified_sample() -> None:
    assert TableColumns() == TableColumns("resource", "metric", "timestamp", "value")
