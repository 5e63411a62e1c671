"""What an argument means, a file or a topic, and at which brokers a topic is."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from cli.errors import BadInput, bad_input

if TYPE_CHECKING:
    from config.app import App
    from connectors.kafka_settings import KafkaClient, KafkaSource, Property

BROKERS = "KAFKA_BROKERS"  # the variable that stands in for --brokers
PREFIX = "kafka:"  # what says that a name is a topic's
NO_FILE = (
    f"no such file or folder, and without --brokers (or {BROKERS}, or -c FILE) no topic can be read"
)
_WILD = re.compile(r"[*?\[]")

Brokers = Annotated[
    str | None,
    typer.Option(help=f"host:port,... Default: {BROKERS} of the environment or .env, or -c."),
]
Settings = Annotated[
    str | None,
    typer.Option("-c", "--config", help="Settings that say how a topic is reached, and its form."),
]
Properties = Annotated[
    list[str] | None,
    typer.Option(
        "--kafka-property",
        help="A librdkafka property: security.protocol=SSL ... May be repeated.",
        metavar="NAME=VALUE",
    ),
]


class Reach(NamedTuple):
    """How topics are reached: the options that every command with topics has."""

    brokers: str | None
    config: str | None
    properties: list[str] | None

    def app(self) -> "App | None":
        """Return the settings that were named."""
        from config.app import load_app

        return None if self.config is None else load_app(self.config)


def is_file(name: str) -> bool:
    """Say whether something that exists is meant: a file, a folder, or a pattern for some."""
    if name.startswith(PREFIX):
        return False
    path = Path(name).expanduser()
    if path.exists():
        return True
    return _WILD.search(name) is not None


def brokers_known(reach: Reach) -> bool:
    """Say whether anything says where brokers are."""
    app = reach.app()
    if reach.brokers or _from_environment():
        return True
    return app is not None and _in_settings("", app) is not None


def client_for(topic: str, reach: Reach, unknown: str = NO_FILE) -> "KafkaClient":
    """Return how `topic` is reached: as the settings say, with what the options say over it.

    Raises: BadInput with `unknown` if nothing says where the brokers are.
    """
    from connectors.kafka_settings import KafkaClient, check_topic

    app = reach.app()
    found = None if app is None else _in_settings(topic, app)
    brokers = reach.brokers or (None if found is not None else _from_environment())
    if found is None and brokers is None:
        said = f"; {reach.config} has no Kafka in it" if reach.config else ""
        raise BadInput(f"{topic}: {unknown}{said}")
    with bad_input():
        check_topic("topic", topic)
        properties = {} if found is None else found.properties
        return KafkaClient(
            brokers=brokers or ("" if found is None else found.brokers),
            client_id="foreshock" if found is None else found.client_id,
            connect_timeout_s=10.0 if found is None else found.connect_timeout_s,
            properties={**properties, **_parsed(reach.properties or [])},
        )


def topic_source(
    topic: str,
    format_name: str | None,
    reach: Reach,
    start: str,
    end: str,
    unknown: str = NO_FILE,
) -> "KafkaSource":
    """Return a source that reads `topic` alone, as the settings and options say.

    Raises: BadInput, which calls `start` --from, as the commands do.
    """
    from connectors.formats.auto import AUTO
    from connectors.formats.registry import check_format
    from connectors.kafka_settings import KafkaSource, Topic

    client = client_for(topic, reach, unknown)
    given = reach.app()
    known = None if given is None else source_of(topic, given)
    entry = Topic(topic, AUTO) if known is None else known.entries()[0]
    with bad_input():
        check_format(format_name or entry.format)
        try:
            return KafkaSource(
                brokers=client.brokers,
                client_id=client.client_id,
                connect_timeout_s=client.connect_timeout_s,
                properties=client.properties,
                topics=(Topic(topic, format_name or entry.format, entry.encoding),),
                start=start,
                end=end,
            )
        except ValueError as ex:
            raise BadInput(str(ex).replace("start must", "--from must", 1)) from ex


def source_of(topic: str, app: "App") -> "KafkaSource | None":
    """Return the source of the settings that reads `topic`, as one that reads it alone."""
    from connectors.kafka_settings import KafkaSource, Topic

    matching = [
        (entry.is_pattern, source, entry)
        for source in app.sources
        if isinstance(source, KafkaSource)
        for entry in source.entries()
        if entry.matches(topic)
    ]
    if not matching:
        return None
    _, source, entry = min(matching, key=lambda each: each[0])  # a name beats a pattern
    alone = Topic(topic, entry.format, entry.encoding)
    return msgspec.structs.replace(source, topics=(alone,))


def _in_settings(topic: str, app: "App") -> "KafkaClient | None":
    """Return what reads or writes the topic, else the first that knows any Kafka."""
    from connectors.kafka_settings import KafkaClient, KafkaOutput

    source = source_of(topic, app)
    if source is not None:
        return source
    known = [
        each
        for each in (
            *app.sources,
            *app.sinks,
            app.dead_letter,
            app.late,
            app.control_log,
            app.deploys,
        )
        if isinstance(each, KafkaClient)
    ]
    named = [each for each in known if isinstance(each, KafkaOutput) and each.topic == topic]
    return next(iter(named + known), None)


def _from_environment() -> str | None:
    from config.loader import environment

    return environment(Path()).get(BROKERS) or None


def _parsed(pairs: list[str]) -> "dict[str, Property]":
    found: dict[str, Property] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"kafka-property must be NAME=VALUE, got {pair!r}")
        found[name] = value
    return found
