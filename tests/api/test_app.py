from pathlib import Path

from starlette.testclient import TestClient

from api.app import create_app
from config.serve import ServeSettings
from flows.desk import Desk


def test_a_store_that_is_not_there_is_said_to_be_away(tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{tmp_path}/none.db")
    with TestClient(create_app(ServeSettings(), desk)) as client:
        answer = client.get("/api/v1/incidents")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "no such incident store" in answer.json()["detail"]
