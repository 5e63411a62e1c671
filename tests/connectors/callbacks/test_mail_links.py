import base64
import hashlib
import hmac
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.callbacks.callback import Callback, Rejected
from connectors.callbacks.mail_links import MailCallbacks, MailLinks
from connectors.secret import Secret
from tests.connectors.callbacks.signed import LINK_KEY, NOW_MS, mail_settings, secret

URL = "https://foreshock.example/base/"
DAY_MS = 86_400_000


@pytest.fixture
def links(tmp_path: Path) -> MailLinks:
    return MailLinks(mail_settings(tmp_path), URL)


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["t"][0]


def token(links: MailLinks, now_ms: int = NOW_MS) -> str:
    return token_of(links.link("inc-1", "ack", "oncall@example.com", "notice-1", now_ms))


def test_a_link_says_who_may_do_what_to_which_incident(links: MailLinks) -> None:
    link = links.link("inc-1", "ack", "oncall@example.com", "notice-1", NOW_MS)
    assert link.startswith("https://foreshock.example/base/callbacks/mail?t=1.k1.")
    said = links.read(token_of(link), NOW_MS + 1)
    assert isinstance(said, Callback)
    assert (said.asked, said.incidents, said.actor) == (
        "ack", ("inc-1",), "oncall@example.com (via mail)",
    )  # fmt: skip
    assert said.until_ms == NOW_MS + 2 * DAY_MS


def test_a_mail_that_is_sent_again_has_the_same_link(links: MailLinks) -> None:
    assert token(links) == token(links)


def test_each_act_and_each_mail_counts_for_itself(links: MailLinks) -> None:
    made = {
        token_of(links.link("inc-1", asked, to, notice, NOW_MS))
        for asked in ("ack", "resolve")
        for to in ("a@example.com", "b@example.com")
        for notice in ("notice-1", "notice-2")
    }
    read = [links.read(each, NOW_MS) for each in made]
    assert len({each.id for each in read if isinstance(each, Callback)}) == 8


def test_a_link_is_good_until_it_expires(links: MailLinks) -> None:
    made = token(links)
    assert isinstance(links.read(made, NOW_MS + 2 * DAY_MS - 1), Callback)
    late = links.read(made, NOW_MS + 2 * DAY_MS)
    assert isinstance(late, Rejected)
    assert late.reason == "stale"


def test_to_shorten_the_time_shortens_that_of_links_that_are_out(tmp_path: Path) -> None:
    made = token(MailLinks(mail_settings(tmp_path), URL))
    short = msgspec.structs.replace(mail_settings(tmp_path), valid_s=3_600.0)
    said = MailLinks(short, URL).read(made, NOW_MS)
    assert isinstance(said, Rejected)
    assert said.reason == "stale"


def test_keys_are_replaced_while_links_of_the_old_one_are_about(tmp_path: Path) -> None:
    old = token(MailLinks(mail_settings(tmp_path), URL))
    keys = {**mail_settings(tmp_path).keys, "k2": secret(tmp_path, "new", "n" * 32)}
    both = MailLinks(MailCallbacks(keys=keys, sign_with="k2"), URL)
    assert isinstance(both.read(old, NOW_MS), Callback)
    assert token(both).startswith("1.k2.")
    gone = MailLinks(MailCallbacks(keys={"k2": keys["k2"]}, sign_with="k2"), URL)
    said = gone.read(old, NOW_MS)
    assert isinstance(said, Rejected)
    assert said.reason == "wrong_key"


def signed(text: bytes, head: str = "1.k1.") -> str:
    head += base64.urlsafe_b64encode(text).decode().rstrip("=")
    made = hmac.new(LINK_KEY.encode(), b"foreshock.link." + head.encode(), hashlib.sha256)
    return f"{head}.{base64.urlsafe_b64encode(made.digest()).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("", "malformed"),
        ("1.k1.abc", "malformed"),
        ("." * 3_000, "malformed"),
        ("2.k1.abc.def", "wrong_key"),
        ("1.k9.abc.def", "wrong_key"),
        ("1.k1.abc.def", "forged"),
        ("1.k1.abc.\u20ac", "forged"),
        (signed(b"nothing"), "malformed"),
        (signed(b'["inc-1", "close", "a@b", 9, "n"]'), "malformed"),
    ],
)
def test_what_is_no_link_of_ours_is_rejected(links: MailLinks, made: str, reason: str) -> None:
    said = links.read(made, NOW_MS)
    assert isinstance(said, Rejected)
    assert said.reason == reason


@given(st.integers(min_value=0), st.characters(min_codepoint=45, max_codepoint=122))
def test_no_character_of_a_link_can_be_another(place: int, char: str) -> None:
    key = Secret(env="PATH")  # any secret that is there, and long enough
    links = MailLinks(MailCallbacks(keys={"k1": key}, sign_with="k1"), URL)
    made = token(links)
    at = place % len(made)
    changed = made[:at] + char + made[at + 1 :]
    assert isinstance(links.read(changed, NOW_MS), Callback if changed == made else Rejected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keys": {}, "sign_with": "k1"}, "sign_with must name one of keys, got 'k1'"),
        ({"keys": {"a b": {"env": "X"}}, "sign_with": "a b"}, "keys must have names"),
        ({"keys": {"k1": {"env": "X"}}, "sign_with": "k1", "valid_s": 1}, "valid_s must be in"),
    ],
)
def test_wrong_settings_are_refused(settings: object, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(settings, MailCallbacks)


def test_a_short_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    key = secret(tmp_path, "short", "hunter2")
    with pytest.raises(ValueError, match=r"keys.k1 must be of at least 16 bytes, got 7") as said:
        MailLinks(MailCallbacks(keys={"k1": key}, sign_with="k1"), URL)
    assert "hunter2" not in str(said.value)
