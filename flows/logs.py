"""How log lines look, the same in every process: for people, or one JSON object a line."""

import json
import logging
import unicodedata
from datetime import UTC, datetime
from typing import Literal

Format = Literal["console", "json"]

_CONSOLE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_KEPT = "\t"


def log_to_stderr(level: int, form: Format | None = None) -> None:
    """Log this process's records of `level` and above to standard error; None: as before."""
    logging.basicConfig(level=level)
    root = logging.getLogger()
    root.setLevel(level)
    for handler in root.handlers:
        if form == "json":
            handler.setFormatter(_JsonLines())
        elif form == "console" or not isinstance(handler.formatter, _Console | _JsonLines):
            handler.setFormatter(_Console(_CONSOLE))


def log_format() -> Format:
    """Return how this process's lines look, for its children."""
    handlers = logging.getLogger().handlers
    return "json" if any(isinstance(h.formatter, _JsonLines) for h in handlers) else "console"


class _Console(logging.Formatter):
    """A record is a line, whatever names from outside stand in it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # its name there
        return printable(super().formatMessage(record))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.processName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def printable(text: str) -> str:
    """Return `text` with control and format characters escaped: a line stays one line."""
    if text.isprintable():
        return text
    return "".join(c if c in _KEPT or _harmless(c) else _escaped(c) for c in text)


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()
