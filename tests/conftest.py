"""Fixtures that more than one folder uses, and how the tests are run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from hypothesis import settings
from playwright.sync_api import Browser
from xdist.workermanage import WorkerController

from config.app import App
from connectors.simulator.settings import SimulatorSource
from flows.assemble import catalogue_of
from flows.warm_up import compile_kernels
from tests.browser.chromium import MISSING, chromium, program
from tests.kafka.cluster import Cluster, cluster
from tests.postgres.server import Postgres, PostgresError

# a crash that a test asks for needs no frames of Rust, which take a second to look up
os.environ["RUST_BACKTRACE"] = "0"

# the same examples in each run, so that a run fails for what was changed; `make fuzz` draws anew
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

KAFKA = pytest.StashKey[set[str]]()
WORKER_OUTPUT = "workeroutput"  # where a pytest-xdist worker leaves what it has to tell


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A Kafka for the whole run, one a test process; the end of the report says which."""
    with cluster() as found:
        pytestconfig.stash.setdefault(KAFKA, set()).add(found.said)
        if hasattr(pytestconfig, WORKER_OUTPUT):
            getattr(pytestconfig, WORKER_OUTPUT)["kafka"] = found.said
        yield found


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile detection once, before test processes start that would each do so."""
    if session.config.getoption("numprocesses", None):
        app = App(sources=(SimulatorSource(),))
        compile_kernels(app, catalogue_of(app))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take over what an ended test process has to tell."""
    said = getattr(node, WORKER_OUTPUT, {}).get("kafka")
    if said is not None:
        node.config.stash.setdefault(KAFKA, set()).add(said)


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium for the whole run; tests are skipped where there is none."""
    if program() is None:
        pytest.skip(MISSING)
    with chromium() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an incident store to be made, of each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'made' / 'incidents.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Say which Kafka the tests used."""
    for said in sorted(config.stash.get(KAFKA, ())):
        terminalreporter.write_line(f"kafka: {said}")
