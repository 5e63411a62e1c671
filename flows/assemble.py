"""From settings to what a flow is built of: open sources and sinks, catalogue and models."""

import threading
from collections.abc import Sequence
from pathlib import Path

from config.app import App
from config.catalogue import SHIPPED, load_catalogue
from connectors.archive import ArchiveOrigin, ArchiveSource
from connectors.console import ConsoleFeed, ConsoleSink
from connectors.control_source import ControlSource
from connectors.dead_letter import DeadLetterFile, dead_letter_lines
from connectors.files import FileOrigin, FileSource
from connectors.formats.registry import create_decoder
from connectors.incident_store import IncidentStoreSink, SqlSink
from connectors.incident_wire import encode_transition
from connectors.inventory import Inventory
from connectors.inventory_file import InventoryFile, read_inventory
from connectors.jsonl_sink import JsonLinesSink, incident_lines
from connectors.kafka_deploys import DeploysTopic
from connectors.kafka_inventory import read_inventory_topic
from connectors.kafka_settings import KafkaOutput, KafkaSource
from connectors.kafka_sink import KafkaDeadLetterSink, KafkaIncidentSink, KafkaLateSink
from connectors.kafka_source import KafkaOrigin, kafka_origins
from connectors.late import LateFile, late_lines
from connectors.live_sink import LiveSink
from connectors.metered_decoder import MeteredDecoder, topic_of
from connectors.meters import Meters
from connectors.origin import Origin
from connectors.pace import Pace
from connectors.plots_store import PlotsSink
from connectors.ranged_decoder import RangedDecoder
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.settings import OWN_FORMAT
from connectors.source import Intake, wall_clock
from connectors.standing_store import DriftStandingSink, StandingSink
from connectors.topology_file import read_topology_file
from connectors.topology_topic import read_topology_topic
from connectors.training_rows import RowsSink
from flows.control import control_log
from flows.detect import AnySink
from flows.models import shelf_of
from operators.ingest import Ingest, Ingested, remembered_format
from operators.keygroup import GroupSettings
from operators.topology import NO_MAP
from schema import (
    Catalogue,
    Closed,
    DriftStanding,
    LateSample,
    LiveWord,
    NamedDecoder,
    Reject,
    Shown,
    TopologyMap,
    TrainingRows,
    Transition,
)


class Sources:
    """The origins of the settings, the format of each partition, and the flow's source."""

    def __init__(self, app: App, catalogue: Catalogue, meters: Meters | None = None) -> None:
        self._app = app
        self._catalogue = catalogue
        self._meters = meters
        self._inventory = _inventory(app)
        self.origins = _origins(app, meters)
        self._by_name = {origin.name: origin for origin in self.origins}

    def intake(
        self,
        stop: threading.Event,
        pace: Path | None = None,
        *,
        keeps: bool = False,
        control: ControlSource[Ingested] | None = None,
    ) -> Intake[Ingested]:
        """Return the Bytewax source.

        `pace` is the file by which processes keep together; `keeps` says that the flow's state is
        kept in the settings' recovery store; without `control` no commands are read.
        """
        count = sum(len(origin.partitions()) for origin in self.origins) + (control is not None)
        together = Pace.local(count) if pace is None else Pace.shared(pace, count)
        if self._meters is not None:
            self._meters.partitions.follow(together)
        return Intake(
            self.origins,
            self._stage,
            groups=self._app.ingest.groups,
            stop=stop,
            settings=self._app.intake,
            pace=together,
            control_log=control_log(self._app) if control is None else control.log,
            control=control,
            store=Path(self._app.recovery.dir) if self._app.recovery.dir and keeps else None,
        )

    def decoder(self, origin: str, partition: str, remembered: str = "") -> NamedDecoder:
        """Return a new decoder of a partition's payloads.

        `remembered` is the format that it had found before a restart, "" if none.
        """
        found = self._by_name[origin]
        decoder = create_decoder(
            _format(found, partition),
            self._catalogue,
            self._app.decode,
            encoding=_encoding(found, partition),
            inventory=self._inventory,
            source=f"{origin}/{partition}",
            found=remembered,
        )
        if isinstance(found, FileOrigin) and found.times_ms != (None, None):
            return RangedDecoder(decoder, *found.times_ms)
        return decoder

    def _stage(self, origin: str, partition: str, index: int, resume: bytes | None) -> Ingest:
        decoder = self.decoder(origin, partition, remembered_format(resume))
        if self._meters is not None:
            decoder = MeteredDecoder(decoder, self._meters.decode, origin, partition)
            self._meters.partitions.opened(index, topic_of(origin), partition)
        return Ingest(self._app.ingest, decoder, origin, partition, index, resume)


def group_settings(
    app: App,
    catalogue: Catalogue,
    partitions: int,
    *,
    collect: bool = False,
    meters: Meters | None = None,
) -> GroupSettings:
    """Return what every key group shares; models are those of the registry, each from its time on.

    `meters` counts those that are refused when their time has come.
    """
    return GroupSettings(
        groups=app.ingest.groups,
        partitions=partitions,
        tick_s=app.ingest.tick_s,
        detect=app.detect,
        catalogue=catalogue,
        models=shelf_of(
            None if collect else app.models,
            app.ingest.tick_s,
            (lambda _service: None) if meters is None else meters.model_refused,
        ),
        collect=collect,
        drift=app.drift,
        limits=app.limits,
        evidence=app.evidence,
        live=app.live,
    )


