"""How a command fails: one line on standard error, and an exit code that says whose fault it is."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from config.loader import ConfigError
from flows.logs import log_to_stderr

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


class BadInput(Exception):
    """What the user gave cannot be used; the message says what must hold."""


class CommandFailed(Exception):
    """The command could not do its work."""


@contextmanager
def bad_input() -> Iterator[None]:
    """Turn a ValueError of settings that were just given into the user's error."""
    try:
        yield
    except ValueError as ex:
        raise BadInput(str(ex)) from ex


def guarded(command: Callable[[], object], verbose: bool) -> int:
    """Run a command; say what went wrong if something did; return the exit code."""
    log_to_stderr(logging.INFO if verbose else logging.WARNING)
    try:
        result = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        result = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader of our output has left
        return FAILED
    except Exception as ex:  # noqa: BLE001  # the one place where every error becomes a line
        if verbose:
            traceback.print_exception(ex)
            sys.stderr.write(getattr(ex, "detail", ""))
        message, code = explained(ex)
        if message:
            say(message)
        return code
    if result == INTERRUPTED:  # as typer returns it
        say("interrupted")
    return result if isinstance(result, int) else 0


def say(message: str) -> None:
    """Print `foreshock: <message>` to standard error."""
    sys.stderr.write(f"foreshock: {message}\n")
    sys.stderr.flush()


def explained(ex: Exception) -> tuple[str, int]:
    """Return what to say of an exception, and the exit code."""
    if isinstance(ex, typer.TyperException):
        words = _one_line(ex.format_message())
        return words + _see_help(ex) if words else "", ex.exit_code  # none: help was printed
    if isinstance(ex, BadInput | ConfigError):
        return _one_line(str(ex)), BAD_INPUT
    if isinstance(ex, OSError):
        what = ex.strerror or str(ex)
        return (f"{ex.filename}: {what}" if ex.filename else _one_line(what)), FAILED
    expected = isinstance(ex, CommandFailed | ValueError) or _is_ours(ex)
    words = _one_line(str(ex))
    return (words if expected and words else f"{type(ex).__name__}: {words}"), FAILED


def _is_ours(ex: Exception) -> bool:
    """Whether the exception's class was made to be told: its message stands on its own."""
    return type(ex).__module__.split(".")[0] in {"config", "connectors", "flows", "operators"}


def _see_help(ex: typer.TyperException) -> str:
    context = getattr(ex, "ctx", None)
    return "" if context is None else f" (see {context.command_path} --help)"


def _one_line(text: str) -> str:
    return " ".join(text.split())
