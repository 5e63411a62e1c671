"""Where a look begins: the partitions of topics and files, and standard input, read in turn."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from config.app import App
from connectors.file_lines import BLOCK_BYTES, read_lines, split_lines
from connectors.file_whole import HEAD_BYTES, is_whole
from connectors.files import FileReader, FileSource
from connectors.formats.registry import create_decoder
from connectors.origin import Reader
from flows.assemble import Sources
from schema import Catalogue, Chunk, NamedDecoder, SeriesTable

WAIT_S = 0.02  # between polls when nothing has come
STALL_S = 30.0  # a bounded read that gets nothing for so long before its end gives up
LIMITS = FileSource(paths=("-",))


class InputStalledError(RuntimeError):
    """An input that has an end does not get there."""


class Taken(NamedTuple):
    """Payloads and where each stands."""

    payloads: Sequence[bytes]
    positions: Sequence[int]


NOTHING = Taken((), ())


@dataclass(slots=True)
class Feed:
    """One partition to look at."""

    source: str
    partition: str
    open: Callable[[], Reader]
    decoder: NamedDecoder
    table: SeriesTable = field(default_factory=SeriesTable)


def feeds_of(app: App, catalogue: Catalogue) -> list[Feed]:
    """Return a feed for each partition of the sources of `app`, without opening any.

    Raises: what their origins raise: ValueError of paths, KafkaUnavailableError of topics.
    """
    sources = Sources(app, catalogue)
    return [
        Feed(
            origin.name,
            partition,
            partial(origin.open, partition, None),
            sources.decoder(origin.name, partition),
        )
        for origin in sources.origins
        for partition in origin.partitions()
    ]


def lines_feed(path: Path, format_name: str, app: App, catalogue: Catalogue) -> Feed:
    """Return a feed of the lines of one file, whatever its name ends in.

    Raises: ValueError of an unknown format.
    """
    decoder = create_decoder(format_name, catalogue, app.decode, source=path.name)

    def open_() -> Reader:
        return FileReader(read_lines(path, 0, LIMITS.max_payload_bytes), LIMITS)

    return Feed("files", path.name, open_, decoder)


def stream_feed(
    name: str, file: BinaryIO, format_name: str, app: App, catalogue: Catalogue
) -> Feed:
    """Return a feed of a stream, such as standard input, read as it comes."""
    decoder = create_decoder(format_name, catalogue, app.decode, source=name)
    return Feed(name, "-", lambda: StreamReader(file, format_name), decoder)


class StreamReader:
    """A stream of lines, each as soon as it has come, or of one binary payload."""

    def __init__(self, file: BinaryIO, format_name: str) -> None:
        self.ended = False
        self._lines = _stream_lines(file, format_name)
        self._position = 0

    @property
    def caught_up(self) -> bool:
        """True at the end."""
        return self.ended

    @property
    def share(self) -> float:
        """Nobody knows."""
        return 0.0

    def read(self) -> Chunk | None:
        """Wait for what comes next; None at the end."""
        lines = next(self._lines, None)
        if lines is None:
            self.ended = True
            return None
        start, self._position = self._position, self._position + len(lines)
        return Chunk(lines, range(start, self._position), self._position)

    def close(self) -> None:
        """Leave the stream to its owner."""


def _stream_lines(file: BinaryIO, format_name: str) -> Iterator[list[bytes]]:
    read = getattr(file, "read1", file.read)
    head = read(BLOCK_BYTES)
    if is_whole(format_name, head[:HEAD_BYTES]):
        yield [head + file.read()]
        return
    rest = iter(lambda: read(BLOCK_BYTES), b"")
    yield from split_lines(chain([head], rest), LIMITS.max_payload_bytes)


def take_in_order(feeds: Sequence[Feed], limit: int | None) -> Iterator[tuple[Feed, Taken]]:
    """Yield the payloads of one feed after the other, `limit` at most.

    Raises: InputStalledError if nothing comes for `STALL_S` before an end.
    """
    left = limit
    for feed in feeds:
        if left is not None and left <= 0:
            return
        reader = feed.open()
        try:
            for taken in _to_the_end(feed, reader):
                share = taken if left is None else _first(taken, left)
                left = None if left is None else left - len(share.payloads)
                yield feed, share
                if left is not None and left <= 0:
                    break
        finally:
            reader.close()


def _to_the_end(feed: Feed, reader: Reader) -> Iterator[Taken]:
    heard_s = time.monotonic()
    while not reader.ended:
        chunk = reader.read()
        if chunk is not None:
            heard_s = time.monotonic()
            if chunk.payloads:
                yield Taken(chunk.payloads, chunk.positions)
        elif not reader.ended:
            if time.monotonic() - heard_s > STALL_S:
                raise InputStalledError(
                    f"{feed.source}/{feed.partition}: nothing came for {STALL_S:g} s, "
                    "and it is not at its end"
                )
            time.sleep(WAIT_S)


def take_shares(feeds: Sequence[Feed], limit: int) -> Iterator[tuple[Feed, Taken]]:
    """Yield `limit` payloads at most, as even a share of each feed as they have.

    Raises: InputStalledError as `take_in_order`.
    """
    with ExitStack() as stack:
        rests = [_Rest(feed, stack) for feed in feeds]
        left = limit
        while rests and left > 0:
            share = -(-left // len(rests))
            for rest in list(rests):
                wanted = min(share, left)
                while wanted > 0:
                    taken = rest.take(wanted)
                    if taken is None:
                        rests.remove(rest)
                        break
                    wanted -= len(taken.payloads)
                    left -= len(taken.payloads)
                    yield rest.feed, taken


class _Rest:
    """What is still to be taken of a feed that has an end."""

    def __init__(self, feed: Feed, stack: ExitStack) -> None:
        self.feed = feed
        reader = feed.open()
        stack.callback(reader.close)
        self._more = _to_the_end(feed, reader)
        self._read = NOTHING

    def take(self, count: int) -> Taken | None:
        """Return up to `count` payloads, None at the end."""
        if not self._read.payloads:
            following = next(self._more, None)
            if following is None:
                return None
            self._read = following
        taken = _first(self._read, count)
        self._read = Taken(self._read.payloads[count:], self._read.positions[count:])
        return taken


def take_for_ever(feeds: Sequence[Feed], limit: int | None) -> Iterator[tuple[Feed, Taken]]:
    """Yield payloads of all feeds as they come, until all have ended or `limit` is reached."""
    with ExitStack() as stack:
        readers: list[tuple[Feed, Reader]] = []
        for feed in feeds:
            reader = feed.open()
            stack.callback(reader.close)
            readers.append((feed, reader))
        left = limit
        while not all(reader.ended for _, reader in readers):
            came = False
            for feed, reader in readers:
                chunk = None if reader.ended else reader.read()
                if chunk is None or not chunk.payloads:
                    continue
                came = True
                taken = Taken(chunk.payloads, chunk.positions)
                if left is not None:
                    taken = _first(taken, left)
                    left -= len(taken.payloads)
                yield feed, taken
                if left == 0:
                    return
            if not came:
                time.sleep(WAIT_S)


def _first(taken: Taken, count: int) -> Taken:
    return Taken(taken.payloads[:count], taken.positions[:count])
