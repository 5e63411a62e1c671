"""Rules in YAML: a threshold, held for so many ticks, with a least severity."""

import math
from fnmatch import fnmatchcase
from typing import Literal

import msgspec
import numpy as np

from models.rules import Threshold
from operators.layout import MAX_RULES
from schema import F64, I32, Severity


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Alert when a metric is above or below a limit for `for_ticks` samples in a row."""

    name: str
    metric: str  # canonical name; "*" and "?" match
    service: str = "*"
    above: float | None = None
    below: float | None = None
    for_ticks: int = 1
    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"] = "HIGH"

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must not be empty")
        try:
            Threshold(self.above, self.below, self.for_ticks)
        except ValueError as ex:
            raise ValueError(f"rule {self.name!r}: {ex}") from ex

    @property
    def floor(self) -> Severity:
        """The least severity of what the rule finds."""
        return Severity[self.severity]


class RuleTable:
    """The rules as the scoring pass takes them."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        names = [rule.name for rule in rules]
        if len(set(names)) != len(names):
            raise ValueError(f"rules must have different names, got {sorted(names)!r}")
        self.rules = rules
        nan = math.nan
        self.above: F64 = np.array([nan if r.above is None else r.above for r in rules], np.float64)
        self.below: F64 = np.array([nan if r.below is None else r.below for r in rules], np.float64)
        self.ticks: F64 = np.array([r.for_ticks for r in rules], np.float64)

    def of(self, service: str, metric: str) -> I32:
        """Return the rules that a series is under, padded with -1: the `MAX_RULES` most severe."""
        out = np.full(MAX_RULES, -1, np.int32)
        hits = [
            i
            for i, rule in enumerate(self.rules)
            if fnmatchcase(metric, rule.metric) and fnmatchcase(service, rule.service)
        ]
        hits.sort(key=lambda i: -self.rules[i].floor)
        out[: len(hits)] = hits[:MAX_RULES]
        return out
