"""Where a dead letter is, and where its payloads are to go."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cli.errors import BadInput
from cli.places import PREFIX, Reach, brokers_known, client_for, is_file

if TYPE_CHECKING:
    from connectors.dead_letter import Letter
    from flows.replay_letters import Destination

LINES = (".jsonl", ".ndjson", ".json", ".log", ".txt")  # what `backtest` reads as lines
PACKED = (".gz", ".zst", ".csv", ".parquet")


class Target(NamedTuple):
    """Where payloads go."""

    said: str
    asks: bool  # whether somebody else may be reading there
    mixes: bool  # whether payloads of several sources come together
    open: "Callable[[], Destination]"


def open_letters(where: str | None, reach: Reach) -> "Iterator[Letter | bytes]":
    """Return what is in a dead letter: `where`, else what the settings name.

    Raises: BadInput if there is none; OSError or KafkaUnavailableError if it cannot be read.
    """
    from connectors.dead_letter import DeadLetterFile, read_letters
    from connectors.dead_letter_topic import DeadLetterTopic
    from connectors.kafka_settings import KafkaOutput

    app = reach.app()
    if where is None:
        if app is None:
            raise BadInput("say where: a file or a topic, or -c FILE that names a dead_letter")
        match app.dead_letter:
            case DeadLetterFile() as named:
                where = named.path
                if not Path(where).exists():
                    raise BadInput(f"{where}: no such file: nothing has been refused yet?")
            case KafkaOutput(topic=topic):
                where = PREFIX + topic
            case _:
                raise BadInput(f"{reach.config}: names no dead_letter")
    if is_file(where):
        path = Path(where).expanduser()
        if not path.is_file():
            raise BadInput(f"{where}: must be a file or a topic")
        return read_letters(path)
    topic = where.removeprefix(PREFIX)
    return DeadLetterTopic(client_for(topic, reach), topic).read()


def target_of(to: str | None, sources: list[str], reach: Reach) -> Target:
    """Return where payloads of `sources` go if the user says `to`.

    Raises: BadInput if that cannot be told or cannot be written.
    """
    from flows.replay_letters import Files

    if to is None:
        strange = [source for source in sources if not source.startswith(PREFIX)]
        if strange:
            raise BadInput(f"say --to: what came from {strange[0]!r} came from no topic")
        said = "the topics that they came from: " if len(sources) > 1 else ""
        return _to_topics(None, sources, said + ", ".join(sources), reach)
    path = Path(to).expanduser()
    is_topic = to.startswith(PREFIX) or not (
        path.exists() or "/" in to or path.suffix in (*LINES, *PACKED) or not brokers_known(reach)
    )
    if is_topic:
        topic = to.removeprefix(PREFIX)
        return _to_topics(topic, sources, PREFIX + topic, reach)
    if path.suffix in PACKED:
        raise BadInput(f"--to: {to}: must be a folder or end in {', '.join(LINES)}")
    if path.is_file():
        raise BadInput(f"--to: {to}: must be new, and it exists")
    is_folder = path.is_dir() or path.suffix not in LINES
    return Target(
        f"the folder {path}" if is_folder else str(path),
        asks=False,
        mixes=not is_folder,
        open=lambda: Files(path, is_folder=is_folder),
    )


def _to_topics(topic: str | None, sources: list[str], said: str, reach: Reach) -> Target:
    from flows.replay_letters import Topics

    names = [topic] if topic else [source.removeprefix(PREFIX) for source in sources]
    for name in names:  # so that missing brokers are said before anything is asked
        client_for(name, reach, "no brokers are known: name them by --brokers")
    return Target(
        said,
        asks=True,
        mixes=topic is not None,
        open=lambda: Topics(lambda name: client_for(name, reach), sources, topic),
    )
