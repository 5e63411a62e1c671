"""The live worker: the detect flow over the sources and sinks of the settings, until stopped."""

import logging
import signal
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from bytewax.dataflow import Dataflow

from config.app import App, Sink, load_app
from connectors.console import ConsoleSink
from connectors.control_source import NAME as CONTROL
from connectors.dead_letter import DeadLetterFile
from connectors.drift_notice import DriftNotice
from connectors.file_starts import note_starts, read_starts
from connectors.incident_database import shown_url
from connectors.incident_store import SqlSink
from connectors.jsonl_sink import JsonLinesSink
from connectors.kafka_settings import KafkaOutput
from connectors.late import LateFile
from connectors.line_file import LineFileSink
from connectors.meters import Counted, Meters, TallyMeter
from connectors.recovery_manifest import check_shape
from connectors.recovery_store import RecoverySettings
from flows.assemble import (
    Sources,
    catalogue_of,
    check_topics,
    dead_letter_sinks,
    drift_standing_sinks,
    evidence_sinks,
    group_settings,
    incident_sinks,
    late_sinks,
    live_sinks,
    standing_sinks,
    topology_of,
    training_sinks,
)
from flows.beside import Beside, notifying
from flows.control import FRONTIER, control_of, is_live
from flows.detect import Outputs, build
from flows.hosts import Hosts, Plan
from flows.launch import run as launch
from flows.launch import run_on_hosts
from flows.recovery_shape import shape_of
from flows.warm_up import compile_kernels
from flows.worker import Builder
from operators.shelf import Shelf

_log = logging.getLogger(__name__)

CONTROL_LOG = "control.jsonl"
OWN_FOLDER = ".foreshock"


def run(app: App, *, processes: int = 1, hosts: Hosts | None = None) -> None:
    """Run until the sources end or a signal comes; see `flows.launch.run` for what is raised.

    With `hosts` this is one worker of several, each on a host of its own.
    """
    if hosts is not None:
        _check_reach(app)
    with _notifying(app, hosts) as beside:
        stopped = _run(app, processes, hosts)
        if beside is not None and not stopped:
            beside.finish()
    _log.info("stopped by %s", stopped.name) if stopped else _log.info("the sources have ended")


def _notifying(app: App, hosts: Hosts | None) -> AbstractContextManager[Beside | None]:
    """Notify beside the run; of several hosts the first does."""
    return notifying(app) if hosts is None or hosts.index == 0 else nullcontext()


def _run(app: App, processes: int, hosts: Hosts | None) -> signal.Signals | None:
    if app.recovery.dir is not None and (hosts is None or hosts.index == 0):
        check_shape(Path(app.recovery.dir), shape_of(app))
        note_starts(Path(app.recovery.dir), _files(app))
    check_topics(app)  # a wrong password is to be said at once, and once
    app = with_control_log(app)
    compile_kernels(app, catalogue_of(app))
    with TemporaryDirectory(prefix="foreshock-") as folder:
        pace = Path(folder) / "pace"
        if hosts is not None:
            tables = (pace, pace.with_name(FRONTIER))
            build = partial(_flow_on_host, app, pace)
            shape = shape_of(app)
            plan = Plan(hosts, build, app.recovery, shape, repr(app), Path(folder), tables)
            return run_on_hosts(plan)
        flow = partial(detect_flow, app, pace)
        return launch(flow, processes=processes, recovery=app.recovery, shape=shape_of(app))


def _flow_on_host(app: App, pace: Path, recovery: RecoverySettings) -> Builder:
    """Return the flow's builder on a host where the notes beside the state are elsewhere."""
    return partial(detect_flow, msgspec.structs.replace(app, recovery=recovery), pace)


def _check_reach(app: App) -> None:
    """Raise ValueError where hosts would each have a log of their own; tell of other such files."""
    is_topic = isinstance(app.control_log, KafkaOutput)
    if not is_topic and (app.control_log is not None or is_live(app)):
        raise ValueError(
            "control_log must be a topic where workers are on several hosts, "
            f"got {app.control_log!r}"
        )
    databases = [s.url for s in app.sinks if isinstance(s, SqlSink) and s.url.startswith("sqlite")]
    for place in (*_files(app), *databases):
        _log.warning("%s: must be the same file on every host: any may write it", place)


