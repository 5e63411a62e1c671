import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.file_tables import epoch_ms
from tests.connectors.reading import (
    MARK,
    make,
    payloads,
    read,
    rows,
    write,
)


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
