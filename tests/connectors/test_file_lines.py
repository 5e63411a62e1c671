import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connectors import file_lines
from connectors.file_lines import unreadable
from connectors.files import FileOrigin
from connectors.formats.encodings import encoding_of
from connectors.formats.registry import FORMATS, create_decoder
from schema import SeriesTable
from tests.connectors.formats.payloads import CATALOGUE
from tests.connectors.reading import (
    LINES,
    MARK,
    TEXT,
    payloads,
    read,
    source,
    write,
)


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
    assume(not encoding_of(raw))
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


@pytest.mark.parametrize("name", FORMATS)
def test_no_decoder_takes_what_is_marked_unreadable(name: str) -> None:
    good = b'{"resource":"i-1","metric":"cpu","ts_ms":1772359200000,"value":1}'
    marked = [unreadable("cut at 5 of 9 bytes", good), unreadable("gzip stream ends")]
    decoded = create_decoder(name, CATALOGUE)(marked, SeriesTable())
    assert len(decoded.batch.value) == 0
    assert sorted({payload for payload, _, _ in decoded.rejects}) == [0, 1]
