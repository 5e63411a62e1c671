"""Files for tests, and reading them whole."""

import gzip
import json
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

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


TABLE = b"resource,metric,timestamp,value\n" + b"".join(
    b"i-%d,cpu,%d,%d.5\n" % (i, 1_772_359_200 + i, i) for i in range(60)
)


def make(path: Path) -> Path:
    if path.suffix != ".parquet":
        return write(path, TABLE)
    columns = {"timestamp": list(range(60)), "value": [0.5 * i for i in range(60)]}
    pq.write_table(pa.table(columns), path, row_group_size=25)
    return path
