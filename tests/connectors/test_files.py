import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import file_lines, file_tables
from connectors.file_tables import TableColumns, epoch_ms
from connectors.files import FileOrigin, FileSource
from schema import Chunk

LINES = [b'{"a":1}', b"", b"not json \xff", b"x" * 300, b"last"]
TEXT = b"\n".join(LINES)
MARK = b"!unreadable: "


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        content = zstandard.compress(content)
    path.write_bytes(content)
    return path


def source(*paths: Path, **given: object) -> FileSource:
    fields = {"paths": [str(path) for path in paths], "format": "some-format"} | given
    return msgspec.convert(fields, FileSource)


def chunks(origin: FileOrigin, partition: str, position: int | None = None) -> list[Chunk]:
    reader = origin.open(partition, position)
    out = []
    while chunk := reader.read():
        out.append(chunk)
    assert reader.ended
    assert reader.caught_up
    reader.close()
    return out


def read(path: Path, position: int | None = None, /, **given: object) -> list[tuple[int, bytes]]:
    """Return (position, payload) of all that a file holds, after checks that hold for any file."""
    origin = FileOrigin(source(path, **given))
    (partition,) = origin.partitions()
    found: list[tuple[int, bytes]] = []
    for chunk in chunks(origin, partition, position):
        assert chunk.payloads
        assert len(chunk.positions) == len(chunk.payloads)
        assert chunk.next_position > chunk.positions[-1]
        assert not found or chunk.positions[0] > found[-1][0]
        found += zip(chunk.positions, chunk.payloads, strict=True)
    return found


def payloads(path: Path, **given: object) -> list[bytes]:
    return [payload for _, payload in read(path, None, **given)]


def rows(path: Path, **given: object) -> list[dict[str, object]]:
    return [json.loads(payload) for payload in payloads(path, **given)]


# ---------------------------------------------------------------- lines


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "jsonl.gz", "ndjson.gz", "jsonl.zst"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last_ends", [True, False])
def test_every_line_is_a_payload_at_its_number(
    tmp_path: Path, ending: str, newline: bytes, last_ends: bool
) -> None:
    path = write(tmp_path / f"a.{ending}", newline.join(LINES) + newline * last_ends)
    assert read(path) == list(enumerate(LINES))


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz"])
def test_an_empty_file_has_no_payload_and_has_ended_when_opened(
    tmp_path: Path, ending: str
) -> None:
    write(tmp_path / f"a.{ending}", b"")
    reader = FileOrigin(source(tmp_path)).open(f"a.{ending}", None)
    assert reader.ended
    assert reader.read() is None


def test_a_reader_has_ended_as_soon_as_the_last_chunk_is_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b"1\n2\n3\n4\n")
    reader = FileOrigin(source(path, chunk_payloads=2)).open("a.jsonl", None)
    first = reader.read()
    assert first is not None
    assert (first.payloads, list(first.positions), first.next_position) == ([b"1", b"2"], [0, 1], 2)
    assert not reader.ended
    second = reader.read()
    assert second is not None
    assert second.next_position == 4
    assert reader.ended
    assert reader.read() is None


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b"\xef\xbb\xbf1\n\xef\xbb\xbf2\n")
    assert payloads(path) == [b"1", b"\xef\xbb\xbf2"]


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400).map(lambda raw: raw.replace(b"\xef\xbb\xbf", b"")),
    st.integers(1, 40),
    st.sampled_from(["jsonl", "jsonl.gz", "jsonl.zst"]),
)
def test_lines_do_not_depend_on_where_blocks_end(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, block_bytes: int, ending: str
) -> None:
    path = write(tmp_path_factory.mktemp("blocks") / f"a.{ending}", raw)
    expected = [line[:-1] if line.endswith(b"\r") else line for line in raw.split(b"\n")]
    if raw.endswith(b"\n") or not raw:
        expected.pop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_lines, "BLOCK_BYTES", block_bytes)
        patch.setattr(file_lines, "SLICE_BYTES", block_bytes)
        assert payloads(path) == expected


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 262_144])
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_a_line_over_the_limit_is_cut_and_marked(
    tmp_path: Path, ending: str, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lines, "BLOCK_BYTES", block_bytes)
    path = write(tmp_path / f"a.{ending}", b"y" * 10 + b"\n" + b"z" * 75 + b"\nok\n" + b"w" * 11)
    assert payloads(path, max_payload_bytes=10) == [
        b"y" * 10,
        MARK + b"cut at 10 of 75 bytes: " + b"z" * 10,
        b"ok",
        MARK + b"cut at 10 of 11 bytes: " + b"w" * 10,
    ]


