"""`foreshock review models`: which models judge, and by what parameters."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import BadInput, bad_input
from cli.incident_named import DEFAULT_URL, Store
from cli.tables import print_table, write

if TYPE_CHECKING:
    from flows.review_service import ReviewService

LIST_HELP = """List the review's models.

\b
Example:
  foreshock review models list
"""
ADD_HELP = """Add a model: an algorithm with parameters, as the next version of its name.

\b
Example:
  foreshock review models add strict --algorithm statistical -p z_threshold=4 -p robust=true
"""
SWITCH_HELP = """Let a model be run with all others, or not.

\b
Example:
  foreshock review models {name} temporal-1
"""


def register_models(group: typer.Typer) -> None:
    """Add the command group."""
    models = typer.Typer(help="Which models judge, by what parameters.", no_args_is_help=True)
    models.command("list", help=LIST_HELP)(list_)
    models.command("add", help=ADD_HELP, no_args_is_help=True)(add)
    models.command("activate", help=SWITCH_HELP.format(name="activate"), no_args_is_help=True)(
        activate
    )
    models.command("deactivate", help=SWITCH_HELP.format(name="deactivate"), no_args_is_help=True)(
        deactivate
    )
    group.add_typer(models, name="models")


def list_(
    store: Store = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print each as JSON.")] = False,
) -> None:
    """List."""
    with _service(store) as service:
        found = service.store.models()
    if as_json:
        for each in found:
            typer.echo(msgspec.json.encode(each))
        return
    rows = [
        (each.id, each.algorithm, "ACTIVE" if each.active else "",
         ", ".join(f"{k}={v}" for k, v in each.parameters.items())) for each in found
    ]  # fmt: skip
    print_table(("model", "algorithm", "state", "parameters"), rows)


def add(
    name: Annotated[str, typer.Argument(help="Its name.")],
    algorithm: Annotated[str, typer.Option(help="statistical, isolation_forest or temporal.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", metavar="NAME=VALUE")
    ] = None,
    store: Store = DEFAULT_URL,
) -> None:
    """Add."""
    from operators.review_models import next_version
    from schema import ModelRecord

    if not name.replace("_", "").replace("-", "").isalnum():
        raise BadInput(f"a model's name must be of letters, digits, - and _, got {name!r}")
    with bad_input(), _service(store) as service:
        given = ModelRecord(name, 0, algorithm, dict(map(_pair, parameter or [])))
        made = next_version(service.store.models(), name, given)
        service.store.put_models([made])
    write(made.id)


def activate(
    model: Annotated[str, typer.Argument(help="Its id, as in temporal-1.")],
    store: Store = DEFAULT_URL,
) -> None:
    """Activate."""
    _switch(model, store, active=True)


def deactivate(
    model: Annotated[str, typer.Argument(help="Its id, as in temporal-1.")],
    store: Store = DEFAULT_URL,
) -> None:
    """Deactivate."""
    _switch(model, store, active=False)


def _switch(model: str, store: str, *, active: bool) -> None:
    from operators.review_models import chosen

    with bad_input(), _service(store) as service:
        (found,) = chosen(service.store.models(), model)
        service.store.set_active(found, active)
    write(f"{found.id} {'ACTIVE' if active else 'not active'}")


def _pair(text: str) -> tuple[str, float | int | bool | str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"a parameter must be NAME=VALUE, got {text!r}")
    try:
        held = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
    return name, held if isinstance(held, bool | int | float) else value


def _service(store: str) -> "closing[ReviewService]":
    from flows.review_service import ReviewService
    from operators.review_settings import ReviewSettings

    with bad_input():
        return closing(ReviewService(store, ReviewSettings()))
