"""What a replay or a training reads: files, topics or the sources of settings, and when."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cli.errors import BadInput, bad_input
from cli.places import PREFIX, Reach, brokers_known, client_for, is_file, topic_source

if TYPE_CHECKING:
    from config.app import App, Source

NOTHING = "say what to read: PATHS, or -c FILE for its sources"


class Window(NamedTuple):
    """A half-open range of time; "" is no bound."""

    start: str = ""
    end: str = ""


def window(names: tuple[str, str], start: str | None, end: str | None) -> Window:
    """Return the range that two options, of these names, give.

    Raises: BadInput if one is no time, or the range is empty.
    """
    from connectors.instants import bound_ms

    with bad_input():
        first, last = bound_ms(names[0], start or ""), bound_ms(names[1], end or "")
    if first is not None and last is not None and first >= last:
        raise BadInput(f"{names[1]} must be after {names[0]}, got {end!r} and {start!r}")
    return Window(start or "", end or "")


def walk_forward(judged: Window, learned: Window) -> tuple[Window, Window]:
    """Return both windows, each bound that is left open taken from the other's.

    Raises: BadInput if what is learned from is not over before what is judged begins.
    """
    start, end = judged.start or learned.end, learned.end or judged.start
    if not start:
        raise BadInput("--train-from needs --train-to or --from: where learning ends")
    if at(end) > at(start):
        raise BadInput(
            "--train-to must not be after --from: a model must not have seen what it is judged "
            f"on, got {end!r} and {start!r}"
        )
    full = window(("--train-from", "--train-to"), learned.start, end)
    return window(("--from", "--to"), start, judged.end), full


def end_of(times: Window) -> str:
    """Return where a topic is read to: a time that is yet to come is not waited for."""
    from connectors.source import wall_clock

    return times.end if times.end and at(times.end) <= wall_clock() else "now"


def at(text: str) -> datetime:
    """Return a time that was checked."""
    return datetime.fromisoformat(text).astimezone(UTC)


def settings_for(
    paths: list[str],
    format_name: str | None,
    topology: Path | None,
    batch: int,
    reach: Reach,
    times: Window = Window(),
) -> "App":
    """Return the settings of a run over `paths`, else over the settings' own sources.

    It writes nothing anywhere: no incidents, dead letters or late samples.
    """
    from config.app import App
    from flows.control import is_live
    from flows.run import logged_at

    if topology is not None and not topology.is_file():
        raise BadInput(f"--topology: {topology}: no such file")
    given = reach.app()
    if not paths and given is None:
        raise BadInput(NOTHING)
    with bad_input():
        if paths:
            sources = _sources(paths, format_name, batch, reach, times)
        elif given is not None:
            sources = tuple(_within(source, times) for source in given.sources)
        app = given or App(sources=sources)
        log = logged_at(app) if app.control_log is None and is_live(app) else None
        beside = [Path(path) / "topology.yaml" for path in paths]
        topology = topology or next((file for file in beside if file.is_file()), None)
        told = [Path(path) / "deploys.jsonl" for path in paths]
        deploys = next((str(file) for file in told if file.is_file()), app.deploys)
        return msgspec.structs.replace(
            app,
            sources=sources,
            sinks=(),
            dead_letter=None,
            late=None,
            metrics_port=None,
            control_log=app.control_log or (str(log) if log and log.exists() else None),
            deploys=deploys,
            topology=app.topology if topology is None else str(topology),
        )


def with_control_log(app: "App", name: str | None, reach: Reach) -> "App":
    """Return the settings with the control log that an option names: a file, or kafka:TOPIC."""
    from connectors.kafka_settings import KafkaOutput

    if name is None:
        return app
    if name.startswith(PREFIX):
        topic = name.removeprefix(PREFIX)
        client = client_for(topic, reach)
        log = KafkaOutput(
            brokers=client.brokers,
            client_id=client.client_id,
            connect_timeout_s=client.connect_timeout_s,
            properties=client.properties,
            topic=topic,
        )
        return msgspec.structs.replace(app, control_log=log)
    if not Path(name).is_file():
        raise BadInput(f"--control-log: {name}: no such file")
    return msgspec.structs.replace(app, control_log=name)


def _sources(
    paths: list[str], format_name: str | None, batch: int, reach: Reach, times: Window
) -> "tuple[Source, ...]":
    from connectors.archive import MANIFEST, ArchiveOrigin, ArchiveSource
    from connectors.files import FileOrigin, FileSource

    topics = [path for path in paths if _is_topic(path, reach)]
    files = tuple(path for path in paths if path not in topics)
    sources: list[Source] = [
        topic_source(
            topic.removeprefix(PREFIX),
            format_name,
            reach,
            times.start or "earliest",
            end_of(times),
        )
        for topic in topics
    ]
    exports = [path for path in files if (Path(path) / MANIFEST).is_file()]
    for path in exports:
        export = ArchiveSource(path, format_name or "", times.start, times.end)
        ArchiveOrigin(export)  # so that one that was broken off is said before anything starts
        sources.append(export)
    files = tuple(path for path in files if path not in exports)
    if files:
        source = FileSource(
            paths=files,
            format=format_name or "",
            chunk_payloads=batch,
            start=times.start,
            end=times.end,
        )
        FileOrigin(source)  # so that a missing file or format is said before anything starts
        sources.append(source)
    return tuple(sources)


def _is_topic(path: str, reach: Reach) -> bool:
    if path.startswith(PREFIX):
        return True
    return not is_file(path) and "/" not in path and brokers_known(reach)


def _within(source: "Source", times: Window) -> "Source":
    """Return a source of the settings that reads the window, and ends."""
    from connectors.kafka_settings import KafkaSource
    from connectors.simulator.settings import SimulatorSource

    if isinstance(source, KafkaSource):
        start = "earliest" if source.start == "latest" else source.start
        end = "now" if source.end == "never" else source.end
        end = end_of(times) if times.end else end
        return msgspec.structs.replace(source, start=times.start or start, end=end)
    if times == Window():
        return source
    if isinstance(source, SimulatorSource):
        raise BadInput("--from and --to are of topics and files, got a simulator as the source")
    return msgspec.structs.replace(
        source, start=times.start or source.start, end=times.end or source.end
    )
