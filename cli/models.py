"""`foreshock models`: what the model registry holds, and which version serves."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.errors import BadInput, CommandFailed, bad_input
from cli.incident_named import DEFAULT_URL
from cli.model_statistics import STATS_HELP, statistics_at, stats
from cli.train import DEFAULT_MODELS

if TYPE_CHECKING:
    from connectors.control_log import ControlLog
    from connectors.model_registry import Entry, Registry
    from flows.promotion import Promoter
    from schema import Promotion

LIST_HELP = """List the versions, those that served in the order in which they did.

\b
Examples:
  foreshock models list
  foreshock models list --service aws.ec2 --json
  foreshock models list -c config/kafka.yaml
"""
SHOW_HELP = """Show a version: its data, figures, settings and libraries; its files are verified.

Where an incident store is found (that of --store, else of -c, else the default one) it shows how
detection stands in the version's service, too: what `foreshock models stats SERVICE` does.

\b
Examples:
  foreshock models show aws-ec2-20260304t120000-1f2e3d4c5b6a
  foreshock models show aws-ec2-20260304 --store sqlite:///.foreshock/demo.db
"""
DIFF_HELP = """Compare two versions: figures, settings, features, and how far their scores agree.

The scores are those of the recent rows that are kept with A, and by which it was judged.

\b
Example:
  foreshock models diff aws-ec2-20260304 aws-ec2-20260311
"""
PROMOTE_HELP = """Make a version active, also one that does worse.

It serves from --effective on, by default from a time that all live flows hear of before they come
to it: a few ticks from now. With a control log, flows that run take it up; without, those that
start.

\b
Examples:
  foreshock models promote aws-ec2-20260311 -c config/kafka.yaml
  foreshock models promote aws-ec2-20260311 --control .foreshock/control.jsonl
  foreshock models promote aws-ec2-20260311 --effective 2026-03-11T00:00:00Z
"""
ROLLBACK_HELP = """Make the version active again that served before.

\b
Example:
  foreshock models rollback aws.ec2 -c config/kafka.yaml
"""

Version = Annotated[str, typer.Argument(help="A version, or how it begins.")]
Folder = Annotated[
    Path | None,
    typer.Option("--models", help=f"The registry's folder. Default: of -c, else {DEFAULT_MODELS}."),
]
Config = Annotated[
    str | None, typer.Option("-c", "--config", help="Settings: the registry, and the control log.")
]
Control = Annotated[
    Path | None, typer.Option("--control", help="The control log's file. Default: as -c says.")
]
Effective = Annotated[
    str | None, typer.Option(help="ISO 8601, UTC where no zone stands; event time.", metavar="TIME")
]
MaybeStore = Annotated[
    str | None,
    typer.Option(
        "--store",
        help=f"URL of the incident store. Default: of -c, else {DEFAULT_URL}, if there is one.",
        envvar="FORESHOCK_STORE",
        metavar="URL",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Look into the model registry, and change which version serves.")
    group.command("list", help=LIST_HELP)(list_)
    group.command("show", help=SHOW_HELP, no_args_is_help=True)(show)
    group.command("diff", help=DIFF_HELP, no_args_is_help=True)(diff)
    group.command("promote", help=PROMOTE_HELP, no_args_is_help=True)(promote)
    group.command("rollback", help=ROLLBACK_HELP, no_args_is_help=True)(rollback)
    group.command("stats", help=STATS_HELP)(stats)
    app.add_typer(group, name="models")


def list_(
    models: Folder = None,
    config: Config = None,
    service: Annotated[str, typer.Option(help="Only this service: aws.ec2 ...")] = "",
    as_json: AsJson = False,
) -> None:
    """List versions."""
    from cli.model_view import print_list

    registry = _place(models, config, None).registry
    entries = [entry for entry in registry.list() if service in ("", entry.service)]
    print_list(registry, entries, as_json)


def show(
    version: Version,
    models: Folder = None,
    config: Config = None,
    store: MaybeStore = None,
    as_json: AsJson = False,
) -> None:
    """Show a version."""
    from cli.model_view import print_model

    place = _place(models, config, None)
    entry = _find(place.registry, version)
    print_model(
        place.registry, entry.version, statistics_at(store, place.store, entry.service), as_json
    )


def diff(
    a: Annotated[str, typer.Argument(help="A version, or how it begins.", metavar="A")],
    b: Annotated[str, typer.Argument(help="Another one.", metavar="B")],
    models: Folder = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compare versions."""
    from cli.model_view import print_difference
    from flows.model_diff import difference

    registry = _place(models, config, None).registry
    first, second = (registry.load(_find(registry, version).version) for version in (a, b))
    print_difference(difference(first, second), as_json)


