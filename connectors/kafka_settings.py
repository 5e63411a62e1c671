"""How Kafka is reached, what is read from it and what is written to it."""

import re
from functools import cache
from typing import Literal

import msgspec

from connectors import instants
from connectors.formats.encodings import check_encoding

SECRET = re.compile(
    r"password|passphrase|secret|token|credential|jaas|\.key(\.pem)?$|oauthbearer\.config"
)
OURS = frozenset(  # what the connectors set themselves and rely on
    (
        "auto.offset.reset",
        "bootstrap.servers",
        "client.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "metadata.broker.list",
    )
)
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

Property = str | int | float | bool


class KafkaClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a cluster is reached. Its `repr` shows no secrets."""

    brokers: str  # "host:port,host:port"
    client_id: str = "foreshock"
    connect_timeout_s: float = 10.0  # for the first answer; a later outage is waited out
    properties: dict[str, Property] = {}  # librdkafka's: security.protocol, sasl.*, ssl.* ...

    def __post_init__(self) -> None:
        if not self.brokers.strip():
            raise ValueError(f"brokers must be 'host:port,host:port', got {self.brokers!r}")
        if not 0 < self.connect_timeout_s <= 600:
            raise ValueError(
                f"connect_timeout_s must be in (0, 600] s, got {self.connect_timeout_s!r}"
            )
        taken = sorted(OURS & self.properties.keys())
        if taken:
            raise ValueError(f"properties must not set what is set by us, got {taken[0]!r}")

    def __repr__(self) -> str:
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        fields["properties"] = masked(self.properties)
        inside = ", ".join(f"{name}={value!r}" for name, value in fields.items())
        return f"{type(self).__name__}({inside})"


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic, or all that a pattern names, with a format and an encoding of their own."""

    name: str  # or a regular expression, which begins with "^" and may end anywhere in a name
    format: str = ""  # none: the source's
    encoding: str = ""  # none: the source's

    def __post_init__(self) -> None:
        if not self.is_pattern:
            check_topic("topics", self.name)
        else:
            _compiled(self.name)
        if self.encoding:
            check_encoding(self.encoding)

    @property
    def is_pattern(self) -> bool:
        """Whether it names topics by a regular expression."""
        return self.name.startswith("^")

    def matches(self, topic: str) -> bool:
        """Whether a topic is meant; a pattern never means an internal one (`__...`)."""
        if not self.is_pattern:
            return topic == self.name
        return not topic.startswith("__") and _compiled(self.name).search(topic) is not None


class KafkaSource(KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"):
    """Topics to read; each partition of each is a source partition.

    An entry of `topics` is a name, a pattern, or a `Topic`, which has its own format.
    """

    topics: tuple[str | Topic, ...]
    format: str = "auto"  # name of a decoder: "cloudwatch-json" ...; of topics that name none
    encoding: str = "auto"  # of payloads: one of formats.encodings.ENCODINGS
    start: str = "earliest"  # or "latest", or an RFC 3339 time: the first record at or after it
    end: str = "never"  # or "now": the end at the start; or a time: before the first record at it
    on_offset_gone: Literal["stop", "earliest", "latest"] = "stop"  # retention overtook the reader
    check_partitions_s: float = 60.0  # how often new partitions and topics are looked for
    poll_size: int = 5_000  # messages a chunk at most

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.topics:
            raise ValueError(f"topics must name at least one topic, got {self.topics!r}")
        names = [entry.name for entry in self.entries()]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"topics must differ, got {twice!r} twice")
        if not self.format:
            raise ValueError(f"format must name a format, got {self.format!r}")
        check_encoding(self.encoding)
        if self.start not in {"earliest", "latest"}:
            instant_ms("start", self.start)
        if self.end not in {"never", "now"}:
            instant_ms("end", self.end)
        if not 0 < self.check_partitions_s <= 86_400:
            raise ValueError(
                f"check_partitions_s must be in (0, 86400] s, got {self.check_partitions_s!r}"
            )
        if not 1 <= self.poll_size <= 100_000:
            raise ValueError(f"poll_size must be in [1, 100000], got {self.poll_size!r}")

    def entries(self) -> tuple[Topic, ...]:
        """Return what is to be read, each entry with its format and encoding."""
        return tuple(
            Topic(entry, self.format, self.encoding)
            if isinstance(entry, str)
            else Topic(entry.name, entry.format or self.format, entry.encoding or self.encoding)
            for entry in self.topics
        )


class KafkaOutput(KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"):
    """A topic to write to; it is created if missing."""

    topic: str
    partitions: int | None = None  # of a topic that is created; None: the brokers' default
    replication: int | None = None  # the same
    delivery_timeout_s: float = 900.0  # librdkafka retries that long, then the flow stops
    max_payload_bytes: int = 900_000  # raw bytes of a reject beyond this are cut off

    def __post_init__(self) -> None:
        super().__post_init__()
        check_topic("topic", self.topic)
        if self.partitions is not None and not 1 <= self.partitions <= 10_000:
            raise ValueError(f"partitions must be in [1, 10000], got {self.partitions!r}")
        if self.replication is not None and not 1 <= self.replication <= 100:
            raise ValueError(f"replication must be in [1, 100], got {self.replication!r}")
        if not 0 < self.delivery_timeout_s <= 3_600:
            raise ValueError(
                f"delivery_timeout_s must be in (0, 3600] s, got {self.delivery_timeout_s!r}"
            )
        if not 1_000 <= self.max_payload_bytes <= 100_000_000:
            raise ValueError(
                f"max_payload_bytes must be in [1000, 100000000], got {self.max_payload_bytes!r}"
            )


def masked(properties: dict[str, Property]) -> dict[str, Property]:
    """Return the properties with the values of secret ones replaced by "***"."""
    return {k: "***" if SECRET.search(k) else v for k, v in properties.items()}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as ex:
        raise ValueError(
            f"topics must be names or regular expressions, got {pattern!r}: {ex}"
        ) from ex


def check_topic(field: str, topic: str) -> None:
    """Raise ValueError unless `topic` is a name that Kafka takes."""
    if not TOPIC.fullmatch(topic) or topic in {".", ".."}:
        raise ValueError(f"{field} must be of letters, digits, '.', '_' and '-', got {topic!r}")


def instant_ms(field: str, text: str) -> int:
    """Return an RFC 3339 time in ms; raise ValueError if it is none or names no zone."""
    found = instants.instant_ms(text)
    if found is None:
        words = {"start": "'earliest', 'latest'", "end": "'never', 'now'"}[field]
        raise ValueError(
            f"{field} must be {words} or a time such as '2026-03-01T00:00:00Z', got {text!r}"
        )
    return found
