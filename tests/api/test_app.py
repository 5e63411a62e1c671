from pathlib import Path

from flows.desk import Desk
from tests.api.serving import serving, url_of


def test_a_store_that_is_not_there_is_said_to_be_away(tmp_path: Path) -> None:
    with serving(Desk(url_of(tmp_path))) as client:
        answer = client.get("/api/v1/incidents")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "2"
    assert "no such incident store" in answer.json()["detail"]
