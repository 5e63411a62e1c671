"""A record is a line, in both forms, whatever names from outside stand in it."""

import json
import logging
from collections.abc import Iterator

import pytest

from flows.logs import Format, log_format, log_to_stderr

MAD = "web\n2026-01-01 00:00:00 ERROR root: forged\x1b[2J\u2028\u202egnp"


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Handler]:
    mine = logging.StreamHandler()
    root = logging.getLogger()
    level = root.level
    monkeypatch.setattr(root, "handlers", [mine])
    yield mine
    root.setLevel(level)


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("connectors.x", logging.WARNING, "x.py", 1, message, args, None)


def test_a_name_makes_no_line_of_its_own(handler: logging.Handler) -> None:
    log_to_stderr(logging.INFO, "console")
    line = handler.format(record("account %s", MAD))
    assert line.isprintable()
    assert line.endswith(
        r"account web\n2026-01-01 00:00:00 ERROR root: forged\x1b[2J\u2028\u202egnp"
    )


def test_json_is_an_object_a_line(handler: logging.Handler) -> None:
    log_to_stderr(logging.INFO, "json")
    line = handler.format(record("account %s", MAD))
    assert "\n" not in line
    assert line.isascii()
    found = json.loads(line)
    assert found["message"] == f"account {MAD}"
    assert (found["level"], found["logger"]) == ("WARNING", "connectors.x")
    assert found["process"] == "MainProcess"
    assert found["time"].endswith("Z")


def test_json_holds_a_traceback(handler: logging.Handler) -> None:
    log_to_stderr(logging.INFO, "json")
    one = record("failed")
    try:
        int("so it is")
    except ValueError as ex:
        one.exc_info = (ValueError, ex, ex.__traceback__)
    assert (
        "invalid literal for int() with base 10: 'so it is'"
        in json.loads(handler.format(one))["exception"]
    )


@pytest.mark.parametrize("form", ["console", "json"])
def test_children_are_told_the_form(handler: logging.Handler, form: Format) -> None:
    log_to_stderr(logging.INFO, form)
    assert log_format() == form
    log_to_stderr(logging.WARNING)  # a level alone
    assert log_format() == form
