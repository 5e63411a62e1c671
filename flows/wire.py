"""What the processes of a cluster say to each other about starting, stopping and pace.

Words are MessagePack of the structs below, never pickles: between hosts they come over the network.
"""

import threading
from multiprocessing.connection import Connection

import msgspec

from connectors.pace_mirror import Row
from flows.failure import Failure

MOST_BYTES = 1 << 24  # of a word; whoever says more is none of ours


class Join(msgspec.Struct, frozen=True, tag=True):
    """A host's first word: which worker it is, of how many, and by what settings."""

    index: int
    workers: int
    settings: str  # digest


class Welcome(msgspec.Struct, frozen=True, tag=True):
    """The answer: the notes that lie beside the state."""

    notes: dict[str, bytes]


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The other answer."""

    reason: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The flow is built, and can start as soon as all are."""


class Go(msgspec.Struct, frozen=True, tag=True):
    """All are ready."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Stop reading; from a worker: I was told to, tell all."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """The flow has ended, and the last snapshot is written."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The flow has failed."""

    failure: Failure


class Rows(msgspec.Struct, frozen=True, tag=True):
    """How far partitions have got that the other hosts do not see."""

    rows: tuple[Row, ...]


Word = Join | Welcome | Refused | Ready | Go | Stop | Done | Failed | Rows

_decoder: msgspec.msgpack.Decoder[Word] = msgspec.msgpack.Decoder(Word)


class Wire:
    """One end of a connection. Several threads may send, one receives."""

    def __init__(self, connection: "Connection[bytes, bytes]") -> None:
        self.connection = connection  # to wait for
        self._sending = threading.Lock()

    def send(self, word: Word) -> None:
        """Say a word; OSError if nobody is there."""
        with self._sending:
            self.connection.send_bytes(msgspec.msgpack.encode(word))

    def receive(self) -> Word:
        """Return the next word; EOFError or OSError if none can come.

        Raises: ValueError for what is none.
        """
        try:
            return _decoder.decode(self.connection.recv_bytes(MOST_BYTES))
        except msgspec.DecodeError as ex:
            raise ValueError(f"must be a word of ours: {ex}") from ex

    def poll(self, timeout_s: float) -> bool:
        """Whether a word, or the end, is there within a time."""
        return self.connection.poll(timeout_s)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
