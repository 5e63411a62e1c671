"""Every format through a real broker: what comes out is what decoding the payloads gives."""

import gzip
import struct
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import cramjam
import lz4.frame
import pytest
import zstandard

from config.app import App
from connectors.formats.auto import AUTO
from connectors.formats.registry import FORMATS, create_decoder
from connectors.kafka_settings import KafkaSource, Topic
from flows.assemble import catalogue_of
from flows.outcome import Outcome
from flows.peek_input import feeds_of, take_in_order
from flows.replay import replay
from schema import Decoded, Series, SeriesTable
from tests.acceptance.peeking import peek
from tests.connectors.formats.payloads import CATALOGUE, ONE_POINT
from tests.kafka.cluster import Cluster

START_MS = 1_772_359_200_000  # 2026-03-01T10:00:00Z
STEP_MS = 60_000
MANY = 120
CUT = range(20, MANY, 40)  # payloads that lack their last bytes

pytestmark = pytest.mark.integration


def _rfc3339(ms: int) -> bytes:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _digits(ms: int) -> bytes:
    return b"%d" % ms


def _nanoseconds(ms: int) -> bytes:
    return b"%d" % (ms * 1_000_000)


def _fixed64(ms: int) -> bytes:
    return struct.pack("<Q", ms * 1_000_000)


def _varint(ms: int) -> bytes:
    return bytes((ms >> shift) & 0x7F | (0x80 if shift < 35 else 0) for shift in range(0, 42, 7))


# How the example of a format says its time, and how to say another one there.
TIME: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "azure-monitor": (b"2025-07-14T12:45:00", _rfc3339),
    "cloudwatch-json": (b"1611929698000", _digits),
    "cloudwatch-otel": (struct.pack("<Q", 1_611_929_698_000_000_000), _fixed64),
    "foreshock-json": (b"1772359200000", _digits),
    "gcp-timeseries": (b"2019-02-19T21:00:00", _rfc3339),
    "otlp-json": (b"1544712660300000000", _nanoseconds),
    "otlp-proto": (struct.pack("<Q", 1_544_712_660_300_000_000), _fixed64),
    "prometheus-json": (b"2026-03-01T10:00:00", _rfc3339),
    "prometheus-remote-write": (_varint(START_MS), _varint),
    "telegraf-json": (b"1458229140", lambda ms: b"%d" % (ms // 1000)),
}
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
    "snappy": lambda payload: bytes(cramjam.snappy.compress(payload)),  # framed
    "none": bytes,
}


def payloads_of(name: str) -> list[bytes]:
    """Return the example of a format at many times, some of them cut short."""
    old, stamp = TIME[name]
    assert old in ONE_POINT[name]
    return [
        ONE_POINT[name].replace(old, stamp(START_MS + i * STEP_MS))[: -3 if i in CUT else None]
        for i in range(MANY)
    ]


class Read(NamedTuple):
    """What was decoded, whoever did it."""

    samples: list[tuple[int, Series, str, int, float]]  # position, series, source, time, value
    rejects: list[tuple[int, str, str]]


def read(parts: list[tuple[Decoded, int]], table: SeriesTable) -> Read:
    """Return parts, each with the position of its first payload, as a whole."""
    found = Read([], [])
    for decoded, first in parts:
        batch = decoded.batch
        for payload, index, ts_ms, value in zip(
            *(c.tolist() for c in (batch.payload, batch.series, batch.ts_ms, batch.value)),
            strict=True,
        ):
            series, source = table.series[index], table.source_metric[index]
            found.samples.append((first + payload, series, source, ts_ms, value))
        found.rejects.extend((first + i, reason, detail) for i, reason, detail in decoded.rejects)
    return found


