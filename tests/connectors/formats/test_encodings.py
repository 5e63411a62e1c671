import gzip
import tracemalloc
from collections.abc import Callable

import cramjam
import lz4.frame
import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connectors.formats import encodings
from connectors.formats.encodings import ENCODINGS, encoding_of, unpacked
from connectors.formats.reasons import Fault
from connectors.formats.registry import create_decoder
from connectors.formats.settings import DecodeSettings
from schema import SeriesTable
from tests.connectors.formats.payloads import CATALOGUE, FORESHOCK


def snappy(raw: bytes) -> bytes:
    return bytes(cramjam.snappy.compress(raw))


def snappy_block(raw: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(raw))


lz4_frame: Callable[..., bytes] = lz4.frame.compress
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
    "snappy": snappy,
}
packings = pytest.mark.parametrize("name", PACK)
CHECKED: dict[
    str, Callable[[bytes], bytes]
] = {  # with a checksum of the content, so that damage cannot hide
    **PACK,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "lz4": lambda raw: lz4_frame(raw, content_checksum=True),
}
LIMIT = 1_000_000
SNAPPY_TYPE_AT = 10  # of the first chunk behind the stream's identifier


def outcome(
    *payloads: bytes, encoding: str = "auto", limit: int = LIMIT
) -> tuple[list[int], list[tuple[int, str]]]:
    """Return which payloads gave a sample, and the reasons of those that gave none."""
    decoder = create_decoder(
        "foreshock-json", CATALOGUE, DecodeSettings(max_payload_bytes=limit), encoding=encoding
    )
    found = decoder(list(payloads), SeriesTable())
    return found.batch.payload.tolist(), [(i, reason) for i, reason, _ in found.rejects]


@packings
@pytest.mark.parametrize("encoding", ["auto", "named"])
def test_a_packed_payload_reads_as_the_plain_one(name: str, encoding: str) -> None:
    packed = PACK[name](FORESHOCK)
    set_to = name if encoding == "named" else "auto"
    assert outcome(packed, packed, encoding=set_to) == ([0, 1], [])


@packings
def test_plain_and_packed_payloads_may_alternate(name: str) -> None:
    packed = PACK[name](FORESHOCK)
    assert outcome(FORESHOCK, packed, b"", b"x", packed, FORESHOCK) == (
        [0, 1, 4, 5],
        [(2, "empty"), (3, "malformed_json")],
    )


@packings
def test_members_one_after_the_other_are_one_payload(name: str) -> None:
    packed = PACK[name](FORESHOCK[:90]) + PACK[name](b"") + PACK[name](FORESHOCK[90:] + b"\n")
    assert outcome(packed + PACK[name](FORESHOCK)) == ([0, 0], [])


@packings
@pytest.mark.parametrize("cut", [1, 3, 40, 100])
def test_a_truncated_payload_is_one_reject_and_spares_its_neighbours(name: str, cut: int) -> None:
    whole = PACK[name](FORESHOCK)
    assert outcome(whole, whole[:-cut], whole) == ([0, 2], [(1, "bad_encoding")])


@packings
@pytest.mark.parametrize("junk", [b"junk", b"\0", b"\x1f\x8b\x08"])
def test_bytes_after_the_end_are_a_reject(name: str, junk: bytes) -> None:
    assert outcome(PACK[name](FORESHOCK) + junk) == ([], [(0, "bad_encoding")])


@packings
def test_the_limit_holds_for_what_comes_out_and_is_inclusive(name: str) -> None:
    padded = FORESHOCK + b" " * 70_000
    packed = PACK[name](padded)
    assert outcome(packed, limit=len(padded)) == ([0], [])
    assert outcome(packed, limit=len(padded) - 1) == ([], [(0, "too_large")])
    assert outcome(packed, limit=len(packed) - 1) == ([], [(0, "too_large")])


@packings
def test_a_bomb_takes_no_more_memory_than_the_limit(name: str) -> None:
    bomb = PACK[name](bytes(50_000_000))
    tracemalloc.start()
    assert outcome(bomb, limit=4_000_000) == ([], [(0, "too_large")])
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10_000_000


@packings
def test_endless_empty_members_cost_no_time(name: str) -> None:
    empty = b"\xff\x06\x00\x00sNaPpY" if name == "snappy" else PACK[name](b"")
    empties = empty * (1_000_000 // len(empty))
    assert outcome(empties + PACK[name](FORESHOCK), limit=2_000_000) == ([0], [])


def test_a_named_encoding_must_hold_for_all_but_empty_payloads() -> None:
    for name, pack in PACK.items():
        packed = pack(FORESHOCK)
        assert outcome(packed, FORESHOCK, b"", encoding=name) == (
            [0],
            [(1, "bad_encoding"), (2, "empty")],
        )


def test_nothing_is_undone_where_none_is_set() -> None:
    assert outcome(gzip.compress(FORESHOCK), FORESHOCK, encoding="none") == ([1], [(0, "not_utf8")])


def test_snappys_block_form_is_read_where_snappy_is_named() -> None:
    block = snappy_block(FORESHOCK)
    assert outcome(block, snappy(FORESHOCK), encoding="snappy") == ([0, 1], [])
    assert outcome(block[:-2], block[:3], encoding="snappy")[1] == [
        (0, "bad_encoding"),
        (1, "bad_encoding"),
    ]
    claim = b"\xff\xff\xff\xff\x0f" + block[2:]
    assert outcome(claim, encoding="snappy")[1] == [(0, "too_large")]
    assert outcome(block)[0] == []


def test_an_unknown_encoding_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"encoding must be one of auto, .*lz4, got 'brotli'"):
        create_decoder("foreshock-json", CATALOGUE, encoding="brotli")


def test_plain_text_looks_like_no_encoding() -> None:
    assert [encoding_of(text) for text in (b"", FORESHOCK, b"\x1f\x8b", b"(\xb5", b"\x04")] == (
        [""] * 5
    )
    assert [encoding_of(pack(FORESHOCK)) for pack in PACK.values()] == list(PACK)
    assert set(ENCODINGS) == {"auto", "none", *PACK}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(CHECKED)), st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_gives_the_same_text_or_a_fault(name: str, at: int, octet: int) -> None:
    damaged = bytearray(CHECKED[name](FORESHOCK))
    at %= len(damaged)
    assume(name != "snappy" or at != SNAPPY_TYPE_AT)  # another type of chunk is skipped
    damaged[at] = octet
    found = unpacked(bytes(damaged), name, LIMIT)
    assert found == FORESHOCK or isinstance(found, Fault)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(PACK)), st.binary(max_size=80), st.booleans())
def test_random_bytes_never_raise(name: str, raw: bytes, led: bool) -> None:
    magic = PACK[name](FORESHOCK)[:10] if led else b""
    found = unpacked(magic + raw, name, 1_000)
    assert isinstance(found, Fault | bytes)


def test_a_chunk_is_undone_a_few_megabytes_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(FORESHOCK)
    payloads = [packed, b"x", packed, packed[:-1], FORESHOCK, packed] * 3
    whole = outcome(*payloads)
    monkeypatch.setattr(encodings, "_AT_ONCE_BYTES", len(FORESHOCK))
    assert outcome(*payloads) == whole
    assert len(whole[0]) == 12
