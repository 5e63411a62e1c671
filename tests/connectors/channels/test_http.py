import logging
import socket
from datetime import UTC, datetime

import pytest

from connectors.channels import http
from connectors.channels.channel import Later, Refused, Sent
from connectors.channels.http import HttpCaller, retry_after_s
from tests.connectors.channels.provider import Reply, provider


def call(url: str, *, timeout_s: float = 5.0, allow_private: bool = True) -> http.Answer:
    caller = HttpCaller(allow_private=allow_private, timeout_s=timeout_s)
    try:
        return caller.call("POST", url, b"{}", {"Content-Type": "application/json"})
    finally:
        caller.close()


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (Reply(200), Sent()),
        (Reply(202), Sent()),
        (Reply(429, b"slow  down", (("Retry-After", "7"),)),
         Later("127.0.0.1: HTTP 429: slow down", 7.0)),
        (Reply(500), Later("127.0.0.1: HTTP 500: {}", maybe=True)),
        (Reply(503, b"", (("Retry-After", "soon"),)), Later("127.0.0.1: HTTP 503")),
        (Reply(400, b"no such key"), Refused("127.0.0.1: HTTP 400: no such key")),
        (Reply(404, b""), Refused("127.0.0.1: HTTP 404")),
        (Reply(302, b"", (("Location", "http://169.254.169.254/"),)),
         Refused("127.0.0.1: HTTP 302")),
        (Reply(cuts=True), Later("127.0.0.1: RemoteProtocolError", maybe=True)),
    ],
)  # fmt: skip
def test_an_answer_is_sent_later_or_never(reply: Reply, means: object) -> None:
    with provider(lambda _: reply) as server:
        assert call(server.url + "/secret/path").outcome == means
        assert len(server.asked) == 1


def test_no_log_tells_the_path_of_a_url(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), provider(lambda _: Reply()) as server:
        assert call(server.url + "/services/T0/B0/secret").outcome == Sent()
        server.next = [Reply(400, b"no")]
        call(server.url + "/services/T0/B0/secret")
    assert "secret" not in caplog.text


def test_no_answer_is_waited_for_only_so_long() -> None:
    with provider(lambda _: Reply(hangs=True)) as server:
        outcome = call(server.url, timeout_s=0.3).outcome
        assert outcome == Later("127.0.0.1: ReadTimeout", maybe=True)


def test_a_target_in_a_private_network_is_refused_unless_it_is_allowed() -> None:
    with provider(lambda _: Reply()) as server:
        outcome = call(server.url + "/secret", allow_private=False).outcome
        assert outcome == Refused("127.0.0.1: is in a private network; allow_private is not set")
        assert server.asked == []
    for address in ("10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[::]",
                    "100.64.0.1", "[fe80::1]", "[fc00::1]", "224.0.0.1", "255.255.255.255", "0",
                    "2130706433", "127.1", "0x7f.1", "[::7f00:1]", "[64:ff9b::10.0.0.1]",
                    "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]"):  # fmt: skip
        assert isinstance(call(f"http://{address}/", allow_private=False).outcome, Refused)


@pytest.mark.parametrize(
    ("address", "public"),
    [("93.184.215.14", True), ("2606:2800:21f:cb07::1", True), ("64:ff9b::93.184.215.14", True),
     ("::ffff:93.184.215.14", True), ("2002:5db8:d70e::1", True), ("2002:a00:1::1", False),
     ("2001:0:5ef5:79fb:0:59d:f5ff:fffe", False), ("64:ff9b:1::1", False), ("::1", False)],
)  # fmt: skip
def test_an_address_is_public_if_what_it_leads_to_is(address: str, public: bool) -> None:
    assert http.is_public(address) == public


def test_a_name_is_refused_if_one_of_its_addresses_is_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(2, 1, 6, "", (address, 80)) for address in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    outcome = call("http://rebind.example/x", allow_private=False).outcome
    assert isinstance(outcome, Refused)


def test_a_name_is_looked_up_once_so_that_it_cannot_change_after_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    look_up = socket.getaddrinfo

    def rebinding(
        host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> object:
        asked.append(host)
        at = "127.0.0.1" if host == "rebind.example" else host
        return look_up(at, port, family, type, proto, flags)

    with provider(lambda _: Reply()) as server:
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        outcome = call(f"http://rebind.example:{server.url.rpartition(':')[2]}/x").outcome
        assert outcome == Sent()
    assert asked.count("rebind.example") == 1
    assert {*asked} == {"rebind.example", "127.0.0.1"}


@pytest.mark.parametrize("url", ["ftp://example.org/x", "x", "http://", "file:///etc/passwd"])
def test_what_is_no_web_address_is_refused_and_not_quoted(url: str) -> None:
    assert call(url).outcome == Refused("the URL must be http:// or https://")


def test_a_name_that_does_not_resolve_is_tried_again() -> None:
    outcome = call("http://no-such-host.invalid/secret").outcome
    assert isinstance(outcome, Later)
    assert "secret" not in outcome.error


def test_a_host_name_is_sent_as_it_is_while_the_address_is_the_one_that_was_checked() -> None:
    with provider(lambda _: Reply()) as server:
        port = server.url.rpartition(":")[2]
        assert call(f"http://localhost:{port}/x").outcome == Sent()
        assert server.asked[0].headers["host"] == f"localhost:{port}"


def test_a_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert retry_after_s("Sun, 01 Mar 2026 10:02:00 GMT", now) == 120.0
    assert retry_after_s("Sun, 01 Mar 2026 09:00:00 GMT", now) == 0.0
    assert retry_after_s("") is None