def catalogue_of(app: App) -> Catalogue:
    """Return the shipped catalogue with the settings' files laid over it."""
    return load_catalogue(*SHIPPED, *app.catalogue)


def topology_of(app: App) -> TopologyMap:
    """Return who needs whom, as the settings' file or topic says it now.

    Raises: ValueError for a bad file, KafkaUnavailableError for a topic that cannot be read.
    """
    match app.topology:
        case None:
            return NO_MAP
        case str() as path:
            return read_topology_file(path)
        case topic:
            return read_topology_topic(topic)


def incident_sinks(app: App) -> Sequence[AnySink[Transition]]:
    """Return a Bytewax sink for each of the settings' sinks."""
    return [_incident_sink(settings) for settings in app.sinks]


def standing_sinks(app: App) -> Sequence[AnySink[Closed]]:
    """Return where it is kept how detection stands: the settings' incident stores."""
    return [StandingSink(s.url, s.wait_s) for s in app.sinks if isinstance(s, SqlSink)]


def evidence_sinks(app: App) -> Sequence[AnySink[Shown]]:
    """Return where evidence is kept: with the incidents in the settings' stores."""
    if not app.evidence.enabled:
        return ()
    return [PlotsSink(s.url, s.wait_s) for s in app.sinks if isinstance(s, SqlSink)]


def live_sinks(app: App) -> Sequence[AnySink[LiveWord]]:
    """Return where it is kept how the estate stands: the same."""
    if not app.live.enabled:
        return ()
    hours = app.live.heat_hours
    return [LiveSink(s.url, s.wait_s, hours) for s in app.sinks if isinstance(s, SqlSink)]


def drift_standing_sinks(app: App) -> Sequence[AnySink[DriftStanding]]:
    """Return where it is kept whether services have drifted: the same."""
    return [DriftStandingSink(s.url, s.wait_s) for s in app.sinks if isinstance(s, SqlSink)]


def dead_letter_sinks(app: App) -> Sequence[AnySink[Reject]]:
    """Return where rejects go."""
    match app.dead_letter:
        case None:
            return ()
        case DeadLetterFile() as file:
            return (dead_letter_lines(file),)
        case KafkaOutput() as topic:
            return (KafkaDeadLetterSink(topic),)


def late_sinks(app: App) -> Sequence[AnySink[LateSample]]:
    """Return where late samples go."""
    match app.late:
        case None:
            return ()
        case LateFile() as file:
            return (late_lines(file),)
        case KafkaOutput() as topic:
            return (KafkaLateSink(topic),)


def training_sinks(app: App) -> Sequence[AnySink[TrainingRows]]:
    """Return where rows go that a trainer is asked to train from: beside the models."""
    return () if app.models is None else (RowsSink(Path(app.models)),)


def _origins(app: App, meters: Meters | None) -> list[Origin]:
    origins: list[Origin] = []
    for i, source in enumerate(app.sources):
        match source:
            case KafkaSource():
                origins += kafka_origins(
                    source,
                    wall_clock,
                    ours=_topics_without_metrics(app),
                    meters=None if meters is None else meters.kafka,
                )
            case ArchiveSource():
                origins.append(ArchiveOrigin(source))
            case FileSource():
                origins.append(FileOrigin(source, "files" if i == 0 else f"files{i + 1}"))
            case _:
                origins.append(SimulatorOrigin(source))
    return origins


def check_topics(app: App) -> None:
    """Raise what `Sources` would of topics that cannot be read; open nothing else."""
    for source in app.sources:
        if isinstance(source, KafkaSource):
            kafka_origins(source, wall_clock, ours=_topics_without_metrics(app))


def _topics_without_metrics(app: App) -> set[str]:
    """Return the topics that no pattern of a source may match: they hold no metrics.

    Were those read that the flow writes, it would feed itself.
    """
    outputs = (*app.sinks, app.dead_letter, app.late, app.control_log, app.deploys)
    return {output.topic for output in outputs if isinstance(output, KafkaOutput | DeploysTopic)}


def _format(origin: Origin, partition: str) -> str:
    match origin:
        case KafkaOrigin() | ArchiveOrigin():
            return origin.format
        case FileOrigin():
            return origin.format_of(partition)
        case SimulatorOrigin():
            return origin.settings.format or OWN_FORMAT[partition]
        case _:
            raise TypeError(f"no format is known for the partitions of {origin!r}")


def _encoding(origin: Origin, partition: str) -> str:
    match origin:
        case KafkaOrigin() | ArchiveOrigin():
            return origin.encoding
        case FileOrigin():
            return origin.encoding_of(partition)
        case _:
            return "none"


def _inventory(app: App) -> Inventory | None:
    match app.inventory:
        case None:
            return None
        case InventoryFile() as file:
            return read_inventory(file)
        case topic:
            return read_inventory_topic(topic)


def _incident_sink(settings: object) -> AnySink[Transition]:
    match settings:
        case ConsoleSink():
            return ConsoleFeed(settings)
        case JsonLinesSink():
            return incident_lines(settings)
        case SqlSink():
            return IncidentStoreSink(settings)
        case KafkaOutput():
            return KafkaIncidentSink(settings, encode_transition)
        case _:
            raise TypeError(f"no sink is known for {settings!r}")
