"""What really went wrong inside Bytewax, in one line.

Bytewax wraps an exception of ours in one or two of its own; in a cluster it drops them all and
raises a panic of its send thread instead. They are still made by calling `BytewaxRuntimeError`,
so a subclass in its place that remembers its instances keeps the cause. Without it (another
version of Bytewax) only the words are poorer.
"""

import threading
import traceback

import bytewax.errors
import msgspec
from bytewax.errors import BytewaxRuntimeError


class Failure(msgspec.Struct, frozen=True):
    """Why a worker ended. Plain text, since an exception may not survive pickling."""

    message: str  # one line
    detail: str  # traceback
    known: bool  # False: no exception of ours was found, so another worker may know better


_seen: list[BytewaxRuntimeError] = []
_happened = threading.Event()


class _Remembered(BytewaxRuntimeError):
    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        _seen.append(self)
        _happened.set()


def remember_failures() -> threading.Event:
    """Start to keep what Bytewax wraps, in this process; return the event that the first sets."""
    bytewax.errors.BytewaxRuntimeError = _Remembered  # type: ignore[misc]  # a class, put in place
    _seen.clear()
    _happened.clear()
    return _happened


def explain(caught: BaseException) -> Failure:
    """Find the exception of ours behind `caught`, or behind what was remembered."""
    for candidate in (*_seen, caught):
        root = _unwrap(candidate)
        if not isinstance(root, BytewaxRuntimeError) and _is_python(root):
            return Failure(one_line(root), "".join(traceback.format_exception(root)), known=True)
    return Failure(one_line(caught), "".join(traceback.format_exception(caught)), known=False)


def one_line(ex: BaseException) -> str:
    """Say the exception's type and message on one line."""
    words = " ".join(str(ex).split())
    return f"{type(ex).__name__}: {words}" if words else type(ex).__name__


def real_exception(caught: BaseException) -> BaseException:
    """Return the exception of ours behind `caught` if there is one, else `caught`."""
    root = _unwrap(caught)
    return root if _is_python(root) else caught


def _unwrap(ex: BaseException) -> BaseException:
    while isinstance(ex, BytewaxRuntimeError) and ex.__cause__ is not None:
        ex = ex.__cause__
    return ex


def _is_python(ex: BaseException) -> bool:
    return isinstance(ex, Exception | KeyboardInterrupt | SystemExit)  # a Rust panic is neither
