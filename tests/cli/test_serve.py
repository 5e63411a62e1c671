"""`foreshock serve`: what it refuses, and how it starts and stops as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import foreshock

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (["--bind", "192.0.2.1"], 2, "auth must be token or proxy where bind is not a loopback"),
        (["--bind", "here"], 2, "bind must be an IP address, got 'here'"),
        (["--port", "70000"], 2, "port must be in [0, 65535], got 70000"),
        (["--store", "mysql://x/y"], 2, "url must be of SQLite or PostgreSQL"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line(
    args: list[str], code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main(["serve", *args]) == code
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert foreshock.main(["serve", "--port", str(port)]) == 1
    assert f"127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """Before there is a store, too."""
    command = [sys.executable, str(ROOT / "foreshock.py"), "serve", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = said.split(" at ")[1].strip()
        assert httpx.get(f"{url}api/v1/me", trust_env=False, timeout=20).status_code == 200
        assert httpx.get(f"{url}api/v1/queue", trust_env=False, timeout=20).status_code == 503
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert time.monotonic() - begun < 20
        assert "Traceback" not in errors
    finally:
        process.kill()
