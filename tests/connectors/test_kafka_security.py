"""A broker that asks who we are: the right answer reads a record, a wrong one is one clear line."""

import json
import logging
import re
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_settings import KafkaSource, Property
from connectors.kafka_source import kafka_origins
from connectors.source import wall_clock
from tests.kafka.broker import Broker, BrokerError
from tests.kafka.cluster import Cluster
from tests.kafka.secured import PASSPHRASE, PASSWORD, USER, Certificates, secured

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.integration
WRONG = "wrong-secret"  # nothing may show it
CLIENT_SECRET = "of-the-client"  # noqa: S105  # known to the issuer below
READ_WITHIN_S = 30.0
PASSWORDS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
MUTUAL = {"ssl.certificate.location": "client.pem", "ssl.key.location": "client.key"}
STRANGER = {"ssl.certificate.location": "stranger.pem", "ssl.key.location": "stranger.key"}
LOCKED = {**MUTUAL, "ssl.key.location": "client.locked.key", "ssl.key.password": PASSPHRASE}

Properties = dict[str, Property]


class Safe:
    """The broker, with a record in topic `t`, and the files that clients need."""

    def __init__(self, broker: Broker, certificates: Certificates) -> None:
        self._broker = broker
        self._certificates = certificates
        plain = Cluster(broker.bootstrap, real=True, said="")
        plain.produce(plain.topic("t"), b"for your eyes only")

    def read(self, listener: str, properties: Properties) -> bytes:
        """Return the record."""
        (origin,) = kafka_origins(self.source(listener, properties), wall_clock)
        reader = origin.open("0", None)
        deadline = time.monotonic() + READ_WITHIN_S
        try:
            while time.monotonic() < deadline:
                chunk = reader.read()
                if chunk is not None and chunk.payloads:
                    return chunk.payloads[0]
        finally:
            reader.close()
        raise AssertionError("nothing came")

    def source(self, listener: str, properties: Properties) -> KafkaSource:
        """Return settings for a listener; names of files become paths."""
        return KafkaSource(
            brokers=self._broker.addresses[listener],
            topics=("t",),
            connect_timeout_s=3.0,
            properties={
                key: str(self._certificates.path(str(value))) if ".location" in key else value
                for key, value in properties.items()
            },
        )


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kafka_client.REFUSED_WAIT_S", 0.5)


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Safe]:
    try:
        certificates = Certificates(tmp_path_factory.mktemp("certificates"))
        with secured(certificates) as broker:
            yield Safe(broker, certificates)
    except BrokerError as ex:
        pytest.skip(f"needs a real broker and openssl: {ex}")


def login(mechanism: str, password: str = PASSWORD, user: str = USER) -> Properties:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }


def token(config: str) -> Properties:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "enable.sasl.oauthbearer.unsecure.jwt": True,
        "sasl.oauthbearer.config": config,
    }


def tls(authority: str = "ca.pem", protocol: str = "SSL") -> Properties:
    return {"security.protocol": protocol, "ssl.ca.location": authority}


RIGHT: list[tuple[str, Properties]] = [
    *(("SASL", login(mechanism)) for mechanism in PASSWORDS),
    ("SASL", token(f"principal={USER}")),
    ("TLS", {**tls(), **MUTUAL}),
    ("TLS", {**tls(), **LOCKED}),
    ("BOTH", {**login("SCRAM-SHA-512"), **tls(protocol="SASL_SSL")}),
]


@pytest.mark.parametrize(("listener", "properties"), RIGHT)
def test_the_right_credentials_read_a_record(
    safe: Safe, listener: str, properties: Properties
) -> None:
    assert safe.read(listener, properties) == b"for your eyes only"


LOGIN = "check sasl.mechanism, sasl.username and sasl.password"
PROTOCOL = "check that security.protocol is the listener's"
CERTIFICATE = "check ssl.certificate.location and ssl.key.location"
REFUSED: list[tuple[str, Properties, str]] = [
    *(("SASL", login(mechanism, WRONG), LOGIN) for mechanism in PASSWORDS),
    *(("SASL", login(mechanism, WRONG, "nobody"), LOGIN) for mechanism in PASSWORDS),
    ("SASL", token(f"principal={USER} lifeSeconds=1 principalClaimName=x"), "sasl.oauthbearer"),
    ("SASL", {}, PROTOCOL),
    ("SASL", {**tls(), **MUTUAL}, PROTOCOL),
    ("TLS", {}, PROTOCOL),
    ("TLS", tls(), CERTIFICATE),
    ("TLS", {**tls(), **STRANGER}, CERTIFICATE),
    ("TLS", {**tls("stranger.pem"), **MUTUAL}, "check ssl.ca.location"),
    ("BOTH", {**login("PLAIN", WRONG), **tls(protocol="SASL_SSL")}, LOGIN),
    ("BOTH", {**login("PLAIN"), **tls("stranger.pem", "SASL_SSL")}, "check ssl.ca.location"),
]