def test_an_endless_line_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", b"\0" * 30_000_000)
    tracemalloc.start()
    (payload,) = payloads(path, max_payload_bytes=1000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert payload == MARK + b"cut at 1000 of 30000000 bytes: " + b"\0" * 1000
    assert peak_bytes < 10_000_000


def _gz_cut(raw: bytes) -> bytes:
    return gzip.compress(raw, mtime=0)[:-9]


def _gz_wrong_sum(raw: bytes) -> bytes:
    return gzip.compress(raw, mtime=0)[:-8] + b"\0" * 8


def _gz_junk_after(raw: bytes) -> bytes:
    return gzip.compress(raw, mtime=0) + b"junk"


def _zst_cut(raw: bytes) -> bytes:
    return zstandard.compress(raw[:300]) + zstandard.compress(raw[300:])[:-3]


def _zst_junk_after(raw: bytes) -> bytes:
    return zstandard.compress(raw) + b"junk"


@pytest.mark.parametrize(
    ("ending", "broken", "kept", "why"),
    [
        ("gz", _gz_cut, 4, b"gzip stream ends before its end mark"),
        ("gz", _gz_wrong_sum, 5, b"gzip stream is damaged"),
        ("gz", _gz_junk_after, 5, b"gzip stream is damaged"),
        ("gz", lambda raw: raw, 0, b"gzip stream is damaged"),
        ("zst", _zst_cut, 3, b"zstd stream ends before its end mark"),
        ("zst", _zst_junk_after, 5, b"zstd stream is damaged"),
        ("zst", lambda raw: raw, 0, b"zstd stream is damaged"),
    ],
)
@pytest.mark.parametrize("chunk_payloads", [1, 1000])
def test_a_damaged_stream_gives_what_was_readable_and_then_says_so(
    tmp_path: Path,
    ending: str,
    broken: Callable[[bytes], bytes],
    kept: int,
    why: bytes,
    chunk_payloads: int,
) -> None:
    path = tmp_path / f"a.jsonl.{ending}"
    path.write_bytes(broken(TEXT + b"\n"))
    found = payloads(path, chunk_payloads=chunk_payloads)
    assert found[:kept] == LINES[:kept]
    assert found[-1].startswith(MARK + why)
    assert len(found) <= kept + 2  # a torn line may stand in between


def test_streams_joined_end_to_end_and_padding_after_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]) + b"\0" * 2000)
    assert payloads(path) == LINES
    path = tmp_path / "b.jsonl.zst"
    path.write_bytes(zstandard.compress(TEXT[:100]) + zstandard.compress(TEXT[100:]))
    assert payloads(path) == LINES


# ---------------------------------------------------------------- chunks and positions

TABLE = b"resource,metric,timestamp,value\n" + b"".join(
    b"i-%d,cpu,%d,%d.5\n" % (i, 1_772_359_200 + i, i) for i in range(60)
)


def make(path: Path) -> Path:
    if path.suffix != ".parquet":
        return write(path, TABLE)
    columns = {"timestamp": list(range(60)), "value": [0.5 * i for i in range(60)]}
    pq.write_table(pa.table(columns), path, row_group_size=25)
    return path


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
    tmp_path: Path, name: str, chunk_payloads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_tables, "ROWS_AT_ONCE", 4)
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


# ---------------------------------------------------------------- tables


def test_a_csv_row_is_a_sample_and_other_columns_are_attributes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        b"team,service,unit,timestamp,metric,resource,value,tier\n"
        b'shop,aws.ec2,percent,2026-03-01 10:00:00,cpu,"i-1,a",42.5,\n',
    )
    assert rows(path) == [
        {
            "resource": "i-1,a",
            "cloud": "",
            "service": "aws.ec2",
            "account": "",
            "region": "",
            "metric": "cpu",
            "ts_ms": 1_772_359_200_000,
            "value": 42.5,
            "unit": "percent",
            "attributes": {"team": "shop"},
        }
    ]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_table_without_resource_and_metric_is_named_after_its_file(
    tmp_path: Path, ending: str
) -> None:
    path = make(tmp_path / f"db.1_cpu.{ending}") if ending == "parquet" else tmp_path / "none"
    if ending != "parquet":
        path = write(tmp_path / f"db.1_cpu.{ending}", b"timestamp,value\n0,1\n")
    first = rows(path)[0]
    assert (first["resource"], first["metric"]) == ("db.1_cpu", "value")


