"""Lines of a plain, gzip or Zstandard file, at bounded memory, whatever the file holds.

Nothing here raises on what a file holds. What cannot be read becomes a payload that no decoder
accepts: `UNREADABLE`, the reason, and the bytes concerned. So it ends as a reject with its reason.
"""

import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import zstandard

from connectors.formats.encodings import encoding_of

UNREADABLE = b"!unreadable: "  # starts neither JSON nor a number, so no decoder takes it
BLOCK_BYTES = 262_144
SLICE_BYTES = 1024  # of compressed input at once: at worst 33 MB come out of it (Zstandard)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DAMAGE = (zlib.error, zstandard.ZstdError)
_BY_SUFFIX = {".gz": "gzip", ".zst": "zstd"}
_GZIP_FORMAT = 31  # zlib's window bits for "gzip header and trailer, 32 KiB window"


class CorruptStreamError(ValueError):
    """A compressed stream that cannot be read on; what came before it is good."""


class Run(NamedTuple):
    """Payloads at consecutive positions from `position`; the next one stands at `next_position`."""

    position: int
    payloads: Sequence[bytes]
    next_position: int


def unreadable(why: str, raw: bytes = b"") -> bytes:
    """Return the payload that stands for input which cannot be read."""
    return UNREADABLE + why.encode() + (b": " + raw if raw else b"")


def read_lines(path: Path, start: int, max_line_bytes: int) -> Generator[Run, None, None]:
    r"""Yield the lines of the file from line number `start` (from 0).

    A line ends in "\n" or "\r\n", which is not part of it; the last one may end without. An empty
    line is a line. A line longer than `max_line_bytes` is cut there and marked unreadable. A
    damaged or truncated compressed stream gives what could be read, then one line, marked
    unreadable, that says so.

    Memory: a block, a line, and what `SLICE_BYTES` expand to.
    Raises: ValueError if the file has fewer than `start` lines: it is not the one that was read.
    """
    position = 0
    for lines in split_lines(_blocks(path), max_line_bytes):
        end = position + len(lines)
        if end > start:
            skip = max(0, start - position)
            yield Run(position + skip, lines[skip:] if skip else lines, end)
        position = end
    if position < start:
        raise ValueError(f"{path}: must have at least {start} lines to go on, got {position}")


def split_lines(blocks: Iterator[bytes], max_line_bytes: int) -> Iterator[list[bytes]]:
    """Yield the lines that each block completes; see `read_lines` for what a line is."""
    carry = bytearray()  # the line that the blocks so far have left open, as far as it is kept
    size = 0  # its true length
    first = True
    damage = ""
    try:
        for block in blocks:
            lines = block.split(b"\n")
            if first:
                first, lines[0] = False, lines[0].removeprefix(_BYTE_ORDER_MARK)
            tail = lines.pop()
            if lines:
                size += len(lines[0])  # true length of the first; others are whole in this block
                if carry:
                    carry += lines[0][: max_line_bytes + 1 - len(carry)]
                    lines[0] = bytes(carry)
                if carry or b"\r" in block or max(map(len, lines)) > max_line_bytes:
                    lengths = [size, *map(len, lines[1:])]
                    pairs = zip(lines, lengths, strict=True)
                    lines = [_finished(line, length, max_line_bytes) for line, length in pairs]
                yield lines
                carry.clear()
                size = 0
            size += len(tail)
            carry += tail[: max_line_bytes + 1 - len(carry)]
    except CorruptStreamError as ex:
        damage = str(ex)
    rest = [_finished(bytes(carry), size, max_line_bytes)] if size else []
    if damage:
        rest.append(unreadable(damage))
    if rest:
        yield rest


def _finished(line: bytes, size: int, max_line_bytes: int) -> bytes:
    if size > max_line_bytes:
        return unreadable(f"cut at {max_line_bytes} of {size} bytes", line[:max_line_bytes])
    return line[:-1] if line.endswith(b"\r") else line


def head_of(path: Path, size: int) -> bytes:
    """Return the first bytes of the file, gzip and Zstandard undone as far as it can be.

    Raises: OSError if it cannot be read.
    """
    blocks = _blocks(path)
    with closing(blocks), suppress(CorruptStreamError):
        return next(blocks, b"")[:size]
    return b""


def _blocks(path: Path) -> Generator[bytes, None, None]:
    """Yield the file's bytes; compressed is what its name says or, if that says nothing, begins."""
    with path.open("rb") as file:
        kind = _BY_SUFFIX.get(path.suffix) or encoding_of(file.read(4))
        file.seek(0)
        if kind == "gzip":
            yield from _inflated(file, kind, lambda: zlib.decompressobj(_GZIP_FORMAT))
        elif kind == "zstd":
            zstd = zstandard.ZstdDecompressor()
            yield from _inflated(file, kind, zstd.decompressobj)
        else:
            while block := file.read(BLOCK_BYTES):
                yield block


class _Member(Protocol):
    """One gzip member or Zstandard frame being decompressed."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _inflated(file: BinaryIO, kind: str, new_member: Callable[[], _Member]) -> Iterator[bytes]:
    """Members one after the other, as both formats allow; zero bytes after one are padding."""
    member: _Member | None = None
    begin = 0  # where in the file it begins
    out = bytearray()
    raw = b""
    while raw := raw or file.read(SLICE_BYTES):
        if member is None:
            raw = raw.lstrip(b"\0") if file.tell() > len(raw) else raw
            if not raw:
                continue
            member, begin = new_member(), file.tell() - len(raw)
        try:
            out += member.decompress(raw)
        except _DAMAGE as ex:
            yield bytes(out) + _salvaged(file, begin, file.tell() - len(raw), new_member())
            raise CorruptStreamError(f"{kind} stream is damaged ({ex})") from ex
        raw = member.unused_data if member.eof else b""
        if member.eof:
            member = None
        if len(out) >= BLOCK_BYTES:
            yield bytes(out)
            out.clear()
    yield bytes(out)
    if member is not None:
        raise CorruptStreamError(f"{kind} stream ends before its end mark")


def _salvaged(file: BinaryIO, begin: int, at: int, member: _Member) -> bytes:
    """Return what can be read from `at` to the damage, in a member that begins at `begin`.

    A call that meets the damage gives nothing, so the rest is read again, a byte a call.
    """
    file.seek(begin)
    while file.tell() < at:
        member.decompress(file.read(min(SLICE_BYTES, at - file.tell())))
    out = bytearray()
    with suppress(*_DAMAGE):
        while byte := file.read(1):
            out += member.decompress(byte)
    return bytes(out)
