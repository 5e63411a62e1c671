"""Dead letters to what is asked of them: counts by reason, and the original payloads to replay."""

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import BinaryIO, NamedTuple

from connectors.dead_letter import Letter
from connectors.file_whole import is_whole
from connectors.formats.auto import AUTO

_ENDING = re.compile(r"\.[a-z]+(\.gz|\.zst)?$")

Order = tuple[str, int, str, int]  # source, partition as a number, as text, position


class Wanted(NamedTuple):
    """Which letters are asked for; "" asks for any."""

    reason: str = ""
    source: str = ""

    def takes(self, letter: Letter) -> bool:
        """Say whether a letter is asked for."""
        reject = letter.reject
        return self.reason in ("", reject.reason) and self.source in ("", reject.source)


class Group:
    """What a dead letter holds of one reason from one source."""

    def __init__(self, letter: Letter) -> None:
        self.reason = letter.reject.reason
        self.source = letter.reject.source
        self.detail = letter.reject.detail  # of the first, as an example
        self.rejects = 0
        self.cut = 0  # rejects whose raw bytes were not kept in full
        self.first = self.last = order_of(letter)
        self._places: set[Order] = set()

    @property
    def payloads(self) -> int:
        """Return how many payloads the rejects are of."""
        return len(self._places)

    def add(self, letter: Letter) -> None:
        """Count a letter. Memory: an entry a payload."""
        place = order_of(letter)
        self.rejects += letter.reject.points
        self.cut += letter.is_cut
        self.first, self.last = min(self.first, place), max(self.last, place)
        self._places.add(place)


def order_of(letter: Letter) -> Order:
    """Return what letters are ordered by; partition 10 comes after partition 2."""
    reject = letter.reject
    number = int(reject.partition) if reject.partition.isdecimal() else -1
    return (reject.source, number, reject.partition, reject.position)


def groups_of(letters: Iterable[Letter]) -> list[Group]:
    """Return the groups, those with most rejects first."""
    groups: dict[tuple[str, str], Group] = {}
    for letter in letters:
        key = (letter.reject.reason, letter.reject.source)
        if key not in groups:
            groups[key] = Group(letter)
        groups[key].add(letter)
    return sorted(groups.values(), key=lambda group: (-group.rejects, group.reason, group.source))


class Payload(NamedTuple):
    """An original payload and where it stood."""

    source: str
    partition: str
    position: int
    raw: bytes


class _Kept(NamedTuple):
    offset: int
    size: int
    is_text: bool


def stream_of(source: str, partition: str) -> str:
    """Return what the payloads share a format with: their topic, or their file."""
    return source if source.startswith("kafka:") else f"{source}_{_ENDING.sub('', partition)}"


def is_text(raw: bytes) -> bool:
    """Say whether a payload may stand in a file of lines."""
    return not is_whole(AUTO, raw)


class Spool:
    """The original payloads behind rejects, each once, in order of source, partition, position.

    Their bytes are in `file`; in memory is an entry of some 300 bytes each. Two payloads that claim
    one place and differ are both kept: the place's source was made anew in between.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0
        self._kept: dict[tuple[Order, bytes], _Kept] = {}
        self._whole: set[Order] = set()
        self._cut: set[Order] = set()
        self.rejects = 0
        self.empty = 0  # nothing to replay
        self.stand_ins = 0  # what stood for input that could not be read: no payload

    def add(self, letter: Letter) -> None:
        """Take a letter."""
        self.rejects += 1
        raw, place = letter.reject.raw, order_of(letter)
        if not letter.is_original:
            self.stand_ins += 1
        elif letter.is_cut:
            self._cut.add(place)
        elif not raw:
            self.empty += 1
        else:
            self._keep(place, raw)

    @property
    def cut(self) -> int:
        """Return how many payloads cannot be had, as their raw bytes were not kept in full."""
        return len(self._cut - self._whole)

    @property
    def sources(self) -> list[str]:
        """Return where the payloads came from, sorted."""
        return sorted({place[0] for place in self._whole})

    @property
    def streams(self) -> int:
        """Return how many topics and files they came from: each has a format of its own."""
        return len({stream_of(place[0], place[2]) for place in self._whole})

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Payload]:
        """Yield the payloads in order; of one place in the order in which they came."""
        for (place, _), kept in sorted(self._kept.items(), key=lambda item: item[0][0]):
            self._file.seek(kept.offset)
            source, _, partition, position = place
            yield Payload(source, partition, position, self._file.read(kept.size))

    def _keep(self, place: Order, raw: bytes) -> None:
        key = (place, blake2b(raw, digest_size=16).digest())
        self._whole.add(place)
        if key not in self._kept:
            self._kept[key] = _Kept(self._end, len(raw), is_text(raw))
            self._file.write(raw)
            self._end += len(raw)
