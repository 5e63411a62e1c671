"""Apache Kafka on loopback: one node, free ports, data in a temporary folder.

`python -m tests.kafka.broker` prints the bootstrap address and runs until Ctrl-C or SIGTERM.
Needs Java 17 and Maven, which fetches the jars that `pom.xml` names and keeps them.
"""

import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

HERE = Path(__file__).parent
CLASSPATH = HERE / "target" / "classpath"
JAVA_OPTIONS = (
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
CLUSTER_ID = base64.urlsafe_b64encode(b"foreshock-broker").decode().rstrip("=")
START_S, STOP_S, FETCH_S = 60.0, 15.0, 600.0
_draw = random.SystemRandom()
ATTEMPTS = 3  # a port found free may be taken before the broker binds it


class BrokerError(RuntimeError):
    """The broker cannot be had here; the message says why."""


def class_path() -> str:
    """Return the class path of the broker, fetching its jars if need be."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        raise BrokerError(f"{' and '.join(missing)} not found")
    pom = HERE / "pom.xml"
    if not _fetched(pom):
        CLASSPATH.parent.mkdir(exist_ok=True)
        part = CLASSPATH.with_suffix(f".{os.getpid()}")
        command = ["mvn", "-q", "-B", "-ntp", "-f", str(pom), "dependency:build-classpath"]
        done = subprocess.run(
            [*command, f"-Dmdep.outputFile={part}"],
            capture_output=True,
            text=True,
            timeout=FETCH_S,
            check=False,
        )
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "ERROR" in line]
            raise BrokerError(f"Maven could not fetch Kafka: {' '.join(lines[:1])[:300]}")
        part.replace(CLASSPATH)
    return CLASSPATH.read_text().strip()


def _fetched(pom: Path) -> bool:
    if not CLASSPATH.exists() or CLASSPATH.stat().st_mtime < pom.stat().st_mtime:
        return False
    return all(Path(jar).exists() for jar in CLASSPATH.read_text().strip().split(":"))


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that nobody listens on.

    They are below those that the system gives to callers: who calls a port of these while nobody
    listens there may be given that very port, and then keeps it from the server that comes back.
    """
    found: list[int] = []
    while len(found) < count:
        port = _draw.randrange(10_000, 32_000)
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class Broker:
    """A running broker; use it as a context manager.

    `listeners` (name: protocol) stand beside the plain one, each on a port of its own; `users`
    (name: password) may log in by SCRAM; `properties` are added to the server's own.
    """

    def __init__(
        self,
        properties: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        self._properties = dict(properties or {})
        self._listeners = dict(listeners or {})
        self._users = dict(users or {})
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap = ""
        self.addresses: dict[str, str] = {}  # of the listeners, by name

    def __enter__(self) -> Self:
        try:
            jars = class_path()
            for attempt in range(ATTEMPTS):
                if self._start(jars, last=attempt == ATTEMPTS - 1):
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
        """End the broker by its process id and remove its data."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End the broker as a power cut would; its data stay for `revive`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def revive(self) -> None:
        """Start a killed broker again, on its data and its ports; wait until it answers."""
        for _ in range(ATTEMPTS):
            if self._launch(class_path()):
                return
            self.kill()
        raise BrokerError(f"Kafka did not start again: {_tail(self._folder / 'log')}")

    def wait(self) -> int:
        """Wait until the broker ends; return its exit status."""
        return -1 if self._process is None else self._process.wait()

    def _server_properties(self, port: int, controller_port: int) -> dict[str, str]:
        here = "127.0.0.1"
        outside = {"PLAINTEXT": f"{here}:{port}", **self.addresses}
        advertised = ",".join(f"{name}://{address}" for name, address in outside.items())
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **self._listeners}
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{here}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": f"{advertised},CONTROLLER://{here}:{controller_port}",
            "advertised.listeners": advertised,
            "listener.security.protocol.map": ",".join(f"{k}:{v}" for k, v in protocols.items()),
            "log.dirs": str(self._folder / "data"),
            "num.partitions": "1",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.retention.ms": "-1",  # records may carry times of years ago
            "log.message.timestamp.after.max.ms": str(2**63 - 1),  # or of years ahead
            "log.retention.check.interval.ms": "500",
            "log.cleaner.backoff.ms": "500",
            **self._properties,
        }

    def _start(self, jars: str, last: bool) -> bool:
        port, controller_port, *others = free_ports(2 + len(self._listeners))
        self.bootstrap = f"127.0.0.1:{port}"
        names = zip(self._listeners, others, strict=True)
        self.addresses = {name: f"127.0.0.1:{other}" for name, other in names}
        config = self._folder / "server.properties"
        properties = self._server_properties(port, controller_port)
        config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        log = self._folder / "log"
        self._format(jars, config, log)
        if self._launch(jars):
            return True
        if last or "BindException" not in log.read_text(errors="replace"):
            raise BrokerError(f"Kafka did not answer within {START_S:.0f} s: {_tail(log)}")
        self.kill()
        return False

    def _format(self, jars: str, config: Path, log: Path) -> None:
        command = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(config)]
        for name, password in self._users.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                command += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
        with log.open("wb") as out:
            formatted = subprocess.run(
                ["java", *JAVA_OPTIONS, "-cp", jars, *command],
                stdout=out,
                stderr=out,
                timeout=START_S,
                check=False,
            )
        if formatted.returncode != 0:
            raise BrokerError(f"Kafka could not format its storage: {_tail(log)}")

    def _launch(self, jars: str) -> bool:
        config = str(self._folder / "server.properties")
        with (self._folder / "log").open("ab") as out:
            self._process = subprocess.Popen(
                ["java", *JAVA_OPTIONS, "-cp", jars, "kafka.Kafka", config],
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for us; we end the broker in order
            )
        return self._answers(self._process)

    def _answers(self, process: "subprocess.Popen[bytes]") -> bool:
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if admin.list_topics(timeout=0.5).brokers:
                    return True
            except KafkaException:
                continue
        return False


def _tail(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-5:])[-1000:]


def main() -> int:
    """Run a broker in the foreground."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Broker() as broker:
            sys.stdout.write(f"{broker.bootstrap}\n")
            sys.stdout.flush()
            return broker.wait()
    except BrokerError as ex:
        sys.stderr.write(f"kafka: {ex}\n")
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
