"""`foreshock topology`: look at who needs whom, and change it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import BadInput, CommandFailed, bad_input
from cli.tables import counted, printable, write
from cli.topology_change import register_changes

if TYPE_CHECKING:
    from flows.topology_check import Checked
    from operators.topology import Topology

MAX_LISTED = 10
CHECK_HELP = """Say what a topology holds, and what in it looks wrong.

With --against, also which of its nodes no incident or payload has ever named, and which resources
are on no map. Neither is a fault: maps are partial as a rule.

\b
Examples:
  foreshock topology check topology.yaml
  foreshock topology check topology.yaml --against sqlite:///.foreshock/incidents.db
  foreshock topology check sim/topology.yaml --against sim --json
"""
SHOW_HELP = """Show what a node needs, and what needs it, as trees.

\b
Examples:
  foreshock topology show cart --file topology.yaml
  foreshock topology show eu-west-1a -c config/kafka.yaml --depth 2
  foreshock topology show cart --file topology.yaml --json
"""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class Branch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node in a tree, and what comes after it."""

    node: str
    by: tuple[str, ...]  # types of the edges that lead to it
    again: bool = False  # it stands elsewhere in the tree, with its branches
    branches: tuple["Branch", ...] = ()


class Shown(msgspec.Struct, frozen=True):
    """A node and its two trees."""

    node: str
    type: str
    zone: str
    dependants: int  # however far away
    needs: tuple[Branch, ...]
    needed_by: tuple[Branch, ...]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Look at who needs whom, and change it.", no_args_is_help=True)
    group.command("check", help=CHECK_HELP, no_args_is_help=True)(check)
    group.command("show", help=SHOW_HELP, no_args_is_help=True)(show)
    register_changes(group)
    app.add_typer(group, name="topology")


def check(
    file: Annotated[Path, typer.Argument(help="YAML or JSON.", metavar="FILE")],
    against: Annotated[
        str | None,
        typer.Option(help="URL of an incident store, or payload files.", metavar="STORE|PATH"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a file."""
    from config.catalogue import load_catalogue
    from connectors.topology_file import read_topology_file
    from flows.topology_check import check as look
    from flows.topology_check import resources_in

    table = load_catalogue()
    with bad_input():
        known = read_topology_file(file)
        seen = None if against is None else resources_in(against)

    def is_service(name: str) -> bool:
        return name in table.readings or table.names.of_any_cloud(name) is not None

    found = look(known, is_service, seen)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    _print_checked(str(file), found)


def show(
    name: Annotated[str, typer.Argument(help="A node, as the map names it.", metavar="NAME")],
    file: Annotated[Path | None, typer.Option(help="The map, YAML or JSON.")] = None,
    config: Annotated[
        str | None, typer.Option("-c", "--config", help="Settings that say where the map is.")
    ] = None,
    depth: Annotated[int, typer.Option(help="How many steps away.", min=1, max=50)] = 3,
    as_json: AsJson = False,
) -> None:
    """Show a node."""
    topology = _topology(file, config)
    if not topology.knows(name):
        raise CommandFailed(f"no node {name!r} on the map{_near(topology, name)}")
    found = Shown(
        name,
        topology.type_of(name),
        topology.zone(name),
        len(topology.dependants(name)),
        _tree(topology, name, depth, needs=True),
        _tree(topology, name, depth, needs=False),
    )
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    said = [found.type, found.zone and f"in {found.zone}", f"{found.dependants} depend on it"]
    write(printable(f"{name} ({', '.join(filter(None, said))})"))
    for title, branches in (("needs", found.needs), ("is needed by", found.needed_by)):
        write(title if branches else f"{title} nothing")
        for branch in branches:
            _print_branch(branch, "  ")


def _topology(file: Path | None, config: str | None) -> "Topology":
    from connectors.topology_file import read_topology_file
    from operators.topology import Topology

    if (file is None) == (config is None):
        raise BadInput("one of --file and -c must say where the map is")
    with bad_input():
        if file is not None:
            return Topology(read_topology_file(file))
    from config.app import load_app
    from flows.assemble import topology_of

    app = load_app(str(config))
    if app.topology is None:
        raise BadInput(f"{config}: topology must be set, got none")
    with bad_input():
        return Topology(topology_of(app))


def _near(topology: "Topology", name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, topology.nodes(), n=3)
    return f"; near to it: {', '.join(map(printable, near))}" if near else ""


def _tree(topology: "Topology", name: str, depth: int, *, needs: bool) -> tuple[Branch, ...]:
    """Return what comes after a node; what is reached twice goes on where it is nearest."""
    after = topology.needs if needs else topology.needed_by
    parent: dict[str, str] = {name: ""}
    layer = [name]
    for _ in range(depth):
        fresh = [(each, at) for at in layer for each in after(at) if each not in parent]
        parent.update((each, at) for each, at in reversed(fresh))
        layer = list(dict.fromkeys(each for each, _ in fresh))

    def branches(at: str, left: int) -> tuple[Branch, ...]:
        if left == 0:
            return ()
        return tuple(
            Branch(each, _types(topology, at, each, needs=needs), again=True)
            if parent.get(each) != at
            else Branch(
                each, _types(topology, at, each, needs=needs), False, branches(each, left - 1)
            )
            for each in after(at)
        )

    return branches(name, depth)


def _types(topology: "Topology", at: str, other: str, *, needs: bool) -> tuple[str, ...]:
    source, target = (at, other) if needs else (other, at)
    return topology.types(source, target)


def _print_branch(branch: Branch, indent: str) -> None:
    again = " ..." if branch.again else ""
    write(printable(f"{indent}{branch.node}  {', '.join(branch.by)}{again}"))
    for each in branch.branches:
        _print_branch(each, indent + "  ")


def _print_checked(file: str, found: "Checked") -> None:
    edges = ", ".join(f"{count:,} {type_}" for type_, count in found.edges.items())
    total = counted(sum(found.edges.values()), "edge")
    write(printable(f"{file}: {counted(found.nodes, 'node')}, {total}{edges and f' ({edges})'}"))
    types = ", ".join(f"{type_} {count:,}" for type_, count in found.types.items())
    for title, text in (
        ("types", types),
        ("types that the catalogue does not know", _listed(found.unknown_types)),
        ("need themselves, which counts for nothing", _listed(found.self_calls)),
        ("without any edge", _listed(found.isolated)),
        ("never seen", _listed(found.never_seen)),
        ("seen, but on no map", _listed(found.on_no_map)),
    ):
        if text:
            write(printable(f"  {title}: {text}"))
    if found.never_seen == () and found.on_no_map == ():
        write("  every node was seen, and every resource is on the map")


def _listed(names: tuple[str, ...] | None) -> str:
    if not names:
        return ""
    more = f" and {len(names) - MAX_LISTED:,} more" if len(names) > MAX_LISTED else ""
    return f"{len(names):,}: " + ", ".join(names[:MAX_LISTED]) + more
