"""`foreshock review investigate|confirm|false-positive|resolve`: move a record."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandFailed
from cli.incident_named import DEFAULT_URL, Store
from cli.running_flow import Actor, who
from cli.tables import write

if TYPE_CHECKING:
    from schema import RecordState

ACT_HELP = """Say of a record that it is {state}; it must be {before}.

\b
Example:
  foreshock review {name} anom-3f9c2d --note "the new switch"
"""


def register_acts(group: typer.Typer) -> None:
    """Add a command a state."""
    acts: tuple[tuple[str, RecordState, str], ...] = (
        ("investigate", "INVESTIGATING", "DETECTED"),
        ("confirm", "CONFIRMED", "INVESTIGATING"),
        ("false-positive", "FALSE_POSITIVE", "INVESTIGATING"),
        ("resolve", "RESOLVED", "CONFIRMED or FALSE_POSITIVE"),
    )
    for name, state, before in acts:
        words = ACT_HELP.format(state=state, before=before, name=name)
        group.command(name, help=words, no_args_is_help=True)(_acting(state))


def _acting(state: "RecordState") -> Callable[..., None]:
    def act(
        record_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
        note: Annotated[str, typer.Option(help="Why, in words.")] = "",
        store: Store = DEFAULT_URL,
        actor: Actor = None,
    ) -> None:
        from cli.review_shown import find_record, open_review
        from connectors.source import wall_clock
        from flows.review_storms import move_storm
        from schema import Refusal

        opened = open_review(store)
        who_does = actor or who()
        at_ms = round(wall_clock().timestamp() * 1000)
        try:
            record = find_record(opened, record_id)
            done = opened.act(record.id, state, who_does, note, at_ms)
        finally:
            opened.close()
        if isinstance(done, Refusal):
            raise CommandFailed(done.reason)
        move_storm(store, record, state, who_does, at_ms)
        write(f"{record.id}: {done.before} -> {done.after}")

    return act