@pytest.fixture(scope="module")
def direct() -> dict[str, Read]:
    """What each format's decoder makes of its payloads, in one call."""
    out: dict[str, Read] = {}
    for name in FORMATS:
        table = SeriesTable()
        decoder = create_decoder(name, CATALOGUE)
        out[name] = read([(decoder(payloads_of(name), table), 0)], table)
        assert [i for i, _, _ in out[name].rejects] == list(CUT)
        minutes = [(ts_ms - START_MS) // STEP_MS for _, _, _, ts_ms, _ in out[name].samples]
        assert minutes == [i for i in range(MANY) if i not in CUT]
    return out


class Topics(NamedTuple):
    """A topic a format, of each kind."""

    bootstrap: str
    plain: dict[str, str]
    gzipped: dict[str, str]
    mixed: dict[str, str]  # each payload in another encoding

    def app(self, topics: tuple[str | Topic, ...]) -> App:
        """Return settings that read topics from end to end."""
        source = KafkaSource(brokers=self.bootstrap, topics=topics, end="now", poll_size=50)
        return App(sources=(source,), sinks=())


@pytest.fixture(scope="module")
def topics(kafka: Cluster) -> Topics:
    """All payloads of all formats on a broker."""
    if not kafka.real:
        pytest.skip(f"needs a real broker, this is {kafka.said}; `make components` helps")
    plain, gzipped, mixed = {}, {}, {}
    encoders = list(ENCODERS.values())
    for name in FORMATS:
        payloads = payloads_of(name)
        plain[name] = kafka.topic(f"plain.{name}")
        kafka.produce(plain[name], *payloads)
        gzipped[name] = kafka.topic(f"gzip.{name}")
        kafka.produce(gzipped[name], *map(gzip.compress, payloads))
        mixed[name] = kafka.topic(f"mixed.{name}")
        encoded = [encoders[i % len(encoders)](payload) for i, payload in enumerate(payloads)]
        kafka.produce(mixed[name], *encoded)
    return Topics(kafka.bootstrap, plain, gzipped, mixed)


def from_broker(app: App) -> dict[str, tuple[str, Read]]:
    """Return the format and content of each topic of `app`, by topic."""
    feeds = feeds_of(app, catalogue_of(app))
    parts: dict[str, list[tuple[Decoded, int]]] = {feed.source: [] for feed in feeds}
    for feed, taken in take_in_order(feeds, None):
        assert len(taken.payloads) <= 50  # so that state lasts from chunk to chunk
        parts[feed.source].append((feed.decoder(taken.payloads, feed.table), taken.positions[0]))
    return {
        feed.source.removeprefix("kafka:"): (
            feed.decoder.format,
            read(parts[feed.source], feed.table),
        )
        for feed in feeds
    }


def test_every_format_has_an_example_at_many_times() -> None:
    assert sorted(TIME) == sorted(FORMATS) == sorted(ONE_POINT)


@pytest.mark.parametrize("format_name", ["", AUTO], ids=["named", "auto"])
@pytest.mark.parametrize("kind", ["plain", "gzipped", "mixed"])
def test_samples_and_rejects_are_those_of_decoding_directly(
    kind: str, format_name: str, topics: Topics, direct: dict[str, Read]
) -> None:
    names: dict[str, str] = getattr(topics, kind)
    encoding = "gzip" if kind == "gzipped" and not format_name else ""
    entries = tuple(Topic(topic, format_name or name, encoding) for name, topic in names.items())
    found = from_broker(topics.app(entries))
    for name, topic in names.items():
        assert found[topic] == (name, direct[name])


@pytest.fixture(scope="module")
def ran(topics: Topics) -> Outcome:
    """The flow over all topics, each with its format."""
    return replay(topics.app(tuple(Topic(topic, name) for name, topic in topics.plain.items())))


def test_the_flow_accounts_for_every_point(ran: Outcome, direct: dict[str, Read]) -> None:
    every = [row for found in direct.values() for row in found.samples]
    assert ran.counts.payloads == MANY * len(FORMATS)
    assert ran.counts.samples == len(every)
    assert ran.counts.rejected == len(CUT) * len(FORMATS)
    assert (ran.counts.late, ran.counts.absorbed) == (0, 0)
    assert ran.counts.resources == len({series.resource.key for _, series, _, _, _ in every})


@pytest.mark.parametrize("kind", ["plain", "mixed"])
def test_the_flow_comes_to_the_same_by_auto_and_through_encodings(
    kind: str, topics: Topics, ran: Outcome
) -> None:
    names: dict[str, str] = getattr(topics, kind)
    found = replay(topics.app(tuple(names.values())))
    counts = ("payloads", "samples", "late", "absorbed", "rejected", "resources")
    assert [getattr(found.counts, n) for n in counts] == [getattr(ran.counts, n) for n in counts]
    assert (found.transitions, found.scored) == (ran.transitions, ran.scored)


def test_peek_prints_a_topic_of_any_format(topics: Topics, direct: dict[str, Read]) -> None:
    for name in FORMATS:
        found = peek(topics.mixed[name], "--brokers", topics.bootstrap)
        assert f"formats {name} " in found.said
        expected = Counter(
            (series.resource.name, series.metric, source, ts_ms, value)
            for _, series, source, ts_ms, value in direct[name].samples
        )
        keys = ("resource", "metric", "source_metric", "ts_ms", "value")
        assert Counter(tuple(line[key] for key in keys) for line in found.samples) == expected
        assert [(line["position"], line["reason"], line["reject"]) for line in found.rejects] == (
            direct[name].rejects
        )
