"""PostgreSQL on loopback: a free port, its data in a temporary folder, for as long as it is used.

`python -m tests.postgres.server` prints the URL of an empty database and runs until Ctrl-C; given a
command, it runs that with the URL added, then ends.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.kafka.broker import free_ports

START_S, STOP_S = 60.0, 30.0
ATTEMPTS = 3  # a port found free may be taken before the server binds it
USER = "foreshock"
MISSING = "needs PostgreSQL: `make components` or `apt-get install postgresql`"
_DEBIAN = Path("/usr/lib/postgresql")


class PostgresError(RuntimeError):
    """The server cannot be had; the message says why."""


def programs() -> Path | None:
    """Return the folder that holds initdb and postgres, the newest version's; None: there is none.

    Debian keeps them off the PATH.
    """
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    paths = [*found, *([Path(on_path)] if on_path else [])]
    folders = [path.parent for path in paths if (path.parent / "postgres").exists()]
    return folders[-1] if folders else None


class Postgres:
    """A running server; use it as a context manager.

    Unless its settings say otherwise it does not wait for the disk: the tests kill its clients,
    not the machine.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._port = 0
        self._made = 0
        self.version = ""

    def __enter__(self) -> Self:
        folder = programs()
        if folder is None:
            raise PostgresError(MISSING)
        self._folder = Path(tempfile.mkdtemp(prefix="foreshock-postgres-"))
        user = _user()
        if user is not None:
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        try:
            self._initialise(folder / "initdb")
            for attempt in range(ATTEMPTS):
                if self.start(last=attempt == ATTEMPTS - 1):
                    break
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def database(self) -> str:
        """Return the URL of an empty schema, which is as good as a database and made faster."""
        self._made += 1
        name = f"test{self._made}"
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        place = f"{USER}@127.0.0.1:{self._port}/postgres"
        return f"postgresql+psycopg://{place}?options=-csearch_path%3D{name}"

    def start(self, *, last: bool = True) -> bool:
        """Start the server on a free port, or on its own where it had one."""
        folder = programs()
        assert folder is not None
        assert self._folder is not None
        user, group, groups = _as_user()
        self._port = self._port or free_ports(1)[0]
        options = {"fsync": "off", "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
                   "port": str(self._port)} | self._settings  # fmt: skip
        flags = [f"--{name}={value}" for name, value in options.items()]
        log = self._folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [folder / "postgres", "-D", self._folder / "data", *flags],
                stdout=out, stderr=out, start_new_session=True,
                user=user, group=group, extra_groups=groups,
            )  # fmt: skip
        if self._answers():
            return True
        said = log.read_text(errors="replace")
        if last or "in use" not in said:
            raise PostgresError(f"PostgreSQL did not answer: {said[-1000:]}")
        self.stop()
        self._port = 0
        return False

    def stop(self) -> None:
        """End the server by its process id, at once, as a crash would: it recovers when started."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGQUIT)
        process.wait(STOP_S)

    def _initialise(self, initdb: Path) -> None:
        assert self._folder is not None
        user, group, groups = _as_user()
        done = subprocess.run(
            [initdb, "-D", self._folder / "data", "-U", USER, "-A", "trust", "-E", "UTF8",
             "--no-sync", "--locale=C.UTF-8"],
            capture_output=True, text=True, check=False, cwd=self._folder,
            user=user, group=group, extra_groups=groups,
        )  # fmt: skip
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {done.stderr[-1000:]}")

    def _answers(self) -> bool:
        process = self._process
        assert process is not None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(self._conninfo()) as connection,
            ):
                self.version = f"PostgreSQL {connection.info.server_version // 10_000}"
                return True
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)  # before the next question; it should not end
        return False

    def _conninfo(self) -> str:
        return f"host=127.0.0.1 port={self._port} user={USER} dbname=postgres connect_timeout=5"

    def _leave(self) -> None:
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _user() -> pwd.struct_passwd | None:
    """Return whom the server has to run as: it refuses root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresError("PostgreSQL runs as no root, and there is no user postgres or nobody")


def _as_user() -> tuple[int | None, int | None, list[int] | None]:
    """Return user, group and further groups of the server, for `subprocess`."""
    user = _user()
    return (None, None, None) if user is None else (user.pw_uid, user.pw_gid, [])


def main(command: list[str]) -> int:
    """Run until interrupted, or until a command has ended to which the URL is added."""
    with Postgres({"fsync": "on", "shared_buffers": "512MB"}) as server:
        url = server.database()
        if command:
            return subprocess.run([*command, url], check=False).returncode
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PostgresError as ex:
        sys.exit(str(ex))
