"""`foreshock simulate` and `foreshock inject`: data with known faults, and faults on demand."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli.errors import BadInput, bad_input
from connectors.kafka_settings import KafkaOutput, Property
from connectors.simulator.desk import DEFAULT_STATE_DIR
from connectors.simulator.faults import FAULTS
from connectors.simulator.inject import InjectError
from connectors.simulator.inject import inject as hand_in
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.produce import KafkaRun
from connectors.simulator.settings import CLOUDS, DAY_S, FORMATS, SimulatorSource
from connectors.simulator.truth import Truth
from connectors.simulator.writer import Compression, prepare, write_run
from connectors.source import wall_clock


class Packing(StrEnum):
    """How sample files are compressed."""

    NONE = "none"
    GZ = "gz"
    ZST = "zst"


SIMULATE_HELP = """Simulate the metrics of three clouds, with faults that are known.

Writes a folder for `foreshock backtest`, or topics for `foreshock run`.

\b
Examples:
  foreshock simulate --days 7 --seed 1 --out sim
  foreshock simulate --days 30 --resources 500 --compress zst --out sim
  foreshock simulate --days 7 --kafka localhost:9092
  foreshock simulate --days 1 --kafka localhost:9092 --live --speed 60
"""
INJECT_HELP = f"""Put a fault into a running simulation or demo, as one tries an alarm.

\b
FAULT is one of:
  {", ".join(sorted(FAULTS)[:4])},
  {", ".join(sorted(FAULTS)[4:])}

or "drift", which is none: the resource's whole service comes to another level, and stays there.

\b
Examples:
  foreshock inject cpu_hog --resource checkout-web-1
  foreshock inject cascade --resource payments-db --minutes 30 --size 5
  foreshock inject drift --resource checkout-web-1
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("simulate", help=SIMULATE_HELP, no_args_is_help=True)(simulate)
    app.command("inject", help=INJECT_HELP, no_args_is_help=True)(inject)


@contextmanager
def _bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error, where one looks at it."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.update(task, completed=done)


def simulate(
    days: Annotated[float, typer.Option(help="Simulated days.")] = 7.0,
    seed: Annotated[int, typer.Option(help="Decides everything that is drawn.")] = 1,
    resources: Annotated[int, typer.Option(help="Cloud resources, 3 to 20,000.")] = 48,
    out: Annotated[Path | None, typer.Option(help="Folder to write.")] = None,
    kafka: Annotated[str | None, typer.Option(help="Brokers to write to: host:port,...")] = None,
    format_name: Annotated[
        str | None,
        typer.Option("--format", help=f"One format for all: {', '.join(FORMATS)}. "
                     "Default: each cloud's own."),
    ] = None,
    compress: Annotated[Packing, typer.Option(help="Of the sample files.")] = Packing.NONE,
    faults_per_day: Annotated[float, typer.Option(help="On average, after the quiet days.")] = 1.5,
    quiet_days: Annotated[
        float | None,
        typer.Option(help="Days without faults at first. Default: 3, or a third if less."),
    ] = None,
    faults: Annotated[
        bool, typer.Option(help="--no-faults: the same run, and the same benign events, without.")
    ] = True,
    drifts: Annotated[
        int, typer.Option(help="Services whose level moves for good, 0 to 3.")
    ] = 0,
    interval_s: Annotated[int, typer.Option(help="Seconds between points of a series.")] = 60,
    points_per_payload: Annotated[int, typer.Option(help="Points a payload at most.")] = 50,
    start: Annotated[
        str | None,
        typer.Option(help="Time of the first point, ISO 8601. Default: 2026-01-05; to Kafka, so "
                     "that the run ends now."),
    ] = None,
    live: Annotated[bool, typer.Option(help="To Kafka: keep to the clock.")] = False,
    speed: Annotated[float, typer.Option(help="With --live: simulated seconds a second.")] = 1.0,
    topic_prefix: Annotated[str, typer.Option(help="Topics are PREFIX.aws ...")] = "metrics",
    partitions: Annotated[int, typer.Option(help="Of topics that are created.")] = 1,
    kafka_property: Annotated[
        list[str] | None,
        typer.Option(help="A librdkafka property: security.protocol=SSL ... May be repeated."),
    ] = None,
    state_dir: Annotated[
        Path, typer.Option(help="To Kafka: where `foreshock inject` finds the run; has truth.json.")
    ] = Path(DEFAULT_STATE_DIR),
) -> None:  # fmt: skip
    """Simulate the three clouds; the help text is SIMULATE_HELP."""
    if (out is None) == (kafka is None):
        raise BadInput("say where to: exactly one of --out DIR and --kafka BROKERS")
    if live and kafka is None:
        raise BadInput("--live needs --kafka: files are written at full speed")
    pace = speed if live else None
    with bad_input():
        settings = SimulatorSource(
            seed=seed,
            days=days,
            resources=resources,
            interval_s=interval_s,
            start=_start(start, days, pace, kafka is not None),
            faults_per_day=faults_per_day,
            quiet_days=quiet_days,
            faults=faults,
            drifts=drifts,
            format=format_name,
            points_per_payload=points_per_payload,
            speed=pace,
            state_dir=None if kafka is None else str(state_dir),
        )
        if out is not None:
            prepare(out)
    if out is not None:
        _to_folder(settings, out, compress.value)
    elif kafka is not None:
        with bad_input():
            target = KafkaOutput(
                brokers=kafka,
                topic=topic_prefix,
                partitions=partitions,
                properties=_properties(kafka_property or []),
            )
        _to_kafka(settings, target, state_dir)


