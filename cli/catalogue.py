"""`foreshock catalogue`: how vendors' metrics are read."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.catalogue_card import braces, cards, conversion
from cli.errors import BadInput

if TYPE_CHECKING:
    from config.catalogue import CatalogueTable
    from config.explanation import Explanation
    from schema import Labels

MAX_READINGS = 12  # of a canonical name, shown to people
EXPLAIN_HELP = """Explain how a metric is read: what it becomes, and which file says so.

METRIC is a vendor's name or one of ours. For an unknown one: what it is treated as, the nearest
names that are known, and the YAML that maps it.

\b
Examples:
  foreshock catalogue explain CPUUtilization
  foreshock catalogue explain system.cpu.time --label cpu.mode=idle
  foreshock catalogue explain requests_total --service app.shop
  foreshock catalogue explain orders_total -c my.yaml --json
"""
LIST_HELP = """List the metrics that are mapped, a line each.

\b
Examples:
  foreshock catalogue list
  foreshock catalogue list --service app.nginx
  foreshock catalogue list --service AWS/EC2 --json
"""

Config = Annotated[
    str | None, typer.Option("-c", "--config", help="Settings whose `catalogue` files count too.")
]
InService = Annotated[
    str | None, typer.Option(help="Ours (aws.ec2) or the vendor's (AWS/EC2). Default: all.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Explain and list how metrics are read.", no_args_is_help=True)
    group.command("explain", help=EXPLAIN_HELP, no_args_is_help=True)(explain)
    group.command("list", help=LIST_HELP)(list_)
    app.add_typer(group, name="catalogue")


def explain(
    metric: Annotated[str, typer.Argument(help="A metric's name.", metavar="METRIC")],
    service: InService = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="A label that comes with it. May be repeated.", metavar="NAME=VALUE"),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Explain one metric."""
    from config.explanation import explain as explained

    table = _catalogue(config)
    found = explained(table, metric, _service(table, service), _labels(label or []))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _show(found, service)


def list_(service: InService = None, config: Config = None, as_json: AsJson = False) -> None:
    """List what is mapped."""
    from cli.tables import print_table

    table = _catalogue(config)
    wanted = _service(table, service)
    holders = tuple(table.readings) if wanted is None else table.names.lineage(wanted)
    names = [(holder, name) for holder in holders for name in table.readings.get(holder, {})]
    specs = [(holder, name, table.lookup(holder, name)) for holder, name in names]
    if as_json:
        for holder, name, spec in specs:
            line = {"service": holder, "source_metric": name, **msgspec.structs.asdict(spec)}
            typer.echo(msgspec.json.encode(line).decode())
        return
    if not specs:
        typer.echo(f"nothing is mapped of {service}")
        return
    rows = [
        (holder, name, spec.metric + braces(spec.labels), conversion(spec), spec.unit)
        for holder, name, spec in specs
    ]
    print_table(("service", "metric", "becomes", "value", "unit"), rows)


def _catalogue(config: str | None) -> "CatalogueTable":
    from config.catalogue import SHIPPED, load_catalogue

    if config is None:
        return load_catalogue()
    from config.app import load_app

    return load_catalogue(*SHIPPED, *load_app(config).catalogue)


def _service(table: "CatalogueTable", name: str | None) -> str | None:
    """Return our name of a service that may be given by the vendor's."""
    return None if name is None else table.names.of_any_cloud(name) or name


def _labels(given: list[str]) -> "Labels":
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise BadInput(f"--label must be NAME=VALUE, got {name + equals!r}")
    return tuple(sorted((name, value) for name, _, value in pairs))


def _show(found: "Explanation", service: str | None) -> None:
    from cli.tables import print_table, printable, write

    if not found.known:
        place = f" of {service}" if service else ""
        write(printable(f"{found.metric}{place} is not in the catalogue; it is treated like this:"))
    elif found.canonical:
        write(printable(f"{found.metric} is a canonical name."))
    for card in cards(found):
        write("")
        print_table(("", "", "from"), card)
    if found.readings:
        write("")
        write("These become it:")
        for holder, name in found.readings[:MAX_READINGS]:
            write(printable(f"  {holder}  {name}"))
        if len(found.readings) > MAX_READINGS:
            write(f"  ... and {len(found.readings) - MAX_READINGS} more (--json shows all)")
    if found.nearest:
        write("")
        print_table(("nearest known", "of", "becomes"), [(n, s, c) for s, n, c in found.nearest])
    if found.yaml:
        write("")
        write("To map it, put this into a file that `catalogue:` of the settings names:")
        write("")
        for line in found.yaml.splitlines():
            write(f"  {line}")
