"""How `foreshock peek` prints: a table or JSON a line, and at the end what it came to."""

import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec

from cli.tables import print_table, write
from flows.peek import Block, Refused, Sample

MOST_REJECTS = 20  # in a table that shows the first samples
_PAGE = 500  # rows that are drawn together
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Shows(NamedTuple):
    """What is printed beside samples with a value."""

    rejects_only: bool
    absorbed: bool


class Printer(Protocol):
    """Prints rows."""

    def take(self, rows: Iterable[Sample | Refused]) -> None:
        """Print some, now or by the next `flush`."""
        ...

    def flush(self) -> None:
        """Print what has been taken and not printed."""
        ...


class SampleLine(msgspec.Struct, frozen=True):
    """A sample as JSON."""

    resource: str
    cloud: str
    service: str
    account: str
    region: str
    metric: str
    labels: dict[str, str]
    ts_ms: int
    value: float | None
    unit: str
    source_metric: str
    attributes: dict[str, str]


class AbsorbedLine(SampleLine, frozen=True):
    """A sample that gave no value."""

    absorbed: bool
    reading: float  # of the counter, as it came in


class RejectLine(msgspec.Struct, frozen=True):
    """A reject as JSON."""

    reject: str  # what was wrong
    reason: str  # the constant
    source: str
    partition: str
    position: int


class JsonLines:
    """A JSON object a line, in the order of the input."""

    def __init__(self, shows: Shows) -> None:
        self._shows = shows
        self._encode = msgspec.json.Encoder().encode

    def take(self, rows: Iterable[Sample | Refused]) -> None:
        """Print them."""
        lines: list[bytes] = []
        for row in rows:
            if isinstance(row, Refused):
                lines.append(self._encode(RejectLine(row.detail, row.reason, *row.place)))
            elif _is_shown(row, self._shows):
                lines.append(self._encode(_sample_line(row)))
        if lines:
            sys.stdout.write(b"\n".join(lines).decode() + "\n")

    def flush(self) -> None:
        """Hand on what the system still keeps."""
        sys.stdout.flush()


class Tables:
    """A table of samples, then one of rejects. `most`: how many rows of each; None: all."""

    def __init__(self, shows: Shows, most: int | None) -> None:
        self._shows = shows
        self._most = most
        self._samples: list[tuple[str, ...]] = []
        self._rejects: list[tuple[str, ...]] = []
        self._more = self._more_rejects = 0

    def take(self, rows: Iterable[Sample | Refused]) -> None:
        """Keep rows, and print those that make a page."""
        for row in rows:
            if isinstance(row, Refused):
                self._take_reject(row)
            elif not _is_shown(row, self._shows):
                continue
            elif self._most is not None and len(self._samples) >= self._most:
                self._more += 1
            else:
                self._samples.append(_sample_cells(row))
                if self._most is None and len(self._samples) >= _PAGE:
                    self.flush()

    def _take_reject(self, row: Refused) -> None:
        if self._most is not None and len(self._rejects) >= MOST_REJECTS:
            self._more_rejects += 1
            return
        self._rejects.append((row.reason, row.detail, str(row.place)))
        if self._most is None and len(self._rejects) >= _PAGE:
            self.flush()

    def flush(self) -> None:
        """Print what was kept."""
        if self._samples:
            header = ("time (UTC)", "resource", "service", "metric", "value", "from")
            print_table(header, self._samples)
        if self._more:
            write(f"... and {self._more:,} more")
        if self._rejects:
            print_table(("rejected because", "what was wrong", "from"), self._rejects)
        if self._more_rejects:
            write(f"... and {self._more_rejects:,} more")
        self._samples, self._rejects, self._more, self._more_rejects = [], [], 0, 0
        sys.stdout.flush()


class Tally:
    """Counts what was looked at."""

    def __init__(self) -> None:
        self.payloads = self.samples = self.absorbed = 0
        self._rejects: Counter[str] = Counter()
        self._formats: dict[str, None] = {}
        self._started_s = time.perf_counter()

    def add(self, block: Block) -> None:
        """Count a block."""
        self.payloads += block.payloads
        self.samples += block.samples
        self.absorbed += block.absorbed
        self._rejects.update(reason for _, reason, _ in block.decoded.rejects)
        if block.feed.decoder.format:
            self._formats[block.feed.decoder.format] = None

    def say(self, stopped_at: int | None) -> None:
        """Print the counts to standard error; `stopped_at` payloads, if so many, was a bound."""
        elapsed_s = max(time.perf_counter() - self._started_s, 1e-9)
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self._rejects.most_common())
        parts = (
            f"payloads {self.payloads:,}",
            f"samples {self.samples:,}",
            f"absorbed {self.absorbed:,}",
            f"rejected {self._rejects.total():,}" + (f" ({reasons})" if reasons else ""),
            f"formats {', '.join(self._formats) or 'none found'}",
            f"{self.samples / elapsed_s:,.0f} samples/s",
        )
        sys.stderr.write(" · ".join(parts) + "\n")
        if stopped_at is not None and self.payloads >= stopped_at:
            sys.stderr.write(f"stopped after {stopped_at:,} payloads: --limit looks at more\n")
        sys.stderr.flush()


def _is_shown(sample: Sample, shows: Shows) -> bool:
    return not shows.rejects_only and (sample.value is not None or shows.absorbed)


def _sample_line(sample: Sample) -> SampleLine:
    series, resource = sample.series, sample.series.resource
    fields = (
        resource.name,
        resource.cloud,
        resource.service,
        resource.account,
        resource.region,
        series.metric,
        dict(sorted(series.labels + series.parts)),
        sample.ts_ms,
        sample.value,
        series.unit,
        sample.source_metric,
        dict(resource.attributes),
    )
    if sample.value is None:
        return AbsorbedLine(*fields, absorbed=True, reading=sample.reading)
    return SampleLine(*fields)


def _sample_cells(sample: Sample) -> tuple[str, ...]:
    series = sample.series
    labels = ",".join(f"{name}={value}" for name, value in sorted(series.labels + series.parts))
    value = "(absorbed)" if sample.value is None else f"{sample.value:.6g} {series.unit}".rstrip()
    return (
        _clock(sample.ts_ms),
        series.resource.name,
        series.resource.service,
        f"{series.metric}{{{labels}}}" if labels else series.metric,
        value,
        f"{sample.place} {sample.source_metric}".rstrip(),
    )


def _clock(ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=ms)
    fraction = f".{ms % 1000:03d}" if ms % 1000 else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}"
