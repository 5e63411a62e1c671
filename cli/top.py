"""`foreshock top`: what goes on, on the terminal, and keys to act on it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, bad_input
from cli.running_flow import Actor, Config, Control, StoreOfFlow, who

if TYPE_CHECKING:
    from terminal.backend import Backend
    from terminal.palette import Look

HELP = """Show what goes on, live, and act on it by keys.

It shows incidents, queue, clouds, models and silences of a store, or with --api what `foreshock
serve` serves elsewhere. With -c or --control, what is asked for reaches the running flow by its
control log; without, it can only be looked at. An API asks for a token: that of --token-file, else
of the variable FORESHOCK_TOKEN. The terminal's own colours are used, and with NO_COLOR none. "?"
says what the keys do.

\b
Examples:
  foreshock top --store sqlite:///.foreshock/demo.db
  foreshock top -c config/kafka.yaml --filter "sev:high"
  foreshock top --api https://foreshock.example.com --token-file ~/.foreshock-token
"""
TOKEN = "FORESHOCK_TOKEN"  # noqa: S105  # the variable's name
INSTEAD = "`foreshock queue` and `foreshock incidents watch` say in lines what goes on"
NO_COLOUR = ("vt100", "vt102", "vt220", "xterm-mono")  # terminals that have none
NO_BRAILLE = ("linux",)  # the console's fonts have no dots


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("top", help=HELP)(top)


def top(
    config: Config = None,
    control: Control = None,
    store: StoreOfFlow = None,
    api: Annotated[
        str | None, typer.Option(help="Address of `foreshock serve`.", metavar="URL")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token for --api.", metavar="FILE")
    ] = None,
    actor: Actor = None,
    filter_: Annotated[
        str, typer.Option("--filter", help='As after "/": sev:high cloud:aws orders-db.')
    ] = "",
    every_s: Annotated[
        float,
        typer.Option("--every", help="Look for news so often.", metavar="SECONDS", min=0.2, max=60),
    ] = 2.0,
    mouse: Annotated[
        bool, typer.Option("--mouse/--no-mouse", help="Without, the terminal selects text.")
    ] = True,
    ascii_: Annotated[bool, typer.Option("--ascii", help="Draw with plain characters.")] = False,
) -> None:
    """Show it."""
    look = _look(ascii_)
    backend = _backend(api, token_file, store, config, control, actor or who())

    import logging

    from connectors.source import wall_clock
    from terminal.app import TopApp
    from terminal.backend import Wanted
    from terminal.filter_words import parse

    with bad_input():
        wanted = parse(filter_, Wanted())
    screen = TopApp(backend, wall_clock, look, every_s=every_s, wanted=wanted)
    logging.disable(logging.CRITICAL)  # lines of a log would be drawn over the screen
    try:
        screen.run(mouse=mouse)
    finally:
        logging.disable(logging.NOTSET)
        backend.close()
    if screen.return_code:
        raise typer.Exit(screen.return_code)


def _look(ascii_: bool) -> "Look":
    """Return what this terminal can show. Raises: BadInput where there is none to draw on."""
    term = os.environ.get("TERM", "")
    if term in {"", "dumb", "unknown"}:
        raise BadInput(f"top draws on a terminal, and TERM is {term!r}: {INSTEAD}")
    for name, stream in (("input", sys.__stdin__), ("output", sys.__stdout__),
                         ("error output", sys.__stderr__)):  # fmt: skip
        if stream is None or not stream.isatty():
            raise BadInput(f"top draws on a terminal, and its {name} is none: {INSTEAD}")

    from terminal.palette import Look

    encoding = (sys.__stderr__.encoding if sys.__stderr__ else "") or ""
    plain = ascii_ or term in NO_BRAILLE or encoding.lower().replace("-", "") != "utf8"
    return Look("NO_COLOR" not in os.environ and term not in NO_COLOUR, plain)


def _backend(
    api: str | None,
    token_file: Path | None,
    store: str | None,
    config: str | None,
    control: Path | None,
    actor: str,
) -> "Backend":
    if api is None:
        if token_file is not None:
            raise BadInput("--token-file must come with --api")
        from config.app import load_app
        from flows.desk import Desk
        from terminal.local import LocalBackend

        app = None if config is None else load_app(config)
        with bad_input():
            return LocalBackend(Desk(store, app, control=control), actor)
    if config is not None or control is not None:
        raise BadInput("--api must not come with -c or --control: the API knows its flow")
    from terminal.remote import RemoteBackend

    with bad_input():
        return RemoteBackend(api, _token(token_file))


def _token(file: Path | None) -> str:
    text = os.environ.get(TOKEN, "") if file is None else file.expanduser().read_text()
    token = text.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput(f"{TOKEN if file is None else file} must hold a token and nothing else")
    return token
