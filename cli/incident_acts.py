"""`foreshock incidents ack|resolve|assign|...`: ask the running flow to act on an incident.

A request goes into the flow's control log, and into the store, where it shows as requested until
the flow has obeyed or refused it.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Concatenate

import msgspec
import typer

from cli.answered import Wait, answer_to
from cli.errors import BadInput, CommandFailed, bad_input
from cli.incident_named import find_incident, open_store
from cli.running_flow import Actor, Config, Control, StoreOfFlow, running_flow, who
from cli.tables import clock, write

if TYPE_CHECKING:
    from schema import Action

Id = Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")]
Note = Annotated[str, typer.Option("--note", help="Why, in words.", metavar="TEXT")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the request as JSON.")]
PLAIN: dict["Action", str] = {
    "ack": "Acknowledge an incident: you look after it, and have it if nobody did.",
    "unack": "Take an acknowledgement back: nobody looks after it any more.",
    "resolve": "Say that an incident is over. A new alert of it within the time opens it again.",
    "reopen": "Say that a resolved incident is not over. It stays open until somebody resolves it.",
    "close": "Close a resolved incident for good: it never opens again.",
}


def register_acts(group: typer.Typer) -> None:
    """Add the commands to the group."""
    for action, says in PLAIN.items():
        example = f"  foreshock incidents {action} 3f9c2d -c config/kafka.yaml"
        text = f"{says}\n\n\b\nExample:\n{example}\n"
        group.command(action, help=text, no_args_is_help=True)(_command(_plain_act(action)))
    group.command("assign", help=ASSIGN_HELP, no_args_is_help=True)(_command(assign))
    group.command("note", help=NOTE_HELP, no_args_is_help=True)(_command(note))
    group.command("merge", help=MERGE_HELP, no_args_is_help=True)(_command(merge))
    group.command("split", help=SPLIT_HELP, no_args_is_help=True)(_command(split))


def _plain_act(action: "Action") -> Callable[["_Asking", str, str], None]:
    def act(asking: "_Asking", incident_id: Id, words: Note = "") -> None:
        asking.ask(incident_id, action, words)

    act.__name__ = action
    return act


ASSIGN_HELP = """Give an incident to somebody, or with "" to nobody.

\b
Example:
  foreshock incidents assign 3f9c2d platform -c config/kafka.yaml
"""


def assign(
    asking: "_Asking",
    incident_id: Id,
    assignee: Annotated[str, typer.Argument(help="Whose it is.", metavar="NAME")],
    words: Note = "",
) -> None:
    """Assign."""
    asking.ask(incident_id, "assign", words, assignee=assignee)


NOTE_HELP = """Write something down in an incident's history.

\b
Example:
  foreshock incidents note 3f9c2d "restarted orders-db at 10:12" -c config/kafka.yaml
"""


def note(
    asking: "_Asking",
    incident_id: Id,
    text: Annotated[str, typer.Argument(help="What to write down.", metavar="TEXT")],
) -> None:
    """Note."""
    if not text.strip():
        raise BadInput("a note must say something, got nothing")
    asking.ask(incident_id, "note", text)


MERGE_HELP = """Make one incident of several: the others become part of the first.

\b
Example:
  foreshock incidents merge 3f9c2d 81ab0e -c config/kafka.yaml
"""


def merge(
    asking: "_Asking",
    incident_id: Id,
    others: Annotated[list[str], typer.Argument(help="What becomes part of it.", metavar="ID...")],
    words: Note = "",
) -> None:
    """Merge."""
    asking.ask(incident_id, "merge", words, incidents=others)


SPLIT_HELP = """Take resources out of an incident; their alerts become an incident of their own.

\b
Example:
  foreshock incidents split 3f9c2d i-0a1 i-0a2 -c config/kafka.yaml
"""


def split(
    asking: "_Asking",
    incident_id: Id,
    resources: Annotated[
        list[str], typer.Argument(help="Names of resources that leave.", metavar="NAME...")
    ],
    words: Note = "",
) -> None:
    """Split."""
    asking.ask(incident_id, "split", words, resources=resources)


class _Asking:
    """The options that all of these commands have, and what they do."""

    def __init__(
        self,
        config: Config = None,
        control: Control = None,
        store: StoreOfFlow = None,
        actor: Actor = None,
        as_json: AsJson = False,
        wait_s: Wait = 0.0,
    ) -> None:
        self._flow = running_flow(config, control, store)
        self._actor = actor or who()
        self._as_json = as_json
        self._wait_s = wait_s

    def ask(
        self,
        incident_id: str,
        action: "Action",
        reason: str = "",
        *,
        assignee: str = "",
        incidents: list[str] | None = None,
        resources: list[str] | None = None,
    ) -> None:
        """Refuse what is not legal now, else write the request."""
        from connectors.source import wall_clock
        from flows.acting import act as ask
        from schema.asks import ActionAsk, check_words

        with bad_input():
            check_words("words", reason)
        opened = open_store(self._flow.store)
        try:
            incident = find_incident(opened, incident_id)
            others = [find_incident(opened, each).id for each in incidents or ()]
            asked = ActionAsk(
                action=action, note=reason, assignee=assignee, others=(*others, *(resources or ()))
            )
            act = ask(self._flow, opened, incident.id, asked, self._actor, wall_clock())
        finally:
            opened.close()
        answer = answer_to(self._flow.store, act, self._wait_s) if self._wait_s > 0 else None
        status = "requested" if answer is None else answer.status
        if self._as_json:
            said = {} if answer is None else {"answer": answer.reason}
            said |= {**msgspec.to_builtins(act), "status": status}
            write(msgspec.json.encode(said).decode())
        elif answer is None or status == "requested":
            until = clock(act.effective_ms)
            write(f"{action} of {act.incident} requested, to be obeyed at {until} UTC")
            write(f"foreshock incidents show {act.incident} tells what came of it ({act.id})")
        elif status == "applied":
            write(f"{action} of {act.incident} applied: {answer.reason}")
        if answer is not None and status == "refused":
            raise CommandFailed(f"{action} of {act.incident} is refused: {answer.reason}")
        if answer is not None and status == "requested":
            raise CommandFailed(f"no answer within {self._wait_s:g} s")


def _command(act: Callable[Concatenate[_Asking, ...], None]) -> Callable[..., None]:
    """Return an act as typer reads it: with its own parameters, and those of `_Asking`."""
    own = [*inspect.signature(act).parameters.values()][1:]
    shared = [*inspect.signature(_Asking).parameters.values()]

    def run(**given: Any) -> None:  # noqa: ANN401  # what typer has parsed
        asking = _Asking(**{each.name: given.pop(each.name) for each in shared})
        act(asking, **given)

    run.__name__, run.__doc__ = act.__name__, act.__doc__
    run.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
    run.__dict__["__signature__"] = inspect.Signature([*own, *shared])
    return run
