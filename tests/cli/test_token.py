"""`foreshock token`: what people see of it, and what counts afterwards."""

import time
from pathlib import Path

import pytest

import foreshock
from connectors.token_store import TokenStore

URL = "sqlite:///incidents.db"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: str) -> int:
    return foreshock.main(["token", *args, "--store", URL])


def known(token: str) -> str | None:
    store = TokenStore(URL)
    found = store.known(token, time.time_ns() // 1_000_000)
    store.close()
    return None if found is None else f"{found.name} {found.role}"


def test_a_token_counts_until_it_is_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "alice", "--role", "responder", "--days", "90") == 0
    said = capsys.readouterr()
    token = said.out.strip()
    assert "not shown again" in said.err
    assert known(token) == "alice responder"
    assert run("list") == 0
    listed = capsys.readouterr().out
    assert "alice" in listed
    assert "active" in listed
    assert token not in listed
    assert run("revoke", token.split("_")[1]) == 0
    assert known(token) is None
    assert run("list") == 0
    assert "revoked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (("add", "bob", "--role", "root"), 2, "--role must be one of viewer, responder, admin"),
        (("add", "bob", "--days", "0"), 2, "--days must be in (0, 3650], got 0.0"),
        (("add", " "), 2, "NAME must be 1 to 200 characters"),
        (("list",), 2, "no such incident store"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], args: tuple[str, ...], code: int, expected: str
) -> None:
    assert run(*args) == code
    assert expected in capsys.readouterr().err


def test_a_token_that_is_not_there_cannot_be_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "bob")
    assert run("revoke", "0123456789ab") == 1
    assert "no token with the id '0123456789ab'" in capsys.readouterr().err
