"""The control log of a flow: opened, read as a partition, and written by the flow itself."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from config.app import App
from connectors.control_log import ControlLog, FileControlLog, Record
from connectors.control_sink import ControlSink
from connectors.control_source import ControlSource, Guide
from connectors.deploy_feed import DeployFeed, DeployFile, DeployTail
from connectors.kafka_control_log import KafkaControlLog, read_control_topic
from connectors.kafka_deploys import DeploysTopic, deploy_tails, read_deploys_topic
from connectors.kafka_settings import KafkaOutput, KafkaSource
from connectors.pace import Pace
from operators.control_stage import Broadcast
from operators.ingest import Ingested
from schema import Deploy

FRONTIER = "frontier"  # file beside that of the pace


def is_live(app: App) -> bool:
    """Whether a source never ends."""
    return any(isinstance(source, KafkaSource) and source.end == "never" for source in app.sources)


def logged(app: App) -> list[Record]:
    """Return what is in the settings' control log now; a topic is not made for it.

    Raises: KafkaUnavailableError if the topic cannot be read, ValueError for a record that we do
    not know.
    """
    match app.control_log:
        case None:
            return []
        case KafkaOutput() as topic:
            return read_control_topic(topic)
        case path:
            return FileControlLog(Path(path)).read()


def control_log(app: App) -> ControlLog | None:
    """Open the settings' control log."""
    match app.control_log:
        case None:
            return None
        case KafkaOutput() as topic:
            return KafkaControlLog(topic)
        case path:
            return FileControlLog(Path(path))


def announced(app: App) -> list[Deploy]:
    """Return the deploys that the settings' file or topic has announced up to now.

    Raises: what `deploy_feed` raises.
    """
    match app.deploys:
        case None:
            return []
        case DeploysTopic() as topic:
            return read_deploys_topic(topic)
        case path:
            return DeployFile(Path(path)).read_all()


def deploy_feed(app: App, log: ControlLog) -> DeployFeed:
    """Open what pipelines announce, to be written into the log.

    Raises: ValueError if there is no such file, KafkaUnavailableError if the topic cannot be read.
    """
    match app.deploys:
        case None:
            tails: Sequence[DeployTail] = ()
        case DeploysTopic() as topic:
            tails = deploy_tails(topic)
        case path:
            tails = (DeployFile(Path(path)),)
    return DeployFeed(tails, log, app.ingest.tick_s, live=is_live(app))


class Control(NamedTuple):
    """Both ends of the control log in a flow; None and nothing where there is no log."""

    source: ControlSource[Ingested] | None = None
    judged: Sequence[ControlSink] = ()  # where what is found about drift goes


def control_of(app: App, pace: Path | None, *, waits: bool = False) -> Control:
    """Open the control log as a part of the flow's source, and for what the flow itself decides.

    `pace` is the file that the processes of the flow share; see `assemble.Sources.intake`. A replay
    that `waits` stands still until the models that it asks for are there.
    """
    log = control_log(app)
    if log is None:
        if app.deploys is not None:
            raise ValueError("control_log must be set, since deploys are read into it, got None")
        return Control()

    def stage(index: int, resume: bytes | None) -> Broadcast:
        return Broadcast(app.ingest, index, resume)

    frontier = Pace.local(1) if pace is None else Pace.shared(pace.with_name(FRONTIER), 1)
    # A flow on several hosts has no file for its frontier; live, the clock alone guides it then.
    is_held = app.drift.enabled and (pace is not None or not is_live(app))
    guide = Guide(
        app.ingest.tick_s * 1000,
        live=is_live(app),
        lead_ms=app.drift.accept_after_ms(app.ingest.tick_s) if is_held else None,
        waits=waits,
        slack_ms=round(app.ingest.out_of_order_s * 1000),
    )
    deploys = None if app.deploys is None else partial(deploy_feed, app, log)
    source = ControlSource(log, stage, guide, app.control, frontier, deploys)
    return Control(source, (ControlSink(lambda: log, frontier),) if app.drift.enabled else ())
