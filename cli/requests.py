"""`foreshock requests`: what a flow was told to do, and what has come of it."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from cli.running_flow import Config, Control, StoreOfFlow, running_flow
from cli.tables import clock, print_table, write

if TYPE_CHECKING:
    from flows.answers import Answer
    from schema import TriageCommand

HELP = """List what people told a flow to do, the newest first, and what has come of it.

Acts on incidents, words on them, silences, deploys and changes of the topology: requested, applied
at a tick, or refused, and why. They are those of the control log; what came of them is in the
incident store, where the settings have one.

\b
Examples:
  foreshock requests -c config/kafka.yaml
  foreshock requests --status requested --control .foreshock/control.jsonl --json
"""
_NO_LIMIT = 0


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("requests", help=HELP)(requests)


def requests(
    status: Annotated[
        Literal["requested", "applied", "refused"] | None, typer.Option(help="These alone.")
    ] = None,
    limit: Annotated[int, typer.Option(min=_NO_LIMIT, help="At most so many; 0: all.")] = 50,
    config: Config = None,
    control: Control = None,
    store: StoreOfFlow = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List them."""
    from flows.answers import told

    flow = running_flow(config, control, store)
    commands = told(flow.log.read())[::-1]
    found = zip(commands, _answers(flow.store, commands), strict=True)
    rows = [each for each in found if status in (None, each[1].status)]
    rows = rows[:limit] if limit else rows
    if as_json:
        for command, answer in rows:
            write(msgspec.json.encode(_as_json(command, answer)).decode())
    elif rows:
        print_table(("when (UTC)", "id", "who", "what", "status", "answer"), [*map(_row, rows)])
    else:
        write("no requests")


def _answers(store: str, commands: "list[TriageCommand]") -> "list[Answer]":
    """Return what has come of them, as far as can be known: a flow need not have a store."""
    from flows.answers import Answers, unheard

    try:
        answers = Answers(store)
    except ValueError as ex:
        typer.echo(f"what has come of them is not known: {ex}", err=True)
        return [unheard(command) for command in commands]
    try:
        return answers.of(commands)
    finally:
        answers.close()


def _row(found: "tuple[TriageCommand, Answer]") -> tuple[str, ...]:
    from flows.answers import id_of, words

    command, answer = found
    when = clock(command.effective_ms if answer.at_ms is None else answer.at_ms)
    return when, id_of(command), command.actor, words(command), answer.status, answer.reason


def _as_json(command: "TriageCommand", answer: "Answer") -> dict[str, object]:
    from flows.answers import id_of, kind_of, words

    return {
        "id": id_of(command),
        "kind": kind_of(command),
        "what": words(command),
        "actor": command.actor,
        "effective_ms": command.effective_ms,
        "status": answer.status,
        "answer": answer.reason,
        "answered_ms": answer.at_ms,
        "command": command,
    }
