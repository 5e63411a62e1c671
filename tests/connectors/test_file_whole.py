import gzip
from pathlib import Path

import msgspec
import pytest

from connectors.files import FileOrigin, FileSource
from connectors.formats.auto import AUTO
from connectors.formats.registry import BINARY_FORMATS, create_decoder
from schema import SeriesTable
from tests.connectors.formats.payloads import CATALOGUE, FORESHOCK, ONE_POINT
from tests.connectors.reading import MARK, chunks, payloads, read, source, write

binary = pytest.mark.parametrize("name", sorted(BINARY_FORMATS))
ENDINGS = ["a.bin", "a.pb", "a", "a.dat", "a.jsonl", "a.bin.gz", "a.bin.zst"]


def decoded(path: Path, format_name: str, encoding: str = "auto") -> tuple[int, list[str]]:
    """Return how many samples a file gives, and the reasons of its rejects."""
    origin = FileOrigin(source(path, format=format_name, encoding=encoding))
    (partition,) = origin.partitions()
    decoder = create_decoder(
        origin.format_of(partition), CATALOGUE, encoding=origin.encoding_of(partition)
    )
    table = SeriesTable()
    found = [decoder(chunk.payloads, table) for chunk in chunks(origin, partition)]
    return sum(len(f.batch.value) for f in found), [r for f in found for _, r, _ in f.rejects]


@binary
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("auto", [False, True])
def test_a_file_of_a_binary_format_is_one_payload_whatever_its_name(
    tmp_path: Path, name: str, ending: str, auto: bool
) -> None:
    path = write(tmp_path / ending, ONE_POINT[name])
    whole = read(path, format=AUTO if auto else name)
    assert [position for position, _ in whole] == [0]
    count, rejects = decoded(path, AUTO if auto else name)
    assert count >= 1
    assert rejects == []


@binary
def test_an_encoding_without_its_ending_is_undone_and_a_named_one_must_hold(
    tmp_path: Path, name: str
) -> None:
    packed = write(tmp_path / "packed", gzip.compress(ONE_POINT[name]))
    plain = write(tmp_path / "plain", ONE_POINT[name])
    for encoding in ("auto", "gzip"):
        assert decoded(packed, name, encoding)[1] == []
    assert decoded(plain, name, "gzip") == (0, ["bad_encoding"])


def test_text_is_read_in_lines_by_auto_whatever_its_name(tmp_path: Path) -> None:
    for ending in ("a.bin", "a.jsonl", "a.jsonl.gz", "a"):
        path = write(tmp_path / ending, FORESHOCK + b"\n" + FORESHOCK + b"\n")
        assert payloads(path, format=AUTO) == [FORESHOCK, FORESHOCK]
        assert decoded(path, AUTO) == (2, [])


def test_lines_that_are_packed_without_an_ending_are_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "firehose.log", gzip.compress(FORESHOCK + b"\n" + FORESHOCK))
    for name in ("foreshock-json", AUTO):
        assert payloads(path, format=name) == [FORESHOCK, FORESHOCK]
        assert decoded(path, name) == (2, [])


def test_a_resumed_whole_file_has_ended(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"\x0a\x00")
    assert read(path, 0, format="otlp-proto") == [(0, b"\x0a\x00")]
    assert read(path, 1, format="otlp-proto") == []
    with pytest.raises(ValueError, match=r"a\.bin: must have at least 2 payloads to go on, got 1"):
        FileOrigin(source(path, format="otlp-proto")).open("a.bin", 2)


def test_an_empty_file_has_no_payload(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.bin", b""), format="otlp-proto") == []
    assert read(write(tmp_path / "b.bin", b""), format=AUTO) == []


def test_a_file_over_the_limit_is_cut_and_marked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"\0" * 11)
    assert payloads(path, format="otlp-proto", max_payload_bytes=11) == [b"\0" * 11]
    assert payloads(path, format="otlp-proto", max_payload_bytes=10) == [
        MARK + b"cut at 10 of 11 bytes: " + b"\0" * 10
    ]


def test_a_folder_means_more_files_for_binary_formats_and_auto(tmp_path: Path) -> None:
    for name in ("a.bin", "b.jsonl", "c.pb.gz", "d.dat", ".hidden.bin", "e.txt"):
        write(tmp_path / name, b"x")
    files = ["a.bin", "b.jsonl", "c.pb.gz", "d.dat", "e.txt"]
    assert FileOrigin(source(tmp_path, format="otlp-proto")).partitions() == files
    assert FileOrigin(source(tmp_path, format=AUTO)).partitions() == files[:3]
    assert FileOrigin(source(tmp_path, format="foreshock-json")).partitions() == ["b.jsonl"]
    assert FileOrigin(source(tmp_path / "*.d*", format="otlp-proto")).partitions() == ["d.dat"]


def test_a_manifest_may_name_files_of_binary_formats(tmp_path: Path) -> None:
    write(tmp_path / "x.dat", ONE_POINT["otlp-proto"])
    write(tmp_path / "manifest.json", b'{"files":{"x.dat":"otlp-proto"}}')
    origin = FileOrigin(source(tmp_path, format=""))
    assert origin.partitions() == ["x.dat"]
    assert origin.format_of("x.dat") == "otlp-proto"
    assert len(chunks(origin, "x.dat")) == 1


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"x")
    origin = FileOrigin(source(path, format=AUTO))
    path.unlink()
    for ask in (origin.encoding_of, lambda partition: origin.open(partition, None)):
        with pytest.raises(ValueError, match=r"a\.bin: must be readable, got No such file"):
            ask("a.bin")


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match=r"encoding must be one of auto, .* got 'zip'"):
        FileSource(("a",), encoding="zip")
    assert msgspec.convert({"paths": ["a"]}, FileSource).encoding == "auto"
