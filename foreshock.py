"""Foreshock's command line: `foreshock`, or `python -m foreshock` from a checkout."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import typer

from cli.errors import guarded

COMMANDS = {  # command: the module that registers it, imported only when it is asked for
    "demo": "cli.demo",
    "run": "cli.run",
    "backtest": "cli.backtest",
    "tune": "cli.tune",
    "export": "cli.export",
    "train": "cli.train",
    "models": "cli.models",
    "score": "cli.score",
    "capacity": "cli.capacity",
    "simulate": "cli.simulate",
    "inject": "cli.simulate",
    "peek": "cli.peek",
    "deadletter": "cli.deadletter",
    "catalogue": "cli.catalogue",
    "incidents": "cli.incidents",
    "queue": "cli.queue",
    "requests": "cli.requests",
    "silence": "cli.silence",
    "why": "cli.why",
    "serve": "cli.serve",
    "token": "cli.token",
    "notify": "cli.notify",
    "review": "cli.review",
    "top": "cli.top",
    "topology": "cli.topology",
    "deploys": "cli.deploys",
    "store": "cli.store",
    "recovery": "cli.recovery",
    "config": "cli.config",
}
VERBOSE = "--verbose"


def build(command: str | None = None) -> typer.Typer:
    """Return the command line with one command, or with all."""
    app = typer.Typer(
        name="foreshock",
        help="Cloud metric streams in, triaged incidents out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    wanted = COMMANDS.values() if command is None else [COMMANDS[command]]
    for module in dict.fromkeys(wanted):
        import_module(module).register(app)
    return app


def _root(
    show_version: bool = typer.Option(False, "--version", help="Print the version and end."),
    verbose: bool = typer.Option(
        False, VERBOSE, help="Log more, and show tracebacks. Allowed anywhere."
    ),
) -> None:
    """Cloud metric streams in, triaged incidents out."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, 1 failed, 2 bad usage or settings, 130 Ctrl-C."""
    given = list(sys.argv[1:] if args is None else args)
    verbose = VERBOSE in given
    given = [each for each in given if each != VERBOSE]
    if given[:1] == ["--version"]:
        print(f"foreshock {_version()}")  # noqa: T201
        return 0
    command = given[0] if given and given[0] in COMMANDS else None
    return guarded(
        lambda: build(command)(given, prog_name="foreshock", standalone_mode=False), verbose
    )


def _version() -> str:
    try:
        return version("foreshock")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
