"""A program of Prometheus's family on loopback, for as long as it is used."""

import json
import shutil
import subprocess
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kafka.broker import free_ports

START_S, STOP_S = 60.0, 30.0
OK = 200
ATTEMPTS = 3  # a port found free may be taken before the server binds it


class DaemonError(RuntimeError):
    """The server cannot be had; the message says why."""


def binary(name: str) -> str | None:
    """Return where a program is, None where there is none."""
    return shutil.which(name)


def missing(name: str) -> str:
    """Return what to say where there is none."""
    return f"needs {name}: `make components` or `apt-get install {name}`"


class Daemon:
    """A running server, its data in `folder`; use it as a context manager."""

    def __init__(self, name: str, folder: Path, settings: object) -> None:
        self._name = name
        self._folder = folder
        self._settings = settings  # as JSON, which is YAML too
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.version = ""

    def arguments(self, config: Path, data: Path, address: str) -> list[str]:
        """Return what it is started with."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        program = binary(self._name)
        if program is None:
            raise DaemonError(missing(self._name))
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "settings.yml"
        config.write_text(json.dumps(self._settings))
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        self.version = (said.stdout or said.stderr).partition(" (")[0]
        try:
            for attempt in range(ATTEMPTS):
                if self._start(program, config, last=attempt == ATTEMPTS - 1):
                    break
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server by its process id; it first sends what it still holds."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def get(self, page: str) -> bytes:
        """Return a page. Raises: DaemonError with what the server said."""
        connection = HTTPConnection(self.address, timeout=10.0)
        try:
            connection.request("GET", page)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != OK:
            raise DaemonError(f"{page}: {answer.status} {body.decode(errors='replace')}")
        return body

    def _start(self, program: str, config: Path, last: bool) -> bool:
        address = f"127.0.0.1:{free_ports(1)[0]}"
        log = self._folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [program, *self.arguments(config, self._folder / "data", address)],
                cwd=self._folder,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for us; we end the server in order
            )
        if self._answers(address):
            self.address = address
            return True
        text = log.read_text(errors="replace")
        if last or "address already in use" not in text:
            raise DaemonError(f"{self._name} did not answer: {text[-1000:]}")
        self.stop()
        return False

    def _answers(self, address: str) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            connection = HTTPConnection(address, timeout=1.0)
            try:
                connection.request("GET", "/-/ready")
                if connection.getresponse().status == OK:
                    return True
            except OSError:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.05)  # before the next question; it should not end
            finally:
                connection.close()
        return False
