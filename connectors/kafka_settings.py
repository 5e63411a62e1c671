"""How Kafka is reached, what is read from it and what is written to it."""

import re
from datetime import datetime
from typing import Literal

import msgspec

SECRET = re.compile(r"password|secret|token|credential|jaas|\.key(\.pem)?$|oauthbearer\.config")
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


class KafkaSource(KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"):
    """Topics to read, all in one format; each partition of each is a source partition."""

    topics: tuple[str, ...]
    format: str  # name of a decoder: "cloudwatch-json" ...
    start: str = "earliest"  # or "latest", or an RFC 3339 time: the first record at or after it
    end: str = "never"  # or "now": the end at the start; or a time: before the first record at it
    on_offset_gone: Literal["stop", "earliest", "latest"] = "stop"  # retention overtook the reader
    poll_size: int = 5_000  # messages a chunk at most

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.topics:
            raise ValueError(f"topics must name at least one topic, got {self.topics!r}")
        if len(set(self.topics)) != len(self.topics):
            raise ValueError(f"topics must differ, got {self.topics!r}")
        for topic in self.topics:
            check_topic("topics", topic)
        if self.start not in {"earliest", "latest"}:
            instant_ms("start", self.start)
        if self.end not in {"never", "now"}:
            instant_ms("end", self.end)
        if not 1 <= self.poll_size <= 100_000:
            raise ValueError(f"poll_size must be in [1, 100000], got {self.poll_size!r}")


class KafkaOutput(KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"):
    """A topic to write to; it is created if missing."""

    topic: str
    partitions: int | None = None  # of a topic that is created; None: the brokers' default
    replication: int | None = None  # the same
    delivery_timeout_s: float = 60.0  # librdkafka retries that long, then the flow stops
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


def check_topic(field: str, topic: str) -> None:
    """Raise ValueError unless `topic` is a name that Kafka takes."""
    if not TOPIC.fullmatch(topic) or topic in {".", ".."}:
        raise ValueError(f"{field} must be of letters, digits, '.', '_' and '-', got {topic!r}")


def instant_ms(field: str, text: str) -> int:
    """Return an RFC 3339 time in ms; raise ValueError if it is none or names no zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        words = {"start": "'earliest', 'latest'", "end": "'never', 'now'"}[field]
        raise ValueError(
            f"{field} must be {words} or a time such as '2026-03-01T00:00:00Z', got {text!r}"
        )
    return round(instant.timestamp() * 1000)
