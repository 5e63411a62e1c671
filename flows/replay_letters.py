"""Original payloads of a dead letter, written back: to topics, or to files for a backtest."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from connectors.kafka_client import Contact, KafkaUnavailableError, find_partitions, make_consumer
from connectors.kafka_settings import KafkaClient, KafkaOutput
from connectors.kafka_sink import Outgoing, Outlet
from flows.dead_letters import Payload, is_text, stream_of

PREFIX = "kafka:"  # of the name of a source that is a topic
ANY = -1  # partition: as the producer likes
_AT_ONCE, _AT_ONCE_BYTES = 500, 4_194_304
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_JSON = msgspec.json.Decoder(msgspec.Raw)


class Destination(Protocol):
    """Where payloads go. `written`: how many, by place."""

    written: dict[str, int]

    def write(self, payloads: list[Payload]) -> None:
        """Write some, in order."""
        ...


def replay(payloads: Iterable[Payload], to: Destination, progress: Callable[[int], None]) -> None:
    """Write all payloads, telling `progress` how many have been written."""
    done = 0
    for batch in _batches(payloads):
        to.write(batch)
        done += len(batch)
        progress(done)


def _batches(payloads: Iterable[Payload]) -> Iterator[list[Payload]]:
    batch: list[Payload] = []
    size = 0
    for payload in payloads:
        batch.append(payload)
        size += len(payload.raw)
        if len(batch) >= _AT_ONCE or size >= _AT_ONCE_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class Topics:
    """Topics, each there already: `topic`, else the one that a payload came from.

    A payload goes back into the partition that it came from, elsewhere into any.

    Raises: KafkaUnavailableError if no broker answers, or a topic does not exist.
    """

    def __init__(
        self, clients: Callable[[str], KafkaClient], sources: Iterable[str], topic: str | None
    ) -> None:
        self.written: dict[str, int] = {}
        self._topic = topic
        self._outlets: dict[str, Outlet] = {}
        self._partitions: dict[str, frozenset[int]] = {}
        for name in {self._target(source) for source in sources}:
            client = clients(name)
            self._partitions[name] = frozenset(_partitions(client, name))
            self._outlets[name] = Outlet(
                KafkaOutput(
                    brokers=client.brokers,
                    client_id=client.client_id,
                    connect_timeout_s=client.connect_timeout_s,
                    properties=client.properties,
                    topic=name,
                )
            )

    def write(self, payloads: list[Payload]) -> None:
        """Write and wait until the brokers have them."""
        records: dict[str, list[Outgoing]] = {}
        for payload in payloads:
            name = self._target(payload.source)
            home = payload.source == PREFIX + name and payload.partition.isdecimal()
            partition = int(payload.partition) if home else ANY
            if partition not in self._partitions[name]:
                partition = ANY
            records.setdefault(name, []).append(Outgoing(None, payload.raw, [], partition))
        for name, some in records.items():
            self._outlets[name].write(some)
            place = PREFIX + name
            self.written[place] = self.written.get(place, 0) + len(some)

    def _target(self, source: str) -> str:
        return self._topic or source.removeprefix(PREFIX)


def _partitions(client: KafkaClient, topic: str) -> list[int]:
    contact = Contact(f"kafka:{topic}", client)
    consumer = make_consumer(client, contact)
    try:
        found = find_partitions(client, contact, consumer, topic)
    finally:
        consumer.close()
    if found is None:
        raise KafkaUnavailableError(f"kafka:{topic}: no such topic at {client.brokers}")
    return found


class Files:
    """New files: text a line a payload, binary payloads a file each, with the position in its name.

    `to` is a file of lines, with `<to>.binary` beside it for what is no text; or (`is_folder`) a
    folder with a file of lines for each topic or file that they came from. Nothing that exists is
    written over.
    """

    def __init__(self, to: Path, *, is_folder: bool) -> None:
        self.written: dict[str, int] = {}
        self._to = to
        self._is_folder = is_folder
        self._mine: set[Path] = set()  # files that we made

    def write(self, payloads: list[Payload]) -> None:
        """Write them.

        Raises: OSError if that is not possible, or a file exists.
        """
        lines: dict[Path, list[bytes]] = {}
        for payload in payloads:
            if is_text(payload.raw):
                lines.setdefault(self._lines_of(payload), []).append(as_lines(payload.raw))
            else:
                self._write_one(payload)
        for path, some in lines.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab" if path in self._mine else "xb") as file:
                self._mine.add(path)
                file.write(b"".join(line + b"\n" for line in some))
            self._count(path, len(some))

    def _lines_of(self, payload: Payload) -> Path:
        if not self._is_folder:
            return self._to
        return self._to / f"{_slug(stream_of(payload.source, payload.partition))}.jsonl"

    def _write_one(self, payload: Payload) -> None:
        folder = self._to if self._is_folder else self._to.with_name(f"{self._to.name}.binary")
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{_slug(payload.source)}_{_slug(payload.partition)}_{payload.position:012d}"
        path, again = folder / f"{name}.bin", 1
        while path in self._mine:  # another payload claims the same place
            again += 1
            path = folder / f"{name}-{again}.bin"
        with path.open("xb") as file:
            self._mine.add(path)
            file.write(payload.raw)
        self._count(folder, 1)

    def _count(self, path: Path, count: int) -> None:
        place = str(path)
        self.written[place] = self.written.get(place, 0) + count


def as_lines(raw: bytes) -> bytes:
    """Return a text payload as it stands in a file of lines.

    One JSON document becomes one line: line breaks between its tokens mean nothing. Lines that
    hold a document each stay lines.
    """
    lines = [line for line in raw.splitlines() if line.strip()]
    apart = len(lines) > 1 and not _is_json(raw) and any(map(_is_object, lines))
    return (b"\n" if apart else b" ").join(lines)


def _is_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and _is_json(line)


def _is_json(text: bytes) -> bool:
    try:
        _JSON.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _slug(text: str) -> str:
    return _UNSAFE.sub("_", text) or "_"