def promote(
    version: Version,
    effective: Effective = None,
    models: Folder = None,
    config: Config = None,
    control: Control = None,
) -> None:
    """Promote a version."""
    place = _place(models, config, control)
    found = _find(place.registry, version)
    _say(place.promoter().promote(found.service, found.version, _ms(effective), "by hand"), place)


def rollback(
    service: Annotated[str, typer.Argument(help="As `models list` names it: aws.ec2 ...")],
    effective: Effective = None,
    models: Folder = None,
    config: Config = None,
    control: Control = None,
) -> None:
    """Roll a service back."""
    place = _place(models, config, control)
    _say(place.promoter().roll_back(service, _ms(effective)), place)


class _Place(NamedTuple):
    """A registry, whom to tell of changes, and where incidents are kept."""

    folder: str
    registry: "Registry"
    log: "ControlLog | None"
    tick_s: int
    store: str

    def promoter(self) -> "Promoter":
        from connectors.source import wall_clock
        from flows.promotion import Promoter

        return Promoter(self.registry, self.log, self.tick_s, wall_clock)


def _place(models: Path | None, config: str | None, control: Path | None) -> _Place:
    from config.app import load_app
    from connectors.control_log import FileControlLog
    from connectors.incident_store import SqlSink
    from connectors.model_registry import Registry
    from flows.control import control_log
    from flows.run import with_control_log
    from operators.ingest import IngestSettings

    app = None if config is None else with_control_log(load_app(config))
    folder = str(models or (app and app.models) or DEFAULT_MODELS)
    if not Path(folder).is_dir():
        raise BadInput(f"{folder}: no such folder; `foreshock train` makes it")
    log: ControlLog | None = None if app is None else control_log(app)
    if control is not None:
        log = FileControlLog(control)
    tick_s = IngestSettings().tick_s if app is None else app.ingest.tick_s
    sinks = () if app is None else app.sinks
    store = next((sink.url for sink in sinks if isinstance(sink, SqlSink)), DEFAULT_URL)
    return _Place(folder, Registry(Path(folder)), log, tick_s, store)


def _find(registry: "Registry", version: str) -> "Entry":
    """Return the newest entry of the one version that is, or begins like, `version`."""
    entries = registry.list()
    exact = [entry for entry in entries if entry.version == version]
    found = exact or [entry for entry in entries if entry.version.startswith(version)]
    versions = {entry.version for entry in found}
    if len(versions) != 1:
        how_many = f"{len(versions)} versions begin" if versions else "no version begins"
        raise CommandFailed(f"{how_many} with {version!r}")
    return found[-1]


def _ms(effective: str | None) -> int | None:
    if effective is None:
        return None
    with bad_input():
        try:
            when = datetime.fromisoformat(effective)
        except ValueError as ex:
            raise ValueError(f"--effective must be a time in ISO 8601, got {effective!r}") from ex
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)


def _say(promotion: "Promotion", place: _Place) -> None:
    from cli.model_view import clock

    told = "" if place.log is None else "; told to the flows that read the control log"
    typer.echo(
        f"{place.folder}: {promotion.version} active from {clock(promotion.effective_ms)} UTC{told}"
    )
    if place.log is None:
        typer.echo("no control log is named: flows that run go on with what they have")