def test_the_columns_may_have_other_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"host,when,reading\nweb-1,1772359200,7\n")
    columns = {"resource": "host", "timestamp": "when", "value": "reading"}
    (row,) = rows(path, columns=columns)
    assert (row["resource"], row["ts_ms"], row["value"]) == ("web-1", 1_772_359_200_000, 7.0)


@pytest.mark.parametrize(
    "moment",
    [
        1_772_359_200_000,
        1_772_359_200,
        1_772_359_200.0,
        "1772359200000",
        "1772359200",
        "2026-03-01 10:00:00",
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00.0000000Z",
        " 2026-03-01T12:00:00+02:00",
    ],
)
def test_times_are_epoch_or_iso_and_utc(moment: object) -> None:
    assert epoch_ms(moment) == 1_772_359_200_000


@pytest.mark.parametrize("moment", ["", "soon", None, True, "nan", "1e300", b"0", "2026-13-01"])
def test_what_is_no_time_is_refused(moment: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        epoch_ms(moment)


def test_rows_that_cannot_be_read_are_kept_with_the_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        b'timestamp,value,note\nsoon,1,a\n0,abc,a\n0,nan,a\n0\n\n0,1,"open\n0,1,\xff\n0,1,good\n',
    )
    *bad, good = payloads(path)
    assert bad == [
        MARK + b"no time in column timestamp: soon,1,a",
        MARK + b"no finite number in column value: 0,abc,a",
        MARK + b"no finite number in column value: 0,nan,a",
        MARK + b"1 cells under 3 columns: 0",
        b"",
        MARK + b'no CSV row: 0,1,"open',
        MARK + b"no CSV row: 0,1,\xff",
    ]
    assert json.loads(good)["attributes"] == {"note": "good"}


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"time,value", b"no column timestamp"),
        (b"timestamp,values", b"no column value"),
        (b"timestamp,value,value", b"a column name that stands twice"),
    ],
)
def test_rows_under_an_unusable_header_are_kept_with_the_reason(
    tmp_path: Path, header: bytes, why: bytes
) -> None:
    row = b",".join([b"1"] * (header.count(b",") + 1))
    path = write(tmp_path / "a.csv", header + b"\n" + row + b"\n")
    assert payloads(path) == [MARK + why + b": " + row]


def test_a_damaged_csv_stream_says_so_even_in_place_of_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"timestamp,value\n0,1\n")
    (payload,) = payloads(path)
    assert payload.startswith(MARK + b"gzip stream is damaged")


def test_parquet_columns_of_every_kind_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    at = pa.array([0, 1_772_359_200_000_000, None], pa.timestamp("us"))
    pq.write_table(
        pa.table(
            {
                "timestamp": at,
                "value": pa.array([1, 2, 3], pa.int32()),
                "resource": pa.array(["a", "b", "c"]).dictionary_encode(),
                "tier": pa.array([1, None, 2]),
            }
        ),
        path,
    )
    found = payloads(path)
    first, second = (json.loads(payload) for payload in found[:2])
    assert (first["ts_ms"], first["value"], first["attributes"]) == (0, 1.0, {"tier": "1"})
    assert (second["ts_ms"], second["resource"]) == (1_772_359_200_000, "b")
    assert "attributes" not in second
    assert found[2].startswith(MARK + b"no time in column timestamp: {")
    assert b"'resource': 'c'" in found[2]


def test_parquet_text_that_is_no_utf8_costs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    names = pa.array([b"good", b"bad\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"timestamp": [0, 0], "value": [1, 2], "resource": names}), path)
    assert [row["resource"] for row in rows(path)] == ["good", "bad\\xff"]


def test_a_damaged_row_group_costs_its_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"timestamp": list(range(30)), "value": [float(i) for i in range(30)]})
    pq.write_table(table, path, row_group_size=10, compression="zstd", use_dictionary=False)
    meta = pq.read_metadata(path).row_group(1).column(1)
    raw = bytearray(path.read_bytes())
    for at in range(meta.data_page_offset, meta.data_page_offset + meta.total_compressed_size):
        raw[at] ^= 0x5A
    path.write_bytes(raw)
    found = read(path)
    assert [position for position, _ in found] == [*range(11), *range(20, 30)]
    assert found[10][1].startswith(MARK + b"10 rows of row group 1 (")
    assert read(path, 10) == found[10:]
    assert read(path, 20) == found[11:]


def test_a_file_that_is_no_parquet_file_is_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"not at all")
    assert [position for position, _ in read(path)] == [0]
    assert payloads(path)[0].startswith(MARK + b"no Parquet file (")
    assert read(path, 1) == []


# ---------------------------------------------------------------- which files


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
