"""Each route with each role, and everything else by which somebody may come in, or not."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.access import PREFIX, ROLE_OF, api_routes, row_of
from api.app import create_app
from config.serve import ROLES, ProxySettings, ServeSettings
from connectors.incident_store import IncidentStore
from connectors.token_store import TokenStore
from flows.desk import Desk
from schema.desk import Role
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import OPENED

ROUTES = sorted(ROLE_OF)
BODIES = {
    "POST /incidents/{incident_id}/actions": {"action": "note", "note": "x"},
    "POST /incidents/{incident_id}/feedback": {"verdict": "real"},
    "POST /silences": {"matchers": ["service=aws.rds"], "for_s": 60},
    "POST /models/{service}/promote": {"version": "v1"},
    "POST /models/{service}/rollback": {},
}
NOW_MS = time.time_ns() // 1_000_000
FOR_EVER = None


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, TokenStore]]:
    folder = tmp_path_factory.mktemp("house")
    store = IncidentStore(url_of(folder), create=True)
    store.record([OPENED])
    store.close()
    desk = Desk(url_of(folder), control=folder / "control.jsonl")
    tokens = TokenStore(url_of(folder))
    settings = ServeSettings(port=0, auth="token", rate_requests=100_000)
    with serving(desk, settings) as client:
        yield client, tokens
    tokens.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def call(client: httpx.Client, row: str, headers: dict[str, str]) -> int:
    """Return the status that a route answers with; of a stream, without reading it."""
    method, path = row.split()
    path = path.format(incident_id="inc-1", silence_id="sil-1", request_id="r", service="aws.rds")
    body = BODIES.get(row)
    with client.stream(method, PREFIX + path, headers=headers, json=body) as answer:
        return answer.status_code


def test_the_table_knows_each_route_and_no_other(tmp_path: Path) -> None:
    app = create_app(ServeSettings(), Desk(url_of(tmp_path)))
    assert {row_of(method, path) for method, path in api_routes(app)} == set(ROLE_OF)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", ROUTES)
def test_a_route_lets_in_who_may_and_nobody_else(
    house: tuple[httpx.Client, TokenStore], row: str, role: Role
) -> None:
    client, tokens = house
    token = tokens.add(role, role, NOW_MS, FOR_EVER)
    least = ROLE_OF[row]
    may = least is None or ROLES.index(role) >= ROLES.index(least)
    assert (call(client, row, bearer(token)) == 403) is not may


@pytest.mark.parametrize("row", ROUTES)
def test_a_route_lets_nobody_in_who_is_not_known(
    house: tuple[httpx.Client, TokenStore], row: str
) -> None:
    client, _ = house
    assert (call(client, row, {}) == 401) is (ROLE_OF[row] is not None)


@pytest.mark.parametrize(
    "fault",
    ["missing", "empty", "forged", "of no store", "expired", "revoked", "other scheme", "long"],
)
def test_a_token_that_does_not_count_lets_nobody_in(
    house: tuple[httpx.Client, TokenStore], fault: str
) -> None:
    client, tokens = house
    token = tokens.add("bob", "admin", NOW_MS, NOW_MS - 1 if fault == "expired" else FOR_EVER)
    if fault == "revoked":
        assert call(client, "GET /me", bearer(token)) == 200
        tokens.revoke(token.split("_")[1], NOW_MS)
    headers = {
        "missing": {},
        "empty": {"Authorization": "Bearer"},
        "forged": bearer(token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")),
        "of no store": bearer("fsk_0123456789ab_" + "x" * 43),
        "other scheme": {"Authorization": f"Basic {token}"},
        "long": bearer(token + "x" * 10_000),
    }.get(fault, bearer(token))
    answer = client.get("/api/v1/me", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="foreshock"'
    assert answer.json()["title"] == "Unauthorized"


def test_whose_token_it_is_stands_in_the_audit_and_when_it_was_used(
    house: tuple[httpx.Client, TokenStore],
) -> None:
    client, tokens = house
    token = tokens.add("alice", "responder", NOW_MS, FOR_EVER)
    asked = client.post(
        "/api/v1/incidents/inc-1/actions", json={"action": "ack"}, headers=bearer(token)
    )
    assert (asked.status_code, asked.json()["actor"]) == (202, "alice")
    detail = client.get("/api/v1/incidents/inc-1", headers=bearer(token)).json()
    assert [each["actor"] for each in detail["requests"]][-1] == "alice"
    deadline = time.monotonic() + 10
    while not any(each.name == "alice" and each.used_ms for each in tokens.all()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_store_holds_no_token(house: tuple[httpx.Client, TokenStore], tmp_path: Path) -> None:
    _, tokens = house
    token = tokens.add("carol", "viewer", NOW_MS, FOR_EVER)
    row = next(each for each in tokens.all() if each.name == "carol")
    assert token not in repr(row)
    assert token.startswith(f"fsk_{row.id}_")


ROLE_OF_GROUP: dict[str, Role] = {"sre": "responder", "leads": "admin", "all": "viewer"}
HERE, ELSEWHERE = "127.0.0.0/8", "10.0.0.0/8"
USER, GROUPS = ("X-Forwarded-User", "eve"), "X-Forwarded-Groups"


@pytest.mark.parametrize(
    ("trusted", "headers", "expected"),
    [
        (HERE, [USER, (GROUPS, "sre,all")], "responder"),
        (HERE, [USER, (GROUPS, "all, leads")], "admin"),
        (HERE, [USER, (GROUPS, "others")], None),
        (HERE, [USER], None),
        (HERE, [(GROUPS, "leads")], None),
        (HERE, [USER, ("X-Forwarded-User", "b"), (GROUPS, "leads")], None),
        (ELSEWHERE, [USER, (GROUPS, "leads")], None),
        (ELSEWHERE, [USER, (GROUPS, "leads"), ("X-Forwarded-For", "10.0.0.1")], None),
    ],
)
def test_headers_count_from_trusted_addresses_alone(
    tmp_path: Path, trusted: str, headers: list[tuple[str, str]], expected: Role | None
) -> None:
    IncidentStore(url_of(tmp_path), create=True).close()
    proxy = ProxySettings(trusted=(trusted,), roles=ROLE_OF_GROUP)
    settings = ServeSettings(port=0, auth="proxy", proxy=proxy)
    with serving(Desk(url_of(tmp_path)), settings) as client:
        answer = client.get("/api/v1/me", headers=headers)
    if expected is None:
        assert answer.status_code == 401
    else:
        assert (answer.json()["name"], answer.json()["role"]) == ("eve", expected)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"bind": "192.0.2.1"}, "auth must be token or proxy where bind is not a loopback address"),
        ({"auth": "proxy"}, "proxy must be set with auth 'proxy' and only then"),
        ({"bind": "localhost"}, "bind must be an IP address, got 'localhost'"),
        ({"url": "ftp://x"}, "url must be as https://foreshock.example"),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(
    changed: dict[str, object], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        ServeSettings(**changed)  # type: ignore[arg-type]  # one fault each
