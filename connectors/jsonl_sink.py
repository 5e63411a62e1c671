"""Incident events into a file of JSON lines, each event once."""

from pathlib import Path

import msgspec

from connectors.incident_wire import encode_transition
from connectors.line_file import Existing, LineFileSink
from schema import Transition


class JsonLinesSink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="jsonl"):
    """Where the events go, one line each; see docs/incidents.md."""

    path: str
    existing: Existing = "append"

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError(f"path must name a file, got {self.path!r}")


def incident_lines(settings: JsonLinesSink) -> LineFileSink[Transition]:
    """Return the Bytewax sink. One partition: one worker of a cluster writes the file."""
    return LineFileSink(Path(settings.path), encode_transition, settings.existing)
