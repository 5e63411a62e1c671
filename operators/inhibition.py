"""Inhibition: an incident is told to nobody as long as another one, which is told, explains it.

Either by the topology: all that alerts in it needs the first suspect of an incident that is no
younger, no less severe, and opened not long before. Or by a rule of the settings, as in
Alertmanager.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

import msgspec

from operators.matching import (
    Labels,
    check_matchers,
    match_everything,
    matches,
    matching,
    parse_matcher,
)
from operators.topology import Topology
from schema import Matcher, Severity

MAX_REACH = 500  # of what an alert's resource needs, the nearest: causes further off hide nothing

Key = tuple[str, ...]  # values of a rule's `equal` labels


class InhibitRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the YAML list `triage.inhibit`: an alert that matches `source` hides the targets."""

    name: str
    source: tuple[str, ...]  # matchers, as in "resource=edge-router"; all must hold
    target: tuple[str, ...]
    equal: tuple[str, ...] = ()  # labels of which both have the same value; missing ones are ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must name the rule, got ''")
        for side in ("source", "target"):
            matchers = self.matchers(getattr(self, side))
            check_matchers(matchers)
            if match_everything(matchers):
                raise ValueError(
                    f"{side} must have a matcher that does not match the empty string, "
                    f"got {getattr(self, side)!r}"
                )

    @staticmethod
    def matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
        """Return what the texts say."""
        return tuple(parse_matcher(text) for text in texts)


class Facts(msgspec.Struct, frozen=True):
    """What inhibition looks at of an open incident."""

    id: str
    opened_ms: int
    severity: Severity
    suspect: str  # node of the first suspect
    nodes: Callable[[], Iterator[str]]  # of the resources whose alerts are open
    source_of: tuple[frozenset[Key], ...]  # a rule: keys of its open alerts that match `source`
    target_of: tuple[frozenset[Key] | None, ...]  # the same for `target`; None: not all match


class Inhibition:
    """The rules over what is open at one time. What it keeps is answers of the topology."""

    def __init__(self, rules: Sequence[InhibitRule], within_s: float, topology: Topology) -> None:
        self._names = [rule.name for rule in rules]
        self._equal = [rule.equal for rule in rules]
        self._source = [rule.matchers(rule.source) for rule in rules]
        self._target = [rule.matchers(rule.target) for rule in rules]
        self._within_ms = round(within_s * 1000)
        self._topology = topology

    @property
    def has_rules(self) -> bool:
        """Tell whether there is a rule, and so something to ask of labels."""
        return bool(self._names)

    @property
    def is_needed(self) -> bool:
        """Tell whether anything can be inhibited: there is a rule, or an edge of the topology."""
        return self.has_rules or (self._within_ms > 0 and not self._topology.is_empty)

    def sides(
        self, alerts: Sequence[Labels]
    ) -> tuple[tuple[frozenset[Key], ...], tuple[frozenset[Key] | None, ...]]:
        """Return `source_of` and `target_of` of an incident with these open alerts."""
        sources: list[frozenset[Key]] = []
        targets: list[frozenset[Key] | None] = []
        for equal, source, target in zip(self._equal, self._source, self._target, strict=True):
            sources.append(_keys(equal, (alerts[i] for i in matching(source, alerts))))
            whole = matches(target, alerts[0]) if alerts else False
            whole = whole and len(matching(target, alerts)) == len(alerts)
            targets.append(_keys(equal, alerts) if whole else None)
        return tuple(sources), tuple(targets)

    def judge(self, cases: Iterable[Facts]) -> dict[str, str]:
        """Return by what each is inhibited: an incident's id, a rule's name, or "".

        One that is inhibited inhibits others all the same, but whatever is hidden is hidden in the
        end by something that is told: of those that would hide each other the oldest is.
        """
        order = sorted(cases, key=_age)
        hidden: dict[str, tuple[str, frozenset[str]]] = {}  # by what, and by which incidents
        causes: dict[str, list[Facts]] = {}  # by suspect that something needs; the oldest first
        for case in order:
            if self._within_ms > 0 and self._topology.needed_by(case.suspect):
                causes.setdefault(case.suspect, []).append(case)
        for case in order:
            found = self._by_cause(case, causes) or self._by_rule(case, order)
            if found is not None:
                hidden[case.id] = found
        for case in order:
            if case.id in hidden and _hides_itself(case.id, hidden):
                del hidden[case.id]
        return {case.id: hidden[case.id][0] if case.id in hidden else "" for case in order}

    def _by_cause(
        self, case: Facts, causes: Mapping[str, list[Facts]]
    ) -> tuple[str, frozenset[str]] | None:
        needed: Set[str] = causes.keys()
        alerting = False
        for node in case.nodes():
            alerting = True
            needed = self._topology.needed_of((node,), MAX_REACH).keys() & needed
            if not needed:
                return None
        fit = (
            cause
            for suspect in (needed if alerting else ())
            for cause in causes[suspect]
            if cause.id != case.id
            and 0 <= case.opened_ms - cause.opened_ms <= self._within_ms
            and cause.severity >= case.severity
        )
        cause = min(fit, key=_age, default=None)
        return None if cause is None else (cause.id, frozenset((cause.id,)))

    def _by_rule(self, case: Facts, cases: Sequence[Facts]) -> tuple[str, frozenset[str]] | None:
        for rule, keys in enumerate(case.target_of):
            if keys is None:
                continue
            sources: dict[Key, str] = {}
            for other in cases:
                if other.id != case.id:
                    for key in keys & other.source_of[rule]:
                        sources.setdefault(key, other.id)
            if len(sources) == len(keys):
                return self._names[rule], frozenset(sources.values())
        return None


def _keys(equal: Sequence[str], alerts: Iterable[Labels]) -> frozenset[Key]:
    return frozenset(tuple(labels.get(name, "") for name in equal) for labels in alerts)


def _hides_itself(name: str, hidden: Mapping[str, tuple[str, frozenset[str]]]) -> bool:
    """Tell whether what hides an incident is, in the end, hidden by that incident."""
    seen: set[str] = set()
    left = [name]
    while left:
        by = hidden.get(left.pop())
        if by is None:
            continue
        if name in by[1]:
            return True
        left += by[1] - seen
        seen |= by[1]
    return False


def _age(case: Facts) -> tuple[int, str]:
    return case.opened_ms, case.id
