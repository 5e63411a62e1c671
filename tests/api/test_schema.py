"""The application keeps to its own description, whatever it is asked: schemathesis, all checks."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.access import api_routes
from api.app import create_app
from config.serve import ServeSettings
from connectors.incident_store import IncidentStore
from connectors.token_store import TokenStore
from flows.desk import Desk
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import OPENED, later, resolved

CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = os.environ.get("FORESHOCK_SCHEMATHESIS_S", "")  # the long form
STREAM = "/api/v1/events"  # never ends


def test_whatever_is_asked_no_answer_is_a_fault_or_against_the_schema(tmp_path: Path) -> None:
    store = IncidentStore(url_of(tmp_path), create=True)
    store.record([OPENED, later("inc-2", 1), later("inc-1", 2), resolved("inc-3", 1)])
    store.close()
    tokens = TokenStore(url_of(tmp_path))
    token = tokens.add("tester", "admin", time.time_ns() // 1_000_000, None)
    tokens.close()
    desk = Desk(url_of(tmp_path), control=tmp_path / "control.jsonl")
    settings = ServeSettings(port=0, auth="token", rate_requests=1_000_000)
    amount = (
        ["--max-time", SECONDS]
        if SECONDS
        else ["--phases", "examples,fuzzing", "--max-examples", "5", "--seed", "1"]
    )
    with serving(desk, settings) as client:
        command = [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("--config-file", str(CONFIG), "run", f"{client.base_url}openapi.json"),
            *(
                "--checks",
                "all",
                "--exclude-path",
                STREAM,
                "--header",
                f"Authorization: Bearer {token}",
            ),
            *("--continue-on-failure", "--generation-database", "none", *amount),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    said = done.stdout + done.stderr
    if done.returncode:
        pytest.fail(said)
    routes = len(api_routes(create_app(settings, desk)))
    assert f"{routes - 1}/{routes}" in said, said
