"""The right to notify from a store: one process has it at a time, until it lets go or ends."""

import fcntl
import time
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from connectors.incident_database import check_url, connect, shown_url

TAKE_S = 5.0  # for one that was killed: its database may not know it yet
_LOOK_S = 0.1
_LOCK = 0x6E6F7469  # of PostgreSQL's advisory locks; the second number is the schema's


class TakenError(RuntimeError):
    """Another process notifies from the store."""


class Sole:
    """The right itself. A lock of the database's, or of a file beside it, which no crash leaves.

    Raises: TakenError where another process has it, and keeps it.
    """

    def __init__(self, url: str, take_s: float = TAKE_S) -> None:
        self._name = shown_url(url)
        parsed = check_url(url)
        self._file: IO[bytes] | None = None
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        if parsed.get_backend_name() == "sqlite":
            path = Path(str(parsed.database))
            self._file = path.with_name(path.name + ".notify").open("wb")
        else:
            self._engine, _ = connect(url, create=False)
        until_s = time.monotonic() + take_s
        while not self._take():
            if time.monotonic() >= until_s:
                self.close()
                raise self._taken()
            time.sleep(_LOOK_S)

    def check(self) -> None:
        """See whether it is held still; a database that was away may have lost it: take it again.

        Raises: TakenError where another process was faster; DBAPIError while the database is away.
        """
        if self._connection is None:
            if self._engine is not None and not self._take():
                raise self._taken()
            return
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            raise

    def close(self) -> None:
        """Let go."""
        if self._file is not None:
            self._file.close()
        if self._connection is not None:
            self._connection.close()
        if self._engine is not None:
            self._engine.dispose()

    def _take(self) -> bool:
        if self._file is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
        if self._engine is None:
            return False
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        query = text("SELECT pg_try_advisory_lock(:lock, hashtext(current_schema()))")
        if connection.execute(query, {"lock": _LOCK}).scalar():
            self._connection = connection
            return True
        connection.close()
        return False

    def _taken(self) -> TakenError:
        return TakenError(
            f"{self._name}: another process notifies from this store: `foreshock run` does so "
            "itself unless notify.inside is false"
        )
