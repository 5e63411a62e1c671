from decimal import Decimal
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from config.catalogue import load_catalogue
from connectors.files import FileOrigin
from connectors.formats.registry import create_decoder
from connectors.formats.tabular import Tabular
from schema import Decoded, SeriesTable
from tests.connectors.reading import chunks, source

CATALOGUE = load_catalogue()
MS = 1_772_359_200_000

TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "i-1", "café", 'x"y\n']))
TIMES = st.one_of(
    st.tuples(
        st.sampled_from([pa.timestamp("ms", "UTC"), pa.timestamp("us"), pa.int64()]),
        st.lists(
            st.one_of(st.none(), st.integers(MS - 9, MS), st.just(-1), st.just(3)), max_size=9
        ),
    ),
    st.tuples(st.just(pa.string()), st.lists(st.just("2026-03-01 10:00:00"), max_size=9)),
    st.tuples(st.just(pa.float64()), st.lists(st.sampled_from([1772359200.5, 1e300]), max_size=9)),
)
VALUES = st.one_of(
    st.tuples(
        st.sampled_from([pa.float64(), pa.float32()]),
        st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=9, max_size=9),
    ),
    st.tuples(
        st.just(pa.int64()), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=9, max_size=9)
    ),
    st.tuples(st.just(pa.string()), st.just(["1", "x", "2.5"] * 3)),
    st.tuples(st.just(pa.bool_()), st.just([True, False, None] * 3)),
    st.tuples(st.just(pa.decimal128(5, 2)), st.just([Decimal("1.25"), None, Decimal(3)] * 3)),
)
ABOUT = st.dictionaries(
    st.sampled_from(["resource", "metric", "service", "cloud", "unit", "team", "tier"]),
    st.one_of(
        st.tuples(
            st.sampled_from([pa.string(), pa.dictionary(pa.int32(), pa.string())]),
            st.lists(TEXTS, min_size=9, max_size=9),
        ),
        st.tuples(
            st.just(pa.float64()), st.just([0.0, -0.0, None, float("nan"), 1.5, 1.5, 2, 3, 4])
        ),
        st.tuples(st.just(pa.binary()), st.just([b"\xff", b"a", None] * 3)),
        st.tuples(st.just(pa.int64()), st.just([1, 2, 3] * 3)),
        st.tuples(st.just(pa.list_(pa.int8())), st.just([[1], [2], None] * 3)),
    ),
)


def said(decoded: Decoded, table: SeriesTable) -> tuple[list[object], list[tuple[int, str, str]]]:
    """Return what was decoded, whatever the places of the series in the table."""
    batch = decoded.batch
    series = [table.series[i] for i in batch.series]
    columns = (batch.ts_ms.tolist(), batch.value.tolist(), batch.payload.tolist())
    return list(zip(series, *columns, strict=True)), decoded.rejects


def rows_in(path: Path) -> list[Tabular]:
    origin = FileOrigin(source(path, chunk_payloads=7))
    found = [chunk.payloads for chunk in chunks(origin, path.name)]
    assert all(isinstance(payloads, Tabular) for payloads in found)
    return [payloads for payloads in found if isinstance(payloads, Tabular)]


@settings(max_examples=60, deadline=None)
@given(times=TIMES, values=VALUES, about=ABOUT)
def test_rows_read_as_columns_say_what_they_say_as_payloads(
    tmp_path_factory: pytest.TempPathFactory,
    times: tuple[pa.DataType, list[object]],
    values: tuple[pa.DataType, list[object]],
    about: dict[str, tuple[pa.DataType, list[object]]],
) -> None:
    size = len(times[1])
    columns = {"timestamp": times, "value": values, **about}
    table = pa.table({n: pa.array(cells[:size], kind) for n, (kind, cells) in columns.items()})
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    pq.write_table(table, path)
    by_column, by_payload = (
        create_decoder("foreshock-json", CATALOGUE, encoding="none") for _ in range(2)
    )
    series = (SeriesTable(), SeriesTable())
    for rows in rows_in(path):
        assert said(by_column(rows, series[0]), series[0]) == said(
            by_payload(list(rows), series[1]), series[1]
        )


def test_plain_rows_are_not_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    column = {"timestamp": [MS + i for i in range(7)], "value": [1.0 * i for i in range(7)]}
    pq.write_table(pa.table({**column, "resource": ["a", "b", "a", "a", "b", "a", "b"]}), path)
    (rows,) = rows_in(path)
    written: list[int] = []
    kind = type(rows)
    write = kind.payloads

    def noting(self: Tabular, which: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> list[bytes]:
        written.extend(int(row) for row in which)
        return write(self, which)

    monkeypatch.setattr(kind, "payloads", noting)
    decoder, table = create_decoder("foreshock-json", CATALOGUE, encoding="none"), SeriesTable()
    decoder(rows, table)
    assert sorted(written) == [0, 1]
    decoder(rows[2:], table)
    assert sorted(written) == [0, 1]


def test_rows_can_be_cut_like_any_payloads(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"timestamp": [MS + i for i in range(7)], "value": [0.5] * 7}), path)
    (rows,) = rows_in(path)
    whole = list(rows)
    assert [rows[i] for i in range(-7, 7)] == whole + whole
    assert list(rows[2:5]) == whole[2:5]
    assert list(rows[3:][1:]) == whole[4:]
    assert list(rows[9:]) == []
    with pytest.raises(IndexError):
        rows[7]
