"""`foreshock token`: who may use the page and the API, and as what."""

from typing import TYPE_CHECKING, Annotated, get_args

import typer

from cli.errors import BadInput, CommandFailed, bad_input
from cli.incident_named import DEFAULT_URL, Store
from cli.tables import clock, print_table, write

if TYPE_CHECKING:
    from connectors.token_store import Token, TokenStore

HELP = """Let people and programs use the page and the API.

\b
Example:
  foreshock token add oncall --role responder --days 90
"""
ADD_HELP = """Make a token, and print it: it is not to be had again.

The store keeps its digest alone. It is for `foreshock serve` with `serve.auth: token`, and counts
until it is revoked, or its time is over. A viewer may look, a responder act on incidents and
silences, an admin promote models, too.

\b
Examples:
  foreshock token add oncall --role responder --days 90
  foreshock token add grafana --role viewer --store sqlite:///incidents.db
"""
LIST_HELP = """List tokens: whose, as what, and when each was last used.

\b
Example:
  foreshock token list
"""
REVOKE_HELP = """Let a token count no more, from the next request on.

\b
Example:
  foreshock token revoke 3f9c2d1a77b0
"""
MOST_DAYS = 3_650
_DAY_MS = 86_400_000


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command("add", help=ADD_HELP, no_args_is_help=True)(add)
    group.command("list", help=LIST_HELP)(list_)
    group.command("revoke", help=REVOKE_HELP, no_args_is_help=True)(revoke)
    app.add_typer(group, name="token")


def add(
    name: Annotated[str, typer.Argument(help="Whose it is; the actor in the audit.")],
    role: Annotated[str, typer.Option(help="viewer, responder or admin.")] = "viewer",
    days: Annotated[
        float | None, typer.Option(help="How long it counts. Default: until it is revoked.")
    ] = None,
    store: Store = DEFAULT_URL,
) -> None:
    """Make a token."""
    from schema.desk import Role

    roles: dict[str, Role] = {each: each for each in get_args(Role)}
    if role not in roles:
        raise BadInput(f"--role must be one of {', '.join(roles)}, got {role!r}")
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise BadInput(f"NAME must be 1 to 200 characters that can be printed, got {name!r}")
    if days is not None and not 0 < days <= MOST_DAYS:
        raise BadInput(f"--days must be in (0, {MOST_DAYS}], got {days!r}")
    tokens = _open(store, create=True)
    try:
        now_ms = _now_ms()
        expires_ms = None if days is None else now_ms + round(days * _DAY_MS)
        token = tokens.add(name, roles[role], now_ms, expires_ms)
    finally:
        tokens.close()
    write(token)
    until = "it is revoked" if expires_ms is None else f"{clock(expires_ms)} UTC"
    typer.echo(f"{name} is {role} by it until {until}; keep it: it is not shown again", err=True)


def list_(store: Store = DEFAULT_URL) -> None:
    """List tokens."""
    tokens = _open(store)
    try:
        found = tokens.all()
    finally:
        tokens.close()
    if not found:
        write("no tokens")
        return
    now_ms = _now_ms()
    header = ("id", "name", "role", "state", "made (UTC)", "expires", "last used")
    print_table(header, [_row(each, now_ms) for each in found])


def revoke(
    token_id: Annotated[str, typer.Argument(help="The id, as `list` shows it.", metavar="ID")],
    store: Store = DEFAULT_URL,
) -> None:
    """Revoke a token."""
    tokens = _open(store)
    try:
        known = next((each for each in tokens.all() if each.id == token_id), None)
        if known is None:
            raise CommandFailed(f"no token with the id {token_id!r}")
        tokens.revoke(token_id, _now_ms())
    finally:
        tokens.close()
    write(f"{token_id} of {known.name} counts no more")


def _open(url: str, *, create: bool = False) -> "TokenStore":
    from connectors.token_store import TokenStore

    with bad_input():
        return TokenStore(url, create=create)


def _row(token: "Token", now_ms: int) -> tuple[str, ...]:
    times = (token.created_ms, token.expires_ms, token.used_ms)
    shown = ["never" if each is None else clock(each) for each in times]
    return token.id, token.name, token.role, token.state(now_ms), *shown


def _now_ms() -> int:
    from connectors.source import wall_clock

    return round(wall_clock().timestamp() * 1000)
