from operators.backlog import settle_backlog
from schema import Kind, Notice


def row(
    incident: str, kind: Kind = "trigger", cause: str = "transition:1", **more: object
) -> Notice:
    about = more.pop("about", ())
    assert isinstance(about, tuple)
    return Notice(incident, 1, "page", kind, cause, 0, "", about=about)


def test_of_an_incident_the_newest_word_is_sent_as_what_it_is_to_the_channel() -> None:
    waiting = [row("a"), row("b"), row("a", "update", "transition:2")]
    found = settle_backlog(waiting, frozenset(), 9)
    assert [(each.incident, each.kind, each.cause) for each in found.send] == [
        ("b", "trigger", "transition:1"), ("a", "trigger", "transition:2"),
    ]  # fmt: skip
    assert [name for name, _ in found.dropped] == ["a.transition:1@page"]
    known = settle_backlog(waiting, frozenset({"a"}), 9)
    assert [each.kind for each in known.send] == ["trigger", "update"]


def test_an_acknowledgement_of_what_was_never_told_is_told_as_new() -> None:
    found = settle_backlog([row("a", "acknowledge", "transition:2")], frozenset(), 9)
    assert [each.kind for each in found.send] == ["trigger"]


def test_more_than_may_be_sent_is_one_digest_and_the_ends_are_sent_all_the_same() -> None:
    waiting = [row("a"), row("b"), row("c"), row("old", "resolve", "transition:9")]
    found = settle_backlog(waiting, frozenset({"old"}), 2)
    assert found.digest == ("a", "b", "c")
    assert [each.incident for each in found.send] == ["old"]


def test_a_digest_that_waits_takes_in_what_is_new() -> None:
    digest = Notice("", 0, "page", "digest", "digest:1", 0, "", about=("a", "b"))
    found = settle_backlog([digest, row("c")], frozenset(), 9)
    assert found.digest == ("a", "b", "c")
    assert found.send == ()
    alone = settle_backlog([digest], frozenset(), 9)
    assert alone.send == (digest,)
    assert alone.digest == ()
