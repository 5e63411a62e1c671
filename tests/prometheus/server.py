"""Prometheus on loopback: it scrapes one target each second, and may write on or alert."""

import json
import shutil
import subprocess
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from tests.kafka.broker import free_ports

START_S, STOP_S = 60.0, 30.0
OK = 200
ATTEMPTS = 3  # a port found free may be taken before the server binds it
JOB = "shop"
EXTERNAL_LABELS = {"region": "eu-west-1", "prometheus_replica": "a"}
MISSING = "needs Prometheus: `make components` or `apt-get install prometheus`"


class PrometheusError(RuntimeError):
    """The server cannot be had; the message says why."""


def binary() -> str | None:
    """Return where Prometheus is, None where there is none."""
    return shutil.which("prometheus")


class Prometheus:
    """A running server, its data in `folder`; use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        target: str,
        remote_write: str | None = None,
        *,
        job: str = JOB,
        rules: Path | None = None,
    ) -> None:
        self._folder = folder
        self._settings = _settings(target, remote_write, job, rules)
        self._address = ""
        self._process: subprocess.Popen[bytes] | None = None
        self.version = ""

    def __enter__(self) -> Self:
        program = binary()
        if program is None:
            raise PrometheusError(MISSING)
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "prometheus.yml"
        config.write_text(json.dumps(self._settings))  # which is YAML too
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

    def ask(self, page: str, **given: str) -> dict[str, Any]:
        """Return the data of an API page. Raises: PrometheusError with what the server said."""
        connection = HTTPConnection(self._address, timeout=10.0)
        try:
            connection.request("GET", f"/api/v1/{page}?{urlencode(given)}")
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer["status"] != "success":
            raise PrometheusError(answer["error"])
        data: dict[str, Any] = answer["data"]
        return data

    def _start(self, program: str, config: Path, last: bool) -> bool:
        address = f"127.0.0.1:{free_ports(1)[0]}"
        log = self._folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={address}",
                    "--enable-feature=exemplar-storage",
                ],
                cwd=self._folder,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for us; we end the server in order
            )
        if self._answers(address):
            self._address = address
            return True
        text = log.read_text(errors="replace")
        if last or "address already in use" not in text:
            raise PrometheusError(f"Prometheus did not answer: {text[-1000:]}")
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


def _settings(
    target: str, remote_write: str | None, job: str, rules: Path | None
) -> dict[str, object]:
    write_to = {
        "url": remote_write,
        "send_exemplars": True,
        "queue_config": {"max_shards": 1, "batch_send_deadline": "100ms"},
        "metadata_config": {"send": True, "send_interval": "1s"},
    }
    return {
        "global": {
            "scrape_interval": "1s",
            "evaluation_interval": "1s",
            "external_labels": EXTERNAL_LABELS,
        },
        "rule_files": [str(rules)] if rules else [],
        "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [target]}]}],
        "remote_write": [write_to] if remote_write else [],
    }
