"""What is refused before any route: other pages, other hosts, too much, too often, other files."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.app import PAGE
from api.rate import Rate
from config.serve import ServeSettings
from connectors.incident_store import IncidentStore
from flows.desk import Desk
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import OPENED

ACT = "/api/v1/incidents/inc-1/actions"
NOTE = {"action": "note", "note": "hello"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("guarded")
    store = IncidentStore(url_of(folder), create=True)
    store.record([OPENED])
    store.close()
    with serving(Desk(url_of(folder), control=folder / "control.jsonl")) as found:
        yield found


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_page_cannot_ask_for_a_change(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    assert client.post(ACT, json=NOTE, headers=headers).status_code == 403


def test_our_own_page_can(client: httpx.Client) -> None:
    origin = f"http://{urlsplit(str(client.base_url)).netloc}"
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert client.post(ACT, json=NOTE, headers=headers).status_code == 202


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""]
)
def test_what_a_form_can_send_asks_for_nothing(client: httpx.Client, kind: str) -> None:
    body = b'{"action":"note","note":"x"}'
    assert client.post(ACT, content=body, headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1@evil", "a/b"]
)
def test_a_name_that_was_bound_to_this_address_is_not_answered(
    client: httpx.Client, host: str
) -> None:
    assert client.get("/api/v1/me", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:81", "127.0.0.1:9", "[::1]:80"])
def test_this_machine_is_known_by_its_names(client: httpx.Client, host: str) -> None:
    assert client.get("/api/v1/me", headers={"Host": host}).status_code == 200


def test_no_other_origin_may_read(client: httpx.Client) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        client.get("/api/v1/me", headers={"Origin": "https://evil.example"}),
        client.options(ACT, headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/api/v1/none", "/none", "/openapi.json"])
def test_every_answer_says_what_a_page_of_ours_may_do(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/%2e%2e/app.py",
        "/..%2fapp.py",
        "/screens/..%2f..%2fapp.py",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/..%5capp.py",
        "/index.html%00.js",
        "/.%2e/%2e./etc/passwd",
    ],
)
def test_no_file_outside_the_page_is_served(client: httpx.Client, path: str) -> None:
    place = urlsplit(str(client.base_url))
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = connection.makefile("rb").read()
    assert answer.split()[1] in {b"404", b"400"}
    assert b"create_app" not in answer
    assert b"root:" not in answer


def test_the_page_is_served(client: httpx.Client) -> None:
    if not (PAGE / "index.html").is_file():
        pytest.skip("there is no page")
    assert "<title>Foreshock" in client.get("/").text


@pytest.mark.parametrize("path", [ACT, "/api/v1/queue", "/none"])
@pytest.mark.parametrize("is_told", [True, False])
def test_a_body_of_a_hundred_megabytes_is_refused_before_it_is_read(
    client: httpx.Client, path: str, is_told: bool
) -> None:
    place = urlsplit(str(client.base_url))
    size = 100_000_000
    form = f"Content-Length: {size}" if is_told else "Transfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
    chunk = b" " * 65_536
    framed = chunk if is_told else b"10000\r\n" + chunk + b"\r\n"
    sent = 0
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(f"{head}{form}\r\n\r\n".encode())
        try:
            while sent < size:
                connection.sendall(framed)
                sent += len(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            answer = connection.recv(65_536)
        except ConnectionResetError:
            answer = b""
    assert sent < 20_000_000
    assert answer == b"" or answer.split()[1] in {b"413", b"404", b"405"}


def test_a_body_that_is_too_large_is_a_problem(client: httpx.Client) -> None:
    answer = client.post(ACT, json={"action": "note", "note": "x" * 2_000_000})
    assert (answer.status_code, answer.json()["title"]) == (413, "Request Entity Too Large")


def test_who_sends_slowly_is_not_waited_for(tmp_path: Path) -> None:
    IncidentStore(url_of(tmp_path), create=True).close()
    settings = ServeSettings(port=0, timeout_s=0.3)
    with serving(Desk(url_of(tmp_path)), settings) as client:
        place = urlsplit(str(client.base_url))
        with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
            head = f"POST {ACT} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 10\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
            answer = connection.makefile("rb").read()
    assert answer.split()[1] == b"503"
    assert b"no answer within 0.3 s" in answer


def test_who_asks_too_often_is_told_when_to_ask_again(tmp_path: Path) -> None:
    IncidentStore(url_of(tmp_path), create=True).close()
    settings = ServeSettings(port=0, rate_requests=3, rate_per_s=60)
    with serving(Desk(url_of(tmp_path)), settings) as client:
        answers = [client.get("/api/v1/me") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 20


def test_a_bucket_fills_again_and_no_client_empties_anothers() -> None:
    now = [0.0]
    rate = Rate(2, 10.0, lambda: now[0])
    assert [rate.wait_s("a") for _ in range(3)] == [0, 0, 5]
    assert rate.wait_s("b") == 0
    now[0] = 5.0
    assert [rate.wait_s("a") for _ in range(2)] == [0, 5]


def test_streams_have_no_time_out(tmp_path: Path) -> None:
    IncidentStore(url_of(tmp_path), create=True).close()
    settings = ServeSettings(port=0, timeout_s=0.1)
    with (
        serving(Desk(url_of(tmp_path)), settings) as client,
        client.stream("GET", "/api/v1/events") as stream,
    ):
        begun = time.monotonic()
        for _ in stream.iter_lines():
            break
        with pytest.raises(httpx.ReadTimeout):
            client.get("/api/v1/events", timeout=0.5)
    assert time.monotonic() - begun >= 0.5