def detect_flow(app: App, pace: Path | None, stop: threading.Event) -> Dataflow:
    """Build the flow of `foreshock run`; `pace` is the file that the host's processes share."""
    catalogue = catalogue_of(app)
    meters = Meters()
    control = control_of(app, pace)
    intake = Sources(app, catalogue, meters).intake(stop, pace, keeps=True, control=control.source)
    group = group_settings(app, catalogue, len(intake.names), meters=meters)
    incidents, letters, late = incident_sinks(app), dead_letter_sinks(app), late_sinks(app)
    starts = read_starts(Path(app.recovery.dir) if app.recovery.dir else None)
    for sink in (*incidents, *letters, *late):
        if isinstance(sink, LineFileSink):
            sink.start = starts.get(sink.place)
    hello = greeting(app, intake.names, group.models)
    outputs = Outputs(
        incidents=(
            *incidents,
            Counted(meters.feedback.take),
            Counted(meters.outcomes.transitions),
        ),
        dead_letter=(*letters, Counted(meters.reject)),
        late=late,
        tallies=(TallyMeter(meters, app.metrics_port, hello, app.health),),
        progress=(Counted(meters.closed), *standing_sinks(app)),
        training=training_sinks(app),
        evidence=evidence_sinks(app),
        live=live_sinks(app),
        judged=control.judged,
        drifts=(DriftNotice(),),
        drift_standings=(Counted(meters.drifts.take), *drift_standing_sinks(app)),
    )
    topology, measured = topology_of(app), meters.steps.measured
    return build(intake, group, app.triage, outputs, topology, measured)


def with_control_log(app: App) -> App:
    """Return the settings with a control log in a file, where a live topic needs one.

    A partition of a topic that falls silent holds back all ticks, until a mark says that it is
    idle; the mark is logged, so that a replay sees it too.
    """
    if app.control_log is not None or not is_live(app):
        return app
    path = logged_at(app)
    path.parent.mkdir(parents=True, exist_ok=True)
    _log.info("no control_log is set: %s, which serves one host", path)
    return msgspec.structs.replace(app, control_log=str(path))


def logged_at(app: App) -> Path:
    """Return where a live flow keeps its control log if the settings do not say."""
    return Path(app.recovery.dir or OWN_FOLDER) / CONTROL_LOG


def greeting(app: App, partitions: Sequence[str], models: Shelf) -> str:
    """Say what is read, where it goes, and by which models it is judged."""
    data = sorted(name for name in partitions if name != CONTROL)
    by_source = groupby(data, key=lambda name: name.rpartition("/")[0])
    sources = [f"{source} ({len(list(names))})" for source, names in by_source]
    trained = [serving[-1].version for _, serving in sorted(models.servings.items())]
    return (
        f"reading {', '.join(sources)} (partitions); incidents to "
        f"{', '.join(map(_where, app.sinks)) or 'nowhere'}; "
        f"models {', '.join(trained) or 'none, fitted as data comes'}; "
        f"state {'kept in ' + app.recovery.dir if app.recovery.dir else 'not kept'}"
    )


def _files(app: App) -> list[str]:
    """Return the files of lines that the flow writes."""
    outputs = (*app.sinks, app.dead_letter, app.late)
    files = [o for o in outputs if isinstance(o, JsonLinesSink | DeadLetterFile | LateFile)]
    return [str(Path(each.path)) for each in files]


def _where(sink: Sink) -> str:
    match sink:
        case KafkaOutput():
            return f"kafka:{sink.topic}"
        case SqlSink():
            return shown_url(sink.url)
        case JsonLinesSink():
            return sink.path
        case ConsoleSink():
            return "the console"


def from_file(path: str) -> Dataflow:
    """Build the flow for stock Bytewax: `python -m bytewax.run "flows.run:from_file('my.yaml')"`.

    Nothing stops such a flow but its end; one process, or threads of it.
    """
    return detect_flow(with_control_log(load_app(path)), None, threading.Event())
