"""A topic's range into Parquet files; what is there already is gone on with."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from connectors.archive import COLUMNS, MANIFEST, Archive, parts_of, read_manifest
from connectors.kafka_client import Contact, asking, make_consumer
from connectors.kafka_settings import KafkaSource
from connectors.kafka_source import kafka_origins
from connectors.kafka_to_end import read_to_end

ROWS_A_FILE = 200_000
BYTES_A_FILE = 67_108_864  # of payloads, before they are compressed


class Exported(msgspec.Struct, frozen=True):
    """What an export has come to."""

    records: int  # written by this run
    files: int
    partitions: int


def export(
    source: KafkaSource,
    folder: Path,
    clock: Callable[[], datetime],
    progress: Callable[[float], None] = lambda _: None,
) -> Exported:
    """Write the range of the source's one topic; `progress` is told the share that is done.

    Files appear whole. Run again with the same range, it goes on behind the last of them, to the
    offsets that the first run found.

    Raises: KafkaUnavailableError; ValueError if the folder holds anything else, or another range.
    """
    plan = _begun(source, folder) or _begin(source, folder, clock)
    spans = plan.partitions.values()
    total = max(1, sum(end - first for first, end in spans))
    records = files = done = 0
    for partition, (first, end) in sorted(plan.partitions.items()):
        parts = parts_of(folder, partition, first)
        at = parts[-1].end if parts else first
        for rows, until in _blocks(source, plan.topic, int(partition), at, end):
            if rows:
                _write(folder / f"partition-{partition}", rows, at, until)
                records, files, at = records + len(rows), files + 1, until
            progress((done + until - first) / total)
        done += end - first
    _write_manifest(folder, msgspec.structs.replace(plan, complete=True))
    return Exported(records, files, len(plan.partitions))


def _begun(source: KafkaSource, folder: Path) -> Archive | None:
    """Return the plan that the folder holds; None: it is empty, or not there."""
    if not (folder / MANIFEST).exists():
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder}: must be new or empty, or hold an export of this topic")
        return None
    plan = read_manifest(folder)
    entry = source.entries()[0]
    asked, known = (entry.name, source.start, source.end), (plan.topic, plan.start, plan.end)
    if asked != known:
        raise ValueError(
            f"{folder}: holds {' '.join(known)}: must be of the same topic and range, "
            f"got {' '.join(asked)}"
        )
    return plan


def _begin(source: KafkaSource, folder: Path, clock: Callable[[], datetime]) -> Archive:
    (origin,) = kafka_origins(source, clock)
    spans = {}
    for partition in origin.partitions():
        reader = origin.open(partition, None)
        spans[partition] = reader.span
        reader.close()
    entry = source.entries()[0]
    plan = Archive(entry.name, entry.format, entry.encoding, source.start, source.end, spans)
    folder.mkdir(parents=True, exist_ok=True)
    _write_manifest(folder, plan)
    return plan


def _blocks(
    source: KafkaSource, topic: str, partition: int, start: int, end: int
) -> Iterator[tuple[list[Message], int]]:
    """Yield messages, a file's worth at a time, and the offset behind them, a gap too."""
    if start >= end:
        return
    contact = Contact(f"kafka:{topic}/{partition}", source)
    consumer = make_consumer(source, contact)
    rows: list[Message] = []
    size = 0
    try:
        with asking(source, contact, f"kafka:{topic}/{partition}: read"):
            for message in read_to_end(source, consumer, topic, partition, start, end):
                if len(rows) >= ROWS_A_FILE or size >= BYTES_A_FILE:
                    yield rows, (rows[-1].offset() or 0) + 1
                    rows, size = [], 0
                rows.append(message)
                size += len(message.value() or b"")
    finally:
        consumer.close()
    yield rows, end


def _write(folder: Path, rows: list[Message], first: int, end: int) -> None:
    """Write a file that is there whole or not at all."""
    folder.mkdir(exist_ok=True)
    columns = {
        "partition": [row.partition() for row in rows],
        "offset": [row.offset() for row in rows],
        "timestamp": [_stamp_ms(row) for row in rows],
        "key": [_bytes(row.key()) for row in rows],
        "payload": [_bytes(row.value()) for row in rows],
        "headers": [_headers(row) for row in rows],
    }
    path = folder / f"{first:020d}-{end:020d}.parquet"
    fresh = path.with_suffix(".new")
    pq.write_table(pa.table(columns, schema=COLUMNS), fresh, compression="zstd")
    fresh.replace(path)


def _stamp_ms(row: Message) -> int | None:
    kind, stamp_ms = row.timestamp()
    return None if kind == TIMESTAMP_NOT_AVAILABLE else stamp_ms


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _headers(row: Message) -> list[dict[str, object]]:
    found = row.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return [{"key": key, "value": _bytes(value)} for key, value in pairs]


def _write_manifest(folder: Path, archive: Archive) -> None:
    fresh = folder / f"{MANIFEST}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(archive), indent=2) + b"\n")
    fresh.replace(folder / MANIFEST)
