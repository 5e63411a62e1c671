"""`foreshock peek --json` as a user gives it, and the lines that it prints."""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

import foreshock


class Peeked(NamedTuple):
    """What was printed."""

    samples: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    said: str  # the counts, from standard error


def peek(what: str, *options: str) -> Peeked:
    """Look into a topic or file, absorbed readings included."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = foreshock.main(["peek", what, *options, "--absorbed", "--json"])
    assert status == 0, err.getvalue()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return Peeked(
        [line for line in lines if "reject" not in line],
        [line for line in lines if "reject" in line],
        err.getvalue(),
    )
