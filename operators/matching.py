"""Matchers over labels, as in Alertmanager: what a silence, an inhibition or a deploy is about."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from schema import Matcher, Resource, Severity

LABELS = (  # an attribute of one of these names is hidden by them
    "cloud", "account", "region", "service", "resource", "metric", "kind", "severity", "pattern"
)  # fmt: skip
MAX_CHARS = 1_000  # of a regular expression
_MAX_KNOWN = 50_000  # answers kept of one regular expression
_TEXT = re.compile(r"\s*(?P<label>[^\s=!~\"]+)\s*(?P<op>=~|!=|!~|=)\s*(?P<value>.*?)\s*", re.DOTALL)

Labels = Mapping[str, str]


def labels_of(
    resource: Resource,
    kind: str = "",
    metric: str = "",
    severity: Severity | None = None,
    pattern: str = "",
) -> dict[str, str]:
    """Return what matchers see of an alert, or of a resource alone; "" is as good as missing."""
    return {
        **dict(resource.attributes),
        "cloud": resource.cloud,
        "account": resource.account,
        "region": resource.region,
        "service": resource.service,
        "resource": resource.name,
        "metric": metric,
        "kind": kind,
        "severity": "" if severity is None else severity.name,
        "pattern": pattern,
    }


def matches(matchers: Sequence[Matcher], labels: Labels) -> bool:
    """Tell whether every matcher holds; none at all hold always.

    >>> rds = (Matcher("service", "=", "aws.rds"), Matcher("resource", "=~", "db-.*"))
    >>> matches(rds, {"service": "aws.rds", "resource": "db-7"})
    True
    >>> matches(rds, {"service": "aws.rds", "resource": "orders-db-7"})
    False
    """
    return bool(matching(matchers, [labels]))


def matching(matchers: Sequence[Matcher], subjects: Sequence[Labels]) -> list[int]:
    """Return the positions of the subjects for which every matcher holds, ascending.

    Cost: one call for all of them for each regular expression, and none for values seen before.
    """
    left = list(range(len(subjects)))
    for matcher in matchers:
        held = _held(matcher, [subjects[i].get(matcher.label, "") for i in left])
        left = [i for i, holds in zip(left, held, strict=True) if holds]
    return left


def check_matchers(matchers: Sequence[Matcher]) -> None:
    """Raise ValueError for one that cannot be evaluated; others never raise later."""
    for matcher in matchers:
        if not matcher.label:
            raise ValueError(f"a matcher must name a label, got {shown(matcher)!r}")
        if not matcher.op.endswith("~"):
            continue
        if len(matcher.value) > MAX_CHARS:
            raise ValueError(
                f"a regular expression must have at most {MAX_CHARS} characters, "
                f"got {len(matcher.value)!r}"
            )
        fault = _fault(matcher.value)
        if fault:
            raise ValueError(
                f"{matcher.label} must have a regular expression in RE2 syntax, "
                f"got {matcher.value!r}: {fault}"
            )


def match_everything(matchers: Sequence[Matcher]) -> bool:
    """Tell whether all hold where no label is there, which Alertmanager refuses too.

    >>> match_everything([Matcher("service", "=~", ".*"), Matcher("region", "!=", "x")])
    True
    """
    return matches(matchers, {})


def parse_matcher(text: str) -> Matcher:
    """Return the matcher that people write, checked; the value may stand in double quotes.

    >>> parse_matcher('resource=~"db-.*"')
    Matcher(label='resource', op='=~', value='db-.*')
    >>> shown(parse_matcher("team != shop"))
    'team!="shop"'
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(
            "a matcher must be a label, one of = != =~ !~, and a value, as in "
            f"service=aws.rds, got {text!r}"
        )
    label, op, value = found["label"], found["op"], found["value"]
    if value.startswith('"'):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"the value's quotes must be closed, got {text!r}") from None
    for known in ("=", "!=", "=~", "!~"):
        if op == known:
            matcher = Matcher(label, known, value)
            check_matchers((matcher,))
            return matcher
    raise AssertionError(op)  # the expression knows no others


def shown(matcher: Matcher) -> str:
    """Return the text that `parse_matcher` reads."""
    return f"{matcher.label}{matcher.op}{json.dumps(matcher.value, ensure_ascii=False)}"


def _held(matcher: Matcher, values: Sequence[str]) -> Sequence[bool]:
    match matcher.op:
        case "=":
            return [value == matcher.value for value in values]
        case "!=":
            return [value != matcher.value for value in values]
        case "=~":
            return _full_matches(matcher.value, values)
        case "!~":
            return [not hit for hit in _full_matches(matcher.value, values)]


def _full_matches(pattern: str, values: Sequence[str]) -> list[bool]:
    """Tell which values the expression matches as a whole; what is known is not asked again."""
    known = _answers(pattern)
    new = [value for value in dict.fromkeys(values) if value not in known]
    if len(known) + len(new) > _MAX_KNOWN:
        known.clear()
        new = list(dict.fromkeys(values))
    if new:
        known.update(zip(new, _searched(rf"\A(?s:{pattern})\z", new), strict=True))
    return [known[value] for value in values]


@lru_cache(maxsize=1_000)
def _answers(pattern: str) -> dict[str, bool]:
    """Return what has been found out about a pattern: a memory, which changes no answer."""
    return {}


@lru_cache(maxsize=1_000)
def _fault(pattern: str) -> str:
    """Return what RE2 has against a pattern, "" if nothing."""
    try:
        _searched(pattern, [""])  # alone: brackets must not close what is put around it
        _searched(rf"\A(?s:{pattern})\z", [""])
    except pa.ArrowInvalid as ex:
        return str(ex).removeprefix("Invalid regular expression: ")
    return ""


def _searched(pattern: str, values: Sequence[str]) -> list[bool]:
    """Tell where RE2 finds the pattern, in time linear in the value whatever the pattern is.

    Source: RE2, which Alertmanager uses too; here as a part of Arrow.
    """
    column = pa.array([_sound(value) for value in values], pa.string())
    found: list[bool] = pc.match_substring_regex(column, pattern=_sound(pattern)).to_pylist()
    return found


def _sound(text: str) -> str:
    """Return text without halves of surrogate pairs, which have no UTF-8."""
    return text.encode("utf-8", "replace").decode()
