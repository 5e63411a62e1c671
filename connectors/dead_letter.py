"""Rejects into a file of JSON lines: what was refused, why, from where, and its bytes."""

import base64
import codecs
from pathlib import Path

import msgspec

from connectors.line_file import Existing, LineFileSink
from schema import Reject


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
    raw: str | None = None
    raw_base64: str | None = None


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
            raw=raw,
            raw_base64=raw_base64,
        )
    )


def dead_letter_lines(settings: DeadLetterFile) -> LineFileSink[Reject]:
    """Return the Bytewax sink. One partition: one worker of a cluster writes the file."""
    return LineFileSink(
        Path(settings.path),
        lambda reject: encode_reject(reject, settings.max_raw_bytes),
        settings.existing,
    )
