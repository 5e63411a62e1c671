"""Rejects in a file of JSON lines: what was refused, why, from where, and its bytes."""

import base64
import codecs
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from connectors.file_lines import UNREADABLE, read_lines
from connectors.line_file import Existing, LineFileSink
from schema import Reject

_MAX_LINE_BYTES = 2**29  # above all that `max_raw_bytes` allows, as JSON


class DeadLetterFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file"):
    """Where rejects go, and how much of each is kept."""

    path: str
    max_raw_bytes: int = 65_536
    existing: Existing = "append"

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError(f"path must name a file, got {self.path!r}")
        if not 0 <= self.max_raw_bytes <= 2**26:
            raise ValueError(f"max_raw_bytes must be in [0, 2**26], got {self.max_raw_bytes!r}")


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the file: `raw` if the bytes are UTF-8, else `raw_base64`."""

    reason: str
    detail: str
    source: str
    partition: str
    position: int
    raw_bytes: int  # how many came in; more than are kept here if they were cut
    points: int = 1  # of the payload that were refused for the reason
    raw: str | None = None
    raw_base64: str | None = None


class Letter(NamedTuple):
    """A reject as it is found in a dead letter: of its raw bytes, what was kept."""

    reject: Reject
    raw_bytes: int  # how many came in

    @property
    def is_cut(self) -> bool:
        """Whether raw bytes are missing: by the dead letter, or by the reader of a file before."""
        return len(self.reject.raw) < self.raw_bytes

    @property
    def is_original(self) -> bool:
        """Whether the bytes are what a source gave, not what stands for input nobody could read."""
        return not self.reject.raw.startswith(UNREADABLE)


def encode_reject(reject: Reject, max_raw_bytes: int) -> bytes:
    """Return the reject as a line of JSON, with at most `max_raw_bytes` of its raw bytes."""
    kept = reject.raw[:max_raw_bytes]
    cut = len(kept) < len(reject.raw)
    raw, raw_base64 = None, None
    try:
        # A cut may split a character: an unfinished one at the end is left out.
        raw = codecs.getincrementaldecoder("utf-8")().decode(kept, final=not cut)
    except UnicodeDecodeError:
        raw_base64 = base64.b64encode(kept).decode("ascii")
    return msgspec.json.encode(
        DeadLetter(
            reason=reject.reason,
            detail=reject.detail,
            source=reject.source,
            partition=reject.partition,
            position=reject.position,
            raw_bytes=len(reject.raw),
            points=reject.points,
            raw=raw,
            raw_base64=raw_base64,
        )
    )


def read_letters(path: Path) -> Iterator[Letter | bytes]:
    """Yield the letters of a dead-letter file in order; a line that holds none as it is.

    Raises: OSError if the file cannot be read.
    """
    decoder = msgspec.json.Decoder(DeadLetter)
    for run in read_lines(path, 0, _MAX_LINE_BYTES):
        for line in run.payloads:
            if line.strip():
                letter = _letter(line, decoder)
                yield line if letter is None else letter


def encode_letter(letter: Letter) -> bytes:
    """Return a letter as a line of the file."""
    line = msgspec.json.decode(
        encode_reject(letter.reject, len(letter.reject.raw)), type=DeadLetter
    )
    return msgspec.json.encode(msgspec.structs.replace(line, raw_bytes=letter.raw_bytes))


def _letter(line: bytes, decoder: msgspec.json.Decoder[DeadLetter]) -> Letter | None:
    with suppress(ValueError):  # no JSON, another shape, no base64
        found = decoder.decode(line)
        if found.raw_base64 is not None:
            raw = base64.b64decode(found.raw_base64, validate=True)
        else:
            raw = (found.raw or "").encode()
        reject = Reject(
            found.reason,
            found.detail,
            found.source,
            found.partition,
            found.position,
            raw,
            found.points,
        )
        return Letter(reject, max(found.raw_bytes, len(raw)))
    return None


def dead_letter_lines(settings: DeadLetterFile) -> LineFileSink[Reject]:
    """Return the Bytewax sink. One partition: one worker of a cluster writes the file."""
    return LineFileSink(
        Path(settings.path),
        lambda reject: encode_reject(reject, settings.max_raw_bytes),
        settings.existing,
    )