def _start(start: str | None, days: float, speed: float | None, to_kafka: bool) -> str:
    """Return when the run starts: as asked; else fixed, or such that it ends at the present."""
    if start is not None:
        return start
    if not to_kafka or not math.isfinite(days):
        return SimulatorSource().start
    if speed is None:
        midnight = wall_clock().replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - timedelta(days=math.ceil(days))).isoformat()
    ahead = 0.0 if speed <= 1 else 1 - 1 / speed  # what it gains on the clock in its time
    return (wall_clock() - timedelta(seconds=days * DAY_S * ahead)).isoformat()


def _properties(pairs: list[str]) -> dict[str, Property]:
    found: dict[str, Property] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"kafka-property must be NAME=VALUE, got {pair!r}")
        found[name] = value
    return found


def _to_folder(settings: SimulatorSource, out: Path, compression: Compression) -> None:
    origin = SimulatorOrigin(settings)
    with _bar("simulating", len(CLOUDS) * settings.steps) as progress:
        manifest = write_run(origin, out, compression, progress)
    typer.echo(f"{out}: {manifest.points:,} points of {settings.resources} resources")
    for path, name in manifest.files.items():
        typer.echo(f"  {path}  {name}  {(out / path).stat().st_size / 1e6:,.1f} MB")
    _say_truth(origin.truth(), out / "truth.json")


def _to_kafka(settings: SimulatorSource, target: KafkaOutput, state_dir: Path) -> None:
    origin = SimulatorOrigin(settings)
    run = KafkaRun(origin, target)
    typer.echo(f"to {target.brokers}: {', '.join(run.topics())}; state in {state_dir}")
    try:
        with _bar("producing", len(CLOUDS) * settings.steps) as progress:
            run.run(progress)
    finally:
        typer.echo(f"{run.records:,} records, {run.points:,} points")
    _say_truth(origin.truth(), state_dir / "truth.json")


def _say_truth(truth: Truth, path: Path) -> None:
    typer.echo(
        f"  {path}  {len(truth.faults)} faults, {len(truth.drifts)} drifts, "
        f"{len(truth.benign)} benign events"
    )


def _clock_text(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def inject(
    fault: Annotated[str, typer.Argument(help="What is to happen.", metavar="FAULT")],
    resource: Annotated[str, typer.Option(help="Where: a resource's name, or checkout-web-1.")],
    minutes: Annotated[
        float, typer.Option(help="How long, in simulated minutes; a drift stays.")
    ] = 30.0,
    size: Annotated[
        float, typer.Option(help="How large, in robust deviations, 2 to 6; not of a drift.")
    ] = 4.0,
    state_dir: Annotated[
        Path, typer.Option(help="State folder of the running simulation.")
    ] = Path(DEFAULT_STATE_DIR),
    wait_s: Annotated[float, typer.Option(help="Seconds to wait for its word.")] = 15.0,
) -> None:  # fmt: skip
    """Hand a fault to a running simulation; the help text is INJECT_HELP."""
    try:
        answer = hand_in(state_dir, fault, resource, minutes, size, wait_s)
    except InjectError as ex:
        raise BadInput(str(ex)) from ex
    if answer.drift is not None:
        drift = answer.drift
        typer.echo(
            f"{drift.service} drifts from simulated {_clock_text(drift.start_ms)} UTC on, "
            f"resources moved: {len(drift.resources)}; "
            f"in {state_dir / 'truth.json'} as {drift.id}"
        )
        return
    if answer.fault is None:
        raise BadInput(f"{fault} at {resource}: {answer.reason}")
    label = answer.fault
    typer.echo(
        f"{fault} at {label.root}: simulated {_clock_text(label.start_ms)} to "
        f"{_clock_text(label.end_ms)} UTC, resources hit: {len(label.resources)}; "
        f"in {state_dir / 'truth.json'} as {label.id}"
    )
