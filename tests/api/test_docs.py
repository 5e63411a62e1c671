"""The examples of docs/api.md, run as they stand, and what it lists."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from api.access import ROLE_OF
from config.serve import ServeSettings
from connectors.incident_store import IncidentStore
from connectors.token_store import TokenStore
from flows.desk import Desk
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import OPENED

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
BLOCK = re.compile(r"<!-- test: curl -->\n```sh\n(.*?)```", re.DOTALL)


def test_every_example_is_run() -> None:
    assert len(BLOCK.findall(PAGE)) == PAGE.count("```sh\n") > 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_examples_work(tmp_path: Path) -> None:
    store = IncidentStore(url_of(tmp_path), create=True)
    store.record([OPENED])
    store.close()
    tokens = TokenStore(url_of(tmp_path))
    token = tokens.add("reader", "responder", time.time_ns() // 1_000_000, None)
    tokens.close()
    desk = Desk(url_of(tmp_path), control=tmp_path / "control.jsonl")
    with serving(desk, ServeSettings(port=0, auth="token")) as client:
        known = {"FORESHOCK": str(client.base_url).rstrip("/"), "TOKEN": token, "no_proxy": "*"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(BLOCK.findall(PAGE))],
            env=os.environ | known, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"name":"reader"' in done.stdout
    assert '"status":"requested"' in done.stdout
    assert "event: transition\nid: 1\n" in done.stdout


def test_the_page_names_every_route_with_its_role() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {
        (match[1], re.sub(r"\{\w+\}", "{}", match[2])): row.split("|")[2]
        for row in rows
        for match in re.finditer(r"`(GET|POST|DELETE) (/[^`]*)`", row)
    }
    for row, role in ROLE_OF.items():
        method, path = row.split()
        if path.endswith("/rollback"):
            continue  # `…/rollback`
        assert str(role) in named[method, re.sub(r"\{\w+\}", "{}", path)]
