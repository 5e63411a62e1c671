"""The control log of a flow: opened, read as a partition, and written by the flow itself."""

from pathlib import Path

from config.app import App
from connectors.control_log import ControlLog, FileControlLog
from connectors.control_source import ControlSource, Guide
from connectors.kafka_control_log import KafkaControlLog
from connectors.kafka_settings import KafkaOutput, KafkaSource
from connectors.pace import Pace
from operators.control_stage import Broadcast
from operators.ingest import Ingested

FRONTIER = "frontier"  # file beside that of the pace


def is_live(app: App) -> bool:
    """Whether a source never ends."""
    return any(isinstance(source, KafkaSource) and source.end == "never" for source in app.sources)


def control_log(app: App) -> ControlLog | None:
    """Open the settings' control log."""
    match app.control_log:
        case None:
            return None
        case KafkaOutput() as topic:
            return KafkaControlLog(topic)
        case path:
            return FileControlLog(Path(path))


def control_source(app: App, pace: Path | None) -> ControlSource[Ingested] | None:
    """Return the control log as a part of the flow's source; None where there is no log.

    `pace` is the file that the processes of the flow share; see `assemble.Sources.intake`.
    """
    log = control_log(app)
    if log is None:
        return None

    def stage(index: int, resume: bytes | None) -> Broadcast:
        return Broadcast(app.ingest, index, resume)

    frontier = Pace.local(1) if pace is None else Pace.shared(pace.with_name(FRONTIER), 1)
    guide = Guide(app.ingest.tick_s * 1000, live=is_live(app))
    return ControlSource(log, stage, guide, app.control, frontier)
