"""From settings to open sources: formats, encodings and the inventory reach the decoders."""

import gzip
from pathlib import Path

import msgspec
import pytest

from config.app import App
from config.catalogue import load_catalogue
from flows.assemble import Sources
from schema import Series, SeriesTable

CATALOGUE = load_catalogue()
CPU = b'{"fields":{"usage_idle":30},"name":"cpu","tags":{"host":"raynor"},"timestamp":1458229140}\n'


def read(app: App) -> tuple[set[str], list[Series], list[str]]:
    """Return the formats that were found, the series, and the reasons of rejects."""
    sources = Sources(app, CATALOGUE)
    formats: set[str] = set()
    series: list[Series] = []
    reasons: list[str] = []
    for origin in sources.origins:
        for partition in origin.partitions():
            decoder, table = sources.decoder(origin.name, partition), SeriesTable()
            reader = origin.open(partition, None)
            while chunk := reader.read():
                reasons += [reason for _, reason, _ in decoder(chunk.payloads, table).rejects]
            formats.add(decoder.format)
            series += table.series
    return formats, series, reasons


def app(folder: Path, source: dict[str, object], **given: object) -> App:
    files = {"type": "files", "paths": [str(folder)], **source}
    return msgspec.convert({"sources": [files], **given}, App)


def test_an_inventory_speaks_of_the_resources_of_every_source(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(CPU)
    known = tmp_path / "known.csv"
    known.write_text("name,team\nray*,shop\n")
    given = app(
        tmp_path / "a.jsonl", {"format": "auto"}, inventory={"type": "file", "path": str(known)}
    )
    formats, series, reasons = read(given)
    assert (formats, reasons) == ({"telegraf-json"}, [])
    assert [s.resource.attributes for s in series] == [(("team", "shop"),)]


def test_a_bad_inventory_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(CPU)
    known = tmp_path / "known.jsonl"
    known.write_text('{"match":{},"attributes":{"team":"shop"}}')
    given = app(
        tmp_path / "a.jsonl", {"format": "auto"}, inventory={"type": "file", "path": str(known)}
    )
    with pytest.raises(ValueError, match=r"known\.jsonl: line 1: match must have at least one"):
        Sources(given, CATALOGUE)


@pytest.mark.parametrize(
    ("encoding", "reasons"), [("auto", []), ("gzip", []), ("zstd", ["bad_encoding"])]
)
def test_the_encoding_of_whole_files_reaches_their_decoder(
    tmp_path: Path, encoding: str, reasons: list[str]
) -> None:
    (tmp_path / "empty.bin").write_bytes(gzip.compress(b"\x0a\x00"))  # a lawful envelope
    given = app(tmp_path, {"format": "otlp-proto", "encoding": encoding})
    assert read(given) == ({"otlp-proto"}, [], reasons)
