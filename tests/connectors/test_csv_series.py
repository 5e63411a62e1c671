from pathlib import Path

import numpy as np
import pytest

from connectors.csv_series import (
    CsvSeries,
    SeriesColumns,
    UnusableCsvError,
    read_series,
    write_beside,
)

NOON_MS = 1_396_353_600_000  # 2014-04-01 12:00 UTC
COLUMNS = SeriesColumns()


def read(folder: Path, text: str | bytes, columns: SeriesColumns = COLUMNS) -> CsvSeries:
    path = folder / "a.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_series(path, columns)


@pytest.mark.parametrize(
    "moment",
    [
        "2014-04-01 12:00:00", "2014-04-01T12:00:00Z", "2014-04-01T14:00:00+02:00",
        "2014-04-01 12:00", "1396353600", "1396353600.0", "1396353600000", " 2014-04-01T12:00 ",
    ],
)  # fmt: skip
def test_times_are_read_as_utc(tmp_path: Path, moment: str) -> None:
    series = read(tmp_path, f"timestamp,value\n{moment},1.50\n")
    assert series.ts_ms.tolist() == [NOON_MS]
    assert series.time_text == [moment]
    assert series.value_text == ["1.50"]
    assert series.value.tolist() == [1.5]


@pytest.mark.parametrize(
    "row",
    ["2014-04-01,", "2014-04-01", "2014-04-01,nan", "2014-04-01,inf", "2014-04-01,x", ",1", "x,1"],
)
def test_a_row_that_cannot_be_read_is_kept_without_a_value(tmp_path: Path, row: str) -> None:
    series = read(tmp_path, f"timestamp,value\n{row}\n2014-04-02,2\n")
    assert np.isnan(series.value[0])
    assert series.value[1] == 2.0
    time, _, value = row.partition(",")
    assert (series.time_text[0], series.value_text[0]) == (time, value)


def test_line_ends_a_byte_order_mark_and_empty_lines_do_no_harm(tmp_path: Path) -> None:
    raw = b'\xef\xbb\xbf"TimeStamp","Value","Label"\r\n"2014-04-01T12:00:00Z","1",0\r\n\r\n'
    series = read(tmp_path, raw)
    assert series.time_text == ["2014-04-01T12:00:00Z"]
    assert series.value.tolist() == [1.0]
    assert series.taken == ()


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("Timestamp,VALUE", ()),
        ("value,timestamp,more", ()),
        ("time,value", (("timestamp", "time"),)),
        ("Date , value", (("timestamp", "Date"),)),
    ],
)
def test_columns_are_found_by_name_in_any_case_or_by_an_obvious_one(
    tmp_path: Path, header: str, taken: tuple[tuple[str, str], ...]
) -> None:
    order = [name.strip().lower() for name in header.split(",")]
    row = ",".join("5" if name == "value" else "2014-04-01" for name in order)
    series = read(tmp_path, f"{header}\n{row}\n")
    assert series.value.tolist() == [5.0]
    assert series.taken == taken


def test_named_columns_go_before_obvious_ones(tmp_path: Path) -> None:
    columns = SeriesColumns("at", "Percent")
    series = read(tmp_path, "timestamp,value,at,percent\nx,1,2014-04-01 12:00,7\n", columns)
    assert series.ts_ms.tolist() == [NOON_MS]
    assert series.value.tolist() == [7.0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("a,b\n1,2\n", "no column 'timestamp', there are 'a, b'"),
        ("timestamp,b\n1,2\n", "no column 'value', there are 'timestamp, b'"),
        ("timestamp,value\n1/2/2014,2\n", "no time that can be read in column 'timestamp'"),
        ("timestamp,value\n" + '1,"' + "x" * 200_000, "line 2: field larger than field limit"),
        (b"\xff\xfet\x00i\x00m\x00e\x00", "no column 'timestamp'"),
    ],
)
def test_what_is_no_series_is_refused_with_the_reason(
    tmp_path: Path, text: str | bytes, reason: str
) -> None:
    with pytest.raises(UnusableCsvError) as caught:
        read(tmp_path, text)
    assert reason in str(caught.value)


def test_a_file_with_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "timestamp,value\n").value.tolist() == []


def test_what_is_written_has_the_text_that_was_read(tmp_path: Path) -> None:
    raw = b'timestamp,value\n"2014-04-01 12:00",0001.50\nno\xffthing,"1,5"\n'
    write_beside(tmp_path / "b" / "c.csv", read(tmp_path, raw), ("n",), (["1", ""],))
    written = (tmp_path / "b" / "c.csv").read_bytes()
    assert written == b'timestamp,value,n\n2014-04-01 12:00,0001.50,1\nno\xffthing,"1,5",\n'
    assert [file.name for file in (tmp_path / "b").iterdir()] == ["c.csv"]


def test_columns_must_be_two() -> None:
    with pytest.raises(ValueError, match="two different columns"):
        SeriesColumns("a", "a")
