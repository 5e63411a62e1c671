import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.matching import (
    check_matchers,
    labels_of,
    match_everything,
    matches,
    matching,
    parse_matcher,
    shown,
)
from schema import Matcher, Severity
from tests.operators.edges import resource

DB = resource("orders-db-7", "aws.rds", team="shop", tier="1")
LABELS = labels_of(DB, "metrics", "latency", Severity.HIGH, "saturation")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("service=aws.rds", True),
        ("service=aws", False),
        ("service!=aws.rds", False),
        ("resource=~orders-.*", True),
        ("resource=~db", False),  # the whole of it
        ("resource=~db|orders", False),  # of each branch
        ("resource=~db-7|orders-db-7", True),
        ("resource!~db", True),
        ("team=shop", True),
        ("tier=~1|2", True),
        ("kind=metrics", True),
        ("metric=latency", True),
        ("severity=~HIGH|CRITICAL", True),
        ("pattern=saturation", True),
        ("nobody=", True),  # what is missing is empty
        ("nobody!=", False),
        ("nobody=~.*", True),
        ("nobody=~.+", False),
        ("nobody!=x", True),
        ("nobody!~x", True),
    ],
)
def test_a_matcher_means_what_it_means_in_alertmanager(text: str, wanted: bool) -> None:
    assert matches([parse_matcher(text)], LABELS) == wanted


def test_all_must_hold_and_none_hold_always() -> None:
    both = [parse_matcher("team=shop"), parse_matcher("region!=nowhere")]
    assert matches(both, LABELS)
    assert not matches([*both, parse_matcher("tier=2")], LABELS)
    assert matches([], {})


def test_an_attribute_does_not_stand_for_what_the_resource_is() -> None:
    forged = resource("i-1", severity="LOW", region="elsewhere")
    assert labels_of(forged)["region"] == forged.region
    assert labels_of(forged)["severity"] == ""


def test_a_dot_is_a_line_break_too() -> None:
    assert matches([parse_matcher("x=~a.b")], {"x": "a\nb"})
    assert not matches([parse_matcher("x=~a")], {"x": "a\n"})


def test_text_that_has_no_utf_8_is_matched_all_the_same() -> None:
    assert matches([Matcher("x", "=~", "a.*")], {"x": "a\ud800"})


@given(st.lists(st.sampled_from(["a", "ab", "b", ""]), max_size=8))
def test_many_are_judged_as_each_alone(values: list[str]) -> None:
    matchers = [parse_matcher("x=~a.*"), parse_matcher("x!=ab")]
    subjects = [{"x": value} for value in values]
    alone = [i for i, subject in enumerate(subjects) if matches(matchers, subject)]
    assert matching(matchers, subjects) == alone


def test_no_expression_takes_long() -> None:
    start = time.perf_counter()
    assert not matches([parse_matcher("x=~(a*)*(a*)*(a|a)*b")], {"x": "a" * 20_000 + "c"})
    assert time.perf_counter() - start < 5  # backtracking would take years


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service", "a matcher must be a label, one of = != =~ !~, and a value"),
        ("=x", "a matcher must be a label"),
        ("a b=x", "a matcher must be a label"),
        ('x="a', "the value's quotes must be closed"),
        ("x=~(", r"x must have a regular expression in RE2 syntax, got '\(': missing \)"),
        ("x=~a)|(b", "x must have a regular expression in RE2 syntax"),
        (r"x=~(a)\1", "invalid escape sequence"),
        ("x=~(?=a)", "invalid perl operator"),
        ("x!~" + "a" * 1001, "must have at most 1000 characters, got 1001"),
    ],
)
def test_refuses_what_is_no_matcher(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_matcher(text)


def test_refuses_a_matcher_without_a_label() -> None:
    with pytest.raises(ValueError, match="must name a label"):
        check_matchers([Matcher("", "=", "x")])


@pytest.mark.parametrize("value", ["aws.rds", 'say "hi"', "", "ä\n\\d", " x "])
def test_what_is_shown_can_be_read_again(value: str) -> None:
    matcher = Matcher("k8s.pod.name", "!=", value)
    assert parse_matcher(shown(matcher)) == matcher


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ([], True),
        (["service=~.*"], True),
        (["service!=x"], True),
        (["service="], True),
        (["service=~.*", "region=x"], False),
        (["service=~.+"], False),
    ],
)
def test_what_needs_no_label_matches_everything(texts: list[str], wanted: bool) -> None:
    assert match_everything([parse_matcher(text) for text in texts]) == wanted


def test_a_deploy_can_be_about_resources() -> None:
    changed = msgspec.structs.replace(DB, name="orders-db-8")
    about = [parse_matcher("resource=orders-db-7")]
    assert matches(about, labels_of(DB))
    assert not matches(about, labels_of(changed))
