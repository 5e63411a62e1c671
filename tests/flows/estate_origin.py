"""The small estate as an origin in memory."""

from connectors.formats.registry import create_decoder
from operators.ingest import Ingest
from schema import Chunk
from tests.operators.small_estate import INGEST, PARTITIONS, catalogue, estate


class Crash(Exception):
    pass


class EstateReader:
    """Reads a partition, `size` payloads at a time, up to where it crashes."""

    def __init__(self, part: tuple[bytes, ...], at: int, size: int, crash_at: int | None) -> None:
        self._part, self._at, self._size, self._crash_at = part, at, size, crash_at

    @property
    def ended(self) -> bool:
        return self._at == len(self._part)

    @property
    def caught_up(self) -> bool:
        return self.ended

    @property
    def share(self) -> float:
        return self._at / len(self._part)

    def read(self) -> Chunk | None:
        if self.ended:
            return None
        at, until = self._at, min(self._at + self._size, len(self._part))
        if self._crash_at is not None and until > self._crash_at:
            raise Crash
        self._at = until
        return Chunk(list(self._part[at:until]), range(at, until), until)

    def close(self) -> None:
        pass


class EstateOrigin:
    """The estate's partitions; remembers where they were opened."""

    name = "test"

    def __init__(self, size: int, crash_at: int | None = None) -> None:
        self._size, self._crash_at = size, crash_at
        self.opened_at: list[int | None] = []

    def partitions(self) -> list[str]:
        return [str(i) for i in range(PARTITIONS)]

    def open(self, partition: str, position: int | None) -> EstateReader:
        self.opened_at.append(position)
        part = estate()[int(partition)]
        return EstateReader(part, position or 0, self._size, self._crash_at)


def estate_stage(name: str, partition: str, index: int, resume: bytes | None) -> Ingest:
    decoder = create_decoder("foreshock-json", catalogue())
    return Ingest(INGEST, decoder, name, partition, index, resume)
