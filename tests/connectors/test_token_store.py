"""Tokens and answers by key, on both databases."""

from collections.abc import Iterator

import pytest

from connectors.incident_store import IncidentStore
from connectors.repeats_store import KEPT_MS, UNANSWERED_MS, Earlier, RepeatsStore, digest
from connectors.token_store import TokenStore

NOW_MS = 1_795_000_000_000


@pytest.fixture
def tokens(store_url: str) -> Iterator[TokenStore]:
    opened = TokenStore(store_url, create=True)
    yield opened
    opened.close()


@pytest.fixture
def repeats(store_url: str) -> Iterator[RepeatsStore]:
    IncidentStore(store_url, create=True).close()
    opened = RepeatsStore(store_url)
    yield opened
    opened.close()


def test_a_token_counts_up_to_its_end_and_not_at_it(tokens: TokenStore) -> None:
    token = tokens.add("a\x00b", "viewer", NOW_MS, NOW_MS + 10)
    found = tokens.known(token, NOW_MS + 9)
    assert found is not None
    assert (found.name, found.role, found.used_ms) == (
        "a\N{REPLACEMENT CHARACTER}b",
        "viewer",
        None,
    )
    assert tokens.known(token, NOW_MS + 10) is None
    assert [each.state(NOW_MS + 10) for each in tokens.all()] == ["expired"]


def test_a_revoked_token_stays_revoked_since_then(tokens: TokenStore) -> None:
    token = tokens.add("bob", "admin", NOW_MS, None)
    other = tokens.add("bob", "admin", NOW_MS, None)
    token_id = token.split("_")[1]
    tokens.used(token_id, NOW_MS + 1)
    tokens.revoke(token_id, NOW_MS + 2)
    tokens.revoke(token_id, NOW_MS + 3)
    assert tokens.known(token, NOW_MS + 2) is None
    assert tokens.known(other, NOW_MS + 2) is not None
    kept = {each.id: each for each in tokens.all()}[token_id]
    assert (kept.used_ms, kept.revoked_ms) == (NOW_MS + 1, NOW_MS + 2)


def test_tokens_differ_and_none_is_known_by_another_ones_secret(tokens: TokenStore) -> None:
    made = [tokens.add("x", "viewer", NOW_MS, None) for _ in range(3)]
    assert len({each.rsplit("_", 1)[0] for each in made}) == 3
    first, second = (each.split("_", 2) for each in made[:2])
    assert tokens.known("_".join((*first[:2], second[2])), NOW_MS) is None
    assert tokens.known(made[0] + "x", NOW_MS) is None


def test_a_key_gives_its_answer_for_a_day(repeats: RepeatsStore) -> None:
    name, asked = digest("bob", "key"), digest("POST", "/x")
    assert repeats.begin(name, asked, NOW_MS) is None
    assert repeats.begin(name, asked, NOW_MS + 1) == Earlier(True, 0, "")
    repeats.end(name, 202, '{"a":1}')
    assert repeats.begin(name, asked, NOW_MS + KEPT_MS - 1) == Earlier(True, 202, '{"a":1}')
    assert repeats.begin(name, "other", NOW_MS + 1) == Earlier(False, 202, '{"a":1}')
    assert repeats.begin(name, asked, NOW_MS + KEPT_MS) is None


def test_a_key_whose_request_died_can_be_used_again(repeats: RepeatsStore) -> None:
    assert repeats.begin("k", "a", NOW_MS) is None
    assert repeats.begin("k", "a", NOW_MS + UNANSWERED_MS) is None
    repeats.forget("k")
    assert repeats.begin("k", "b", NOW_MS + UNANSWERED_MS) is None


def test_the_parts_of_a_digest_are_told_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
