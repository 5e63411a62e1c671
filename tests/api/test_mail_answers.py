"""The page behind a mail's link: it shows, its button acts, once."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from connectors.callbacks.callback import Offered
from connectors.callbacks.mail_links import MailLinks
from schema import Act, Feedback
from tests.api.answered import URL, Answered
from tests.connectors.callbacks.signed import NOW_MS, mail_settings
from tests.connectors.made_transitions import OPENED, resolved

DAY_MS = 86_400_000
HOSTILE = "<script>alert(1)</script>\"'{{ 7 * 7 }}"


def token(folder: Path, asked: Offered = "ack", incident: str = "inc-1") -> str:
    links = MailLinks(mail_settings(folder), URL)
    link = links.link(incident, asked, "oncall@example.com", "notice-1", NOW_MS)
    return parse_qs(urlsplit(link).query)["t"][0]


def test_to_look_changes_nothing_however_often(there: Answered, tmp_path: Path) -> None:
    made = token(tmp_path)
    for _ in range(3):
        answer = there.client.get("/callbacks/mail", params={"t": made})
        assert answer.status_code == 200
        assert "Acknowledge this incident?" in answer.text
        assert "latency of orders-db rose to 820 ms" in answer.text
        assert f'name="t" value="{made}"' in answer.text
    assert there.logged() == []
    assert there.counted() == {}


def test_the_button_acts_once_in_the_name_of_who_had_the_mail(
    there: Answered, tmp_path: Path
) -> None:
    form = {"t": token(tmp_path), "note": "looking\n at it"}
    done = there.client.post("/callbacks/mail", data=form)
    assert done.status_code == 200
    assert "It is requested" in done.text
    assert "Acknowledgement of inc-1 is requested, in force at" in done.text
    (act,) = there.logged()
    assert isinstance(act, Act)
    assert (act.action, act.actor, act.reason) == (
        "ack", "oncall@example.com (via mail)", "looking at it",
    )  # fmt: skip
    again = there.client.post("/callbacks/mail", data=form)
    assert again.status_code == 409
    assert "This link was used" in again.text
    looked = there.client.get("/callbacks/mail", params={"t": form["t"]})
    assert "This link was used" in looked.text
    assert "<form" not in looked.text
    assert len(there.logged()) == 1
    assert there.counted() == {"mail requested": 1, "mail replayed": 1}


def test_a_false_positive_is_a_word_on_the_incident(there: Answered, tmp_path: Path) -> None:
    form = {"t": token(tmp_path, "false_positive"), "note": "nightly backup"}
    assert there.client.post("/callbacks/mail", data=form).status_code == 200
    (word,) = there.logged()
    assert isinstance(word, Feedback)
    assert word.reason == "nightly backup"


def test_what_is_not_legal_any_more_is_said(there: Answered, tmp_path: Path) -> None:
    there.store.record([resolved("inc-1", 2)])
    done = there.client.post("/callbacks/mail", data={"t": token(tmp_path, "resolve")})
    assert "It cannot be done" in done.text
    assert "only an open or acknowledged incident can be resolved" in done.text
    assert there.logged() == []


def test_names_of_producers_are_no_markup(there: Answered, tmp_path: Path) -> None:
    incident = msgspec.structs.replace(OPENED.incident, id="inc-2", title=HOSTILE, hint=HOSTILE)
    there.store.record([msgspec.structs.replace(OPENED, incident=incident)])
    answer = there.client.get("/callbacks/mail", params={"t": token(tmp_path, "ack", "inc-2")})
    assert "<script" not in answer.text
    assert HOSTILE in html.unescape(answer.text)


def test_the_page_runs_nothing_is_framed_by_nobody_and_is_not_kept(
    there: Answered, tmp_path: Path
) -> None:
    answer = there.client.get("/callbacks/mail", params={"t": token(tmp_path)})
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<script|\son\w+=|\sstyle=|https?://(?!foreshock\.example)", answer.text)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("change", "later_ms", "status", "reason"),
    [
        (lambda made: made[:-4] + "AAAA", 0, 401, "forged"),
        (lambda made: made[: len(made) // 2], 0, 400, "malformed"),
        (lambda made: made.replace("1.k1.", "1.k7."), 0, 401, "wrong_key"),
        (lambda made: made, 2 * DAY_MS, 403, "stale"),
        (lambda made: made, -DAY_MS, 403, "stale"),
        (lambda _: "", 0, 400, "malformed"),
        (lambda _: HOSTILE, 0, 400, "malformed"),
    ],
)
def test_a_link_that_is_not_good_is_refused_and_says_so(
    refusing: Answered,
    tmp_path: Path,
    method: str,
    change: Callable[[str], str],
    later_ms: int,
    status: int,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = token(tmp_path)
    before, refusing.clock[0] = refusing.counted(), NOW_MS + later_ms
    form = {"t": change(made)}
    if method == "GET":
        answer = refusing.client.get("/callbacks/mail", params=form)
    else:
        answer = refusing.client.post("/callbacks/mail", data=form)
    assert answer.status_code == status
    assert "This link does not count" in answer.text
    assert "<script" not in answer.text
    assert refusing.logged() == []
    assert refusing.counted(before) == {f"mail {reason}": 1}
    assert made not in caplog.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"x" * 9_000, "application/x-www-form-urlencoded", 413),
        (b'{"t": "1"}', "application/json", 415),
        (b"\xff=\xff", "application/x-www-form-urlencoded", 400),
        (b"&t=1" * 20, "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_form_that_is_none_is_refused(
    refusing: Answered, body: bytes, kind: str, status: int
) -> None:
    answer = refusing.client.post("/callbacks/mail", content=body, headers={"content-type": kind})
    assert answer.status_code == status


def test_an_incident_that_is_gone_is_said_to_be(there: Answered, tmp_path: Path) -> None:
    made = token(tmp_path, "ack", "inc-9")
    assert there.client.get("/callbacks/mail", params={"t": made}).status_code == 404
    done = there.client.post("/callbacks/mail", data={"t": made})
    assert "There is no such incident here" in done.text
    assert there.counted() == {"mail unknown": 1}


def test_while_the_store_is_away_a_person_is_asked_to_come_again(
    there: Answered, tmp_path: Path
) -> None:
    form = {"t": token(tmp_path)}
    file = tmp_path / "incidents.db"
    file.rename(tmp_path / "away.db")
    for answer in (
        there.client.get("/callbacks/mail", params=form),
        there.client.post("/callbacks/mail", data=form),
    ):
        assert answer.status_code == 503
        assert "It cannot be taken now" in answer.text
    (tmp_path / "away.db").rename(file)
    assert there.client.post("/callbacks/mail", data=form).status_code == 200
