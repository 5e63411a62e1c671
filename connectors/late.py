"""Late samples into a file of JSON lines."""

from pathlib import Path

import msgspec

from connectors.line_file import Existing, LineFileSink
from schema import LateSample


class LateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file"):
    """Where samples go that came after their tick had ended."""

    path: str
    existing: Existing = "append"

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError(f"path must name a file, got {self.path!r}")


def encode_late(late: LateSample) -> bytes:
    """Return the sample as a line of JSON in the unified form, and where it came from."""
    series = late.series
    resource = series.resource
    return msgspec.json.encode(
        {
            "resource": resource.name,
            "cloud": resource.cloud,
            "service": resource.service,
            "account": resource.account,
            "region": resource.region,
            "uid": resource.uid,
            "metric": series.metric,
            "labels": dict(series.labels),
            "unit": series.unit,
            "ts_ms": late.ts_ms,
            "value": late.value,
            "source": late.source,
            "partition": late.partition,
            "position": late.position,
        }
    )


def late_lines(settings: LateFile) -> LineFileSink[LateSample]:
    """Return the Bytewax sink. One partition: one worker of a cluster writes the file."""
    return LineFileSink(Path(settings.path), encode_late, settings.existing)
