"""What holds for each format, whatever the payload."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.formats.reasons import REASONS
from connectors.formats.registry import BINARY_FORMATS, FORMATS, create_decoder
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from schema import SeriesTable
from tests.connectors.formats.payloads import CATALOGUE, ONE_POINT, decode

formats = pytest.mark.parametrize("name", FORMATS)
# Of these an envelope without points is legal: it gives neither a sample nor a reject.
MAY_BE_EMPTY = {"otlp-json", "otlp-proto"}
texts = pytest.mark.parametrize("name", [name for name in FORMATS if name not in BINARY_FORMATS])

BROKEN = [
    ("nothing", lambda p: b"", "empty"),
    ("white space", lambda p: b" \r\n\t ", "empty"),
    ("truncated", lambda p: p[: len(p) // 2], "malformed_json"),
    ("one byte short", lambda p: p[:-1], "malformed_json"),
    ("trailing text", lambda p: p + b"x", "malformed_json"),
    ("UTF-16", lambda p: p.decode().encode("utf-16"), "not_utf8"),
    ("UTF-16 without BOM", lambda p: p.decode().encode("utf-16-le"), "not_utf8"),
    ("latin-1 in a string", lambda p: p.replace(b'"', b'"\xe9', 1), "not_utf8"),
    ("NUL in a string", lambda p: p.replace(b'"', b'"\0', 1), "malformed_json"),
    ("NUL before", lambda p: b"\0" + p, "not_utf8"),
    ("deep arrays", lambda p: b"[" * 100_000 + b"]" * 100_000, "wrong_shape"),
    ("deep objects", lambda p: b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "malformed_json"),
    ("deep in the point", lambda p: p[:-1] + b',"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
     "malformed_json"),
    ("a number", lambda p: b"7", "wrong_shape"),
    ("a string", lambda p: b'"x"', "wrong_shape"),
    ("null", lambda p: b"null", "wrong_shape"),
    ("an array of numbers", lambda p: b"[7]", "wrong_shape"),
    ("17 MB", lambda p: p + b" " * 17_000_000, "too_large"),
    ("a bare NaN", lambda p: p[:-1] + b',"x":NaN}', "not_finite"),
    ("a lone surrogate", lambda p: p.replace(b'"', b'"\\ud800', 1), "malformed_json"),
    ("binary", lambda p: bytes(range(256)), "not_utf8"),
]  # fmt: skip


@texts
@pytest.mark.parametrize(("damage", "reason"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_broken_payload_is_one_reject_and_spares_its_neighbours(
    name: str, damage: Callable[[bytes], bytes], reason: str
) -> None:
    good = ONE_POINT[name]
    found = decode(name, good, damage(good), good)
    assert found.reasons == [(1, reason)]
    assert [s.payload for s in found.samples] == [0, 2]
    assert found.rejects[0][2]


@texts
def test_a_good_payload_survives_bom_blanks_line_breaks_and_unknown_keys(name: str) -> None:
    good = ONE_POINT[name]
    spaced = good.replace(b",", b" ,\r\n\t")
    found = decode(
        name, good, b"\xef\xbb\xbf" + good, good + b"\r\n", b"\n " + good, spaced,
        good[:-1] + b',"new":{"a":[1,"x",null]}}',
    )  # fmt: skip
    assert found.rejects == []
    assert len(set(found.values)) == 1
    assert [s.payload for s in found.samples] == [0, 1, 2, 3, 4, 5]


@texts
def test_lines_of_a_payload_are_read_one_by_one(name: str) -> None:
    good = ONE_POINT[name]
    found = decode(name, b"\n".join([good, good[:-1], b"", good, b"7"]), good)
    assert [reason for _, reason in found.reasons] == ["malformed_json", "empty", "wrong_shape"]
    assert [s.payload for s in found.samples] == [0, 0, 1]


@texts
def test_a_broken_document_over_several_lines_is_one_reject(name: str) -> None:
    spaced = ONE_POINT[name].replace(b",", b",\n")
    assert decode(name, spaced[:-1]).reasons == [(0, "malformed_json")]


@texts
def test_two_broken_halves_never_make_a_point(name: str) -> None:
    good = ONE_POINT[name]
    for cut in (good.index(b","), good.index(b":"), len(good) - 1):
        found = decode(name, good[:cut], good[cut:] + b"\n" + good)
        assert len(found.samples) == 1
        assert {i for i, _ in found.reasons} == {0, 1}


@formats
def test_the_limit_of_a_payload_is_inclusive(name: str) -> None:
    good = ONE_POINT[name]
    limit = DecodeSettings(max_payload_bytes=len(good))
    found = decode(name, good, good + b" ", good, settings=limit)
    assert found.reasons == [(1, "too_large")]
    assert len(found.samples) == 2


@formats
def test_no_payloads_give_empty_columns(name: str) -> None:
    found = create_decoder(name, CATALOGUE)([], SeriesTable())
    dtypes = [c.dtype for c in (found.batch.series, found.batch.ts_ms, found.batch.value)]
    assert dtypes == [np.int32, np.int64, np.float64]
    assert len(found.batch.payload) == 0


@formats
def test_another_table_is_filled_anew(name: str) -> None:
    decoder, first, second = create_decoder(name, CATALOGUE), SeriesTable(), SeriesTable()
    decoder([ONE_POINT[name]], first)
    decoder([ONE_POINT[name]], second)
    assert first.series == second.series
    assert len(first.series) == 1


@formats
@pytest.mark.parametrize("block_bytes", [1, 1_000, 10_000])
def test_where_blocks_end_makes_no_difference(
    name: str, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = ONE_POINT[name]
    payloads = [good, good[:-3], good, b"", good + b"\n" + good] * 9
    whole = decode(name, *payloads)
    monkeypatch.setattr("connectors.formats.blocks._BLOCK_BYTES", block_bytes)
    assert decode(name, *payloads) == whole


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"format must be one of azure-monitor.*got 'csv'"):
        create_decoder("csv", CATALOGUE)


@pytest.mark.parametrize("field", ["max_payload_bytes", "cache_entries", "cache_bytes"])
def test_settings_must_be_positive(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be at least 1, got 0"):
        DecodeSettings(**{field: 0})


JUNK = [b"1e999", b"-1e999", b"NaN", b"null", b"true", b'"12"', b'""', b"{}", b"[]", b"9" * 400,
        b"-1", b"0", b"\xff", b"\0", b"\n", b"\\", b'"', b"{", b"}", b",", b":", b"1.5",
        b'"2019-02-19T21:00:00Z"', b"253402300800000"]  # fmt: skip


def mutate(payload: bytes, seed: int) -> bytes:
    """Damage a payload in a few places: cut, repeat, overwrite, or swap a value for junk."""
    rng = random.Random(seed)
    text = bytearray(payload)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.randrange(12))
        kind = rng.randrange(4)
        if kind == 0:
            del text[at:end]
        elif kind == 1:
            text[at:at] = text[at:end]
        elif kind == 2:
            text[at:end] = rng.choice(JUNK)
        else:
            colon = text.find(b":", at)
            stops = [i for i in (text.find(b",", colon), text.find(b"}", colon)) if i > 0]
            if colon > 0 and stops:
                text[colon + 1 : min(stops)] = rng.choice(JUNK)
    return bytes(text)


def holds_text_alone(name: str, payload: bytes) -> bool:
    """Say whether a mutant has become a metric whose fields are text or null: no points."""
    if name != "telegraf-json":
        return False
    try:
        fields = json.loads(payload)["fields"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(fields, dict) and all(
        v is None or isinstance(v, str) for v in fields.values()
    )


@formats
@given(seeds=st.lists(st.integers(0, 2**32), min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_mutants_never_raise_and_decode_alike_together_and_alone(
    name: str, seeds: list[int]
) -> None:
    payloads = [mutate(ONE_POINT[name], seed) for seed in seeds]
    together, alone = decode(name, *payloads), decode(name, *payloads, together=False)
    assert together == alone
    assert all(np.isfinite(together.values))
    assert {reason for _, reason in together.reasons} <= set(REASONS)
    seen = [s.payload for s in together.samples] + [i for i, _ in together.reasons]
    if name in MAY_BE_EMPTY:
        return
    silent = {i for i, payload in enumerate(payloads) if holds_text_alone(name, payload)}
    assert set(seen) | silent == set(range(len(payloads)))
    for i, payload in enumerate(payloads):
        if i not in silent and b"\n" not in payload and payload.count(ONE_POINT[name][:12]) <= 1:
            assert seen.count(i) >= 1


@given(raw=st.lists(st.binary(max_size=60), max_size=8), name=st.sampled_from(FORMATS))
@settings(max_examples=80, deadline=None)
def test_random_bytes_are_rejected_payload_by_payload(raw: list[bytes], name: str) -> None:
    found = decode(name, *raw)
    assert found.samples == []
    if name not in MAY_BE_EMPTY:
        assert {i for i, _ in found.reasons} == set(range(len(raw)))


@formats
def test_endless_identities_leave_the_cache_bounded(name: str) -> None:
    limits = DecodeSettings(cache_entries=10, cache_bytes=1_000_000)
    decoder, table = create_decoder(name, CATALOGUE, limits), SeriesTable()
    mark = {b"SERVICE", b"i-123456789012", b"i-0a1b", b"raynor", b"my.service", b'"s"'}
    found = next(m for m in mark if m in ONE_POINT[name])
    for i in range(300):  # binary formats count bytes: the new name is as long
        new = b'"s%d"' % i if found == b'"s"' else b"%0*d" % (len(found), i)
        decoder([ONE_POINT[name].replace(found, new), ONE_POINT[name]], table)
    assert len(table.series) == 301
    inside: object = decoder
    while "_decode" in vars(inside):
        inside = vars(inside)["_decode"]
    book = vars(inside)["_book"]
    assert isinstance(book, SeriesBook)
    assert 0 < len(book.identities) <= 20


def test_every_format_and_reason_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    assert [name for name in (*FORMATS, *REASONS) if f"`{name}`" not in text] == []
