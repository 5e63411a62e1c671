"""Everything that can be set, in one struct: the YAML file of `foreshock run`."""

from typing import Literal

import msgspec

from config.loader import load
from config.notify import NotifySettings
from config.serve import ServeSettings
from connectors.archive import ArchiveSource
from connectors.console import ConsoleSink
from connectors.control_source import ControlSettings
from connectors.dead_letter import DeadLetterFile
from connectors.files import FileSource
from connectors.formats.settings import DecodeSettings
from connectors.health import HealthSettings
from connectors.incident_store import SqlSink
from connectors.inventory_file import InventoryFile
from connectors.jsonl_sink import JsonLinesSink
from connectors.kafka_deploys import DeploysTopic
from connectors.kafka_inventory import InventoryTopic
from connectors.kafka_settings import KafkaOutput, KafkaSource
from connectors.late import LateFile
from connectors.partition import IntakeSettings
from connectors.recovery_store import RecoverySettings
from connectors.simulator.settings import SimulatorSource
from connectors.topology_topic import TopologyTopic
from operators.admission import LimitSettings
from operators.detect_settings import DetectSettings
from operators.drift import DriftSettings
from operators.evidence import EvidenceSettings
from operators.gauge import LiveSettings
from operators.ingest import IngestSettings
from operators.review_settings import ReviewSettings
from operators.triage import TriageSettings

Source = KafkaSource | FileSource | ArchiveSource | SimulatorSource
Sink = ConsoleSink | JsonLinesSink | SqlSink | KafkaOutput


class App(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings. Paths are relative to the working directory.

    Each source and sink says by `type` what it is. Every section may be left out but `sources`.
    """

    sources: tuple[Source, ...]
    sinks: tuple[Sink, ...] = (ConsoleSink(),)  # of incident events
    dead_letter: DeadLetterFile | KafkaOutput | None = None  # none: rejects are counted only
    late: LateFile | KafkaOutput | None = None  # none: late samples are counted only
    control_log: KafkaOutput | str | None = None  # a topic, or the path of a file
    control: ControlSettings = ControlSettings()
    models: str | None = None  # folder of the model registry
    topology: TopologyTopic | str | None = None  # who needs whom: a topic, or the path of a file
    deploys: DeploysTopic | str | None = None  # what pipelines announce: a topic, or a file's path
    inventory: InventoryFile | InventoryTopic | None = None  # whose resources are, how they matter
    catalogue: tuple[str, ...] = ()  # files laid over the shipped metrics and weights, in order
    decode: DecodeSettings = DecodeSettings()
    intake: IntakeSettings = IntakeSettings()
    ingest: IngestSettings = IngestSettings()
    detect: DetectSettings = DetectSettings()
    drift: DriftSettings = DriftSettings()
    triage: TriageSettings = TriageSettings()
    notify: NotifySettings = NotifySettings()
    serve: ServeSettings = ServeSettings()
    review: ReviewSettings = ReviewSettings()
    recovery: RecoverySettings = RecoverySettings()
    limits: LimitSettings = LimitSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    live: LiveSettings = LiveSettings()
    metrics_port: int | None = None  # of health and metrics; worker i serves at port + i
    health: HealthSettings = HealthSettings()
    log_format: Literal["console", "json"] = "console"

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("sources must name at least one, got none")
        if self.metrics_port is not None and not 1 <= self.metrics_port <= 65_535:
            raise ValueError(f"metrics_port must be in [1, 65535], got {self.metrics_port!r}")
        for name in ("control_log", "models", "topology", "deploys"):
            if getattr(self, name) == "":
                raise ValueError(f"{name} must be a path, got ''")
        if "" in self.catalogue:
            raise ValueError(f"catalogue must be paths, got {self.catalogue!r}")


def load_app(path: str) -> App:
    """Read the settings file at `path`; raise ConfigError with the key that is wrong."""
    return load(path, App)
