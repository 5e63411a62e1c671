"""Fixtures that more than one folder uses."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from tests.kafka.cluster import Cluster, cluster
from tests.postgres.server import Postgres, PostgresError

# a crash that a test asks for needs no frames of Rust, which take a second to look up
os.environ["RUST_BACKTRACE"] = "0"

KAFKA = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A Kafka for the whole run; the last lines of the report say which."""
    with cluster() as found:
        pytestconfig.stash[KAFKA] = found.said
        yield found


@pytest.fixture
def real_kafka(kafka: Cluster) -> Cluster:
    """A Kafka that is no mock."""
    if not kafka.real:
        pytest.skip(
            f"needs a real broker, this is {kafka.said}; install a Java 17 JDK and Maven, or set "
            "KAFKA_BOOTSTRAP_SERVERS"
        )
    return kafka


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the whole run; tests are skipped where there is none."""
    server = Postgres()
    try:
        server.__enter__()
    except PostgresError as ex:
        pytest.skip(str(ex))
    try:
        yield server
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an incident store to be made, of each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'made' / 'incidents.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Say which Kafka the tests used."""
    said = config.stash.get(KAFKA, None)
    if said is not None:
        terminalreporter.write_line(f"kafka: {said}")
