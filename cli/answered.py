"""How a command waits until the flow has taken up what it was told, and what it says then."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandFailed, bad_input
from cli.tables import clock

if TYPE_CHECKING:
    from flows.answers import Answer
    from flows.running import RunningFlow
    from schema import TriageCommand

Wait = Annotated[
    float,
    typer.Option(
        "--wait", min=0, help="Wait for the flow's answer, at most so long.", metavar="SECONDS"
    ),
]
POLL_S = 0.2


def answer_to(store: str, command: "TriageCommand", wait_s: float) -> "Answer":
    """Return what has come of a command, or how it stands when the time is over."""
    from flows.answers import Answers

    ends = time.monotonic() + wait_s
    with bad_input():
        answers = Answers(store)
    try:
        while True:
            (answer,) = answers.of([command])
            left_s = ends - time.monotonic()
            if left_s <= 0 or answer.status != "requested":
                return answer
            time.sleep(min(POLL_S, left_s))
    finally:
        answers.close()


def tell(
    flow: "RunningFlow",
    command: "TriageCommand",
    wait_s: float,
    asked: Callable[[], None],
) -> None:
    """Write a command into the flow's control log, say that it was `asked`, and wait for an answer.

    Nothing is written if there is no store by which to hear of it.
    """
    if wait_s > 0:
        answer_to(flow.store, command, 0.0)
    flow.log.append(command)
    asked()
    hear(flow.store, command, wait_s)


def hear(store: str, command: "TriageCommand", wait_s: float) -> None:
    """Wait for the flow's answer, if anybody wants to, and say it on standard error."""
    if wait_s <= 0:
        return
    answer = answer_to(store, command, wait_s)
    if answer.status == "requested":
        raise CommandFailed(f"no answer within {wait_s:g} s")
    if answer.status == "refused":
        raise CommandFailed(f"refused: {answer.reason}")
    at = "" if answer.at_ms is None else f" at {clock(answer.at_ms)} UTC"
    typer.echo(": ".join(filter(None, (f"applied{at}", answer.reason))), err=True)