@pytest.mark.parametrize(("listener", "properties", "hint"), REFUSED)
def test_the_wrong_ones_are_one_line_that_says_what_to_check(
    safe: Safe,
    listener: str,
    properties: Properties,
    hint: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    began = time.monotonic()
    with pytest.raises(KafkaUnavailableError) as caught:
        safe.read(listener, properties)
    assert time.monotonic() - began < 10.0
    said = str(caught.value)
    assert re.match(
        r"kafka:t: list of partitions: no Kafka broker at 127.0.0.1:\d+ "
        r"(lets us in|answered within 3 s): ",
        said,
    )
    assert hint in said
    assert "\n" not in said
    assert WRONG not in said
    assert caplog.records == []
    assert caught.value.__cause__ is None
    assert WRONG not in repr(safe.source(listener, properties))


BAD_PROPERTIES: list[tuple[Properties, str]] = [
    ({**tls(), **LOCKED, "ssl.key.password": WRONG}, "ssl.key.location failed"),
    ({**tls("nowhere.pem"), **MUTUAL}, "ssl.ca.location failed"),
    (login("GSSAPI", WRONG), "No provider for SASL mechanism GSSAPI"),
]


@pytest.mark.parametrize(("properties", "reason"), BAD_PROPERTIES)
def test_what_librdkafka_cannot_use_is_a_bad_setting(
    safe: Safe, properties: Properties, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"properties: .*{reason}") as caught:
        safe.read("TLS", properties)
    assert WRONG not in str(caught.value)


def test_a_run_with_a_wrong_password_ends_in_one_line(safe: Safe, tmp_path: Path) -> None:
    source = safe.source("SASL", login("SCRAM-SHA-512", "${KAFKA_PASSWORD}"))
    described = {"type": "kafka", **msgspec.structs.asdict(source)}
    file = tmp_path / "settings.json"  # which is YAML too
    file.write_bytes(msgspec.json.encode({"sources": [described]}))
    done = subprocess.run(
        [sys.executable, "-m", "foreshock", "run", "-c", str(file), "--processes", "2"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "KAFKA_PASSWORD": WRONG},
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith("foreshock: kafka:t: list of partitions: no Kafka broker at ")
    assert line.endswith(LOGIN)
    assert WRONG not in line
    assert (done.returncode, done.stdout) == (1, "")


class Issuer(BaseHTTPRequestHandler):
    """Gives an unsigned token to whoever knows CLIENT_SECRET, as an OIDC server would."""

    def do_POST(self) -> None:
        basic = urlsafe_b64encode(f"{USER}:{CLIENT_SECRET}".encode()).decode()
        known = self.headers["Authorization"] == f"Basic {basic}"
        now = int(time.time())  # noqa: TID251 (a token is of its day)
        claims = {"sub": USER, "iat": now, "exp": now + 300, "scope": "kafka"}
        parts = ({"alg": "none"}, claims)
        encoded = [urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]
        answer = {"access_token": ".".join((*encoded, "")), "token_type": "bearer"}
        body = json.dumps(answer if known else {"error": "invalid_client"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The address at which tokens are to be had."""
    server = HTTPServer(("127.0.0.1", 0), Issuer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    thread.join()
    server.server_close()


def oidc(issuer: str, secret: str) -> Properties:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": USER,
        "sasl.oauthbearer.client.secret": secret,
        "sasl.oauthbearer.token.endpoint.url": issuer,
    }


def test_a_token_is_fetched_from_an_issuer(safe: Safe, issuer: str) -> None:
    assert safe.read("SASL", oidc(issuer, CLIENT_SECRET)) == b"for your eyes only"


def test_an_issuer_that_refuses_is_one_line(safe: Safe, issuer: str) -> None:
    with pytest.raises(KafkaUnavailableError) as caught:
        safe.read("SASL", oidc(issuer, WRONG))
    assert "check what sasl.oauthbearer.* properties say" in str(caught.value)
    assert WRONG not in str(caught.value)
