"""What crosses the exchange: one flat buffer a (chunk, key group), names sent once."""

import struct
from dataclasses import dataclass

import msgspec
import numpy as np

from schema import F64, I64, U64, Command, Series

VERSION = 3
# version, group, partition, flags, samples, bytes of names and of commands, times; whole words,
# so that the columns are aligned
_HEAD = struct.Struct("<HHHHIII4xqq")
_END, _COUNTERS = 1, 2


class Named(msgspec.Struct, frozen=True, array_like=True):
    """A series' name, sent when a partition first meets it and when its attributes change."""

    uid: int
    resource_id: int
    ts_ms: int  # of the first sample that bears it
    series: Series


@dataclass(slots=True)
class Packed:
    """One chunk's samples for one key group, and how far its partition has got."""

    group: int
    partition: int
    watermark_ms: int  # every earlier tick of this partition is complete
    max_event_ms: int  # largest event time the partition has seen
    end: bool  # nothing follows from this partition
    uid: U64
    ts_ms: I64
    value: F64
    names: tuple[Named, ...]
    start_ms: I64 | None = None  # as in `schema.SampleBatch`
    count: F64 | None = None
    commands: tuple[Command, ...] = ()  # of the control log; every group gets every one


_names_encoder = msgspec.msgpack.Encoder()
_names_decoder = msgspec.msgpack.Decoder(tuple[Named, ...])
_commands_decoder = msgspec.msgpack.Decoder(tuple[Command, ...])


def pack(item: Packed) -> bytes:
    """Return `item` as one buffer: a header, three or five columns, names, commands."""
    names = _names_encoder.encode(item.names) if item.names else b""
    commands = msgspec.msgpack.encode(item.commands) if item.commands else b""
    counters = b""
    if item.start_ms is not None and item.count is not None:
        counters = item.start_ms.tobytes() + item.count.tobytes()
    head = _HEAD.pack(
        VERSION,
        item.group,
        item.partition,
        (_END if item.end else 0) | (_COUNTERS if counters else 0),
        len(item.uid),
        len(names),
        len(commands),
        item.watermark_ms,
        item.max_event_ms,
    )
    columns = (item.uid.tobytes(), item.ts_ms.tobytes(), item.value.tobytes(), counters)
    return b"".join((head, *columns, names, commands))


def group_in(buffer: bytes) -> int:
    """Return the key group that a buffer is for."""
    return int(_HEAD.unpack_from(buffer)[1])


def unpack(buffer: bytes) -> Packed:
    """Return what `pack` packed; the columns are read-only views of the buffer."""
    head = _HEAD.unpack_from(buffer)
    version, group, partition, flags, n, names_size, commands_size, watermark_ms, newest_ms = head
    if version != VERSION:
        raise ValueError(f"packed samples must be of version {VERSION}, got {version!r}")
    at = _HEAD.size
    counters = bool(flags & _COUNTERS)
    names_at = at + (40 if counters else 24) * n
    commands_at = names_at + names_size
    memory = memoryview(buffer)
    return Packed(
        group,
        partition,
        watermark_ms,
        newest_ms,
        bool(flags & _END),
        np.frombuffer(buffer, np.uint64, n, at),
        np.frombuffer(buffer, np.int64, n, at + 8 * n),
        np.frombuffer(buffer, np.float64, n, at + 16 * n),
        _names_decoder.decode(memory[names_at:commands_at]) if names_size else (),
        np.frombuffer(buffer, np.int64, n, at + 24 * n) if counters else None,
        np.frombuffer(buffer, np.float64, n, at + 32 * n) if counters else None,
        _commands_decoder.decode(memory[commands_at:]) if commands_size else (),
    )
