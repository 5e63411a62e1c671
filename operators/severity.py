"""How bad an incident is, by a table of points, with the reasons in words."""

import math
from collections.abc import Sequence

import msgspec

from operators.quantity import span
from schema import Impact, Severity

Steps = tuple[tuple[float, int], ...]  # (from this value on, points); ascending in both
_STEPS = (
    "confidence", "far", "resources", "services", "zones", "duration_s", "dependants", "users",
)  # fmt: skip


class SeveritySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table of points, and the YAML section `triage.severity`."""

    confidence: Steps = ((0.55, 1), (0.8, 2))  # of the surest open alert, [0, 1]
    far: Steps = ((0.5, 1), (2.0, 2), (5.0, 3))  # band widths outside, the farthest open alert
    silent: int = 2  # points in place of `far` where a resource sends nothing
    resources: Steps = ((3, 1), (10, 2), (50, 3), (500, 5))  # with an open alert
    services: Steps = ((2, 1), (4, 2))
    zones: Steps = ((2, 1),)
    duration_s: Steps = ((3_600, 1), (21_600, 2))  # since opened or reopened
    tiers: tuple[tuple[str, int], ...] = (("1", 2), ("2", 1))  # attribute `tier` and its points
    dependants: Steps = ((5, 1), (50, 2), (500, 3))  # by the topology
    dependant_tier: int = 1  # points where one is of a tier that gives more than the members' own
    users: Steps = ((1_000, 1), (100_000, 2))  # attribute `users`, of members and dependants
    medium: int = 3  # points from which it is MEDIUM
    high: int = 6
    critical: int = 9
    settle_s: float = 600.0  # how long it must have been lower before it falls, event time

    def __post_init__(self) -> None:
        for name in _STEPS:
            _check_steps(name, getattr(self, name))
        for name in ("silent", "dependant_tier"):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"{name} must be in [0, 100], got {getattr(self, name)!r}")
        if len(dict(self.tiers)) != len(self.tiers):
            raise ValueError(f"tiers must name each tier once, got {self.tiers!r}")
        if not 0 < self.medium < self.high < self.critical:
            raise ValueError(
                "medium, high and critical must be above 0 and ascend, "
                f"got {(self.medium, self.high, self.critical)!r}"
            )
        if not 0 <= self.settle_s <= 86_400:
            raise ValueError(f"settle_s must be in [0, 86400] s, got {self.settle_s!r}")


def _check_steps(name: str, steps: Steps) -> None:
    values, points = [value for value, _ in steps], [point for _, point in steps]
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"{name} must have finite values, got {steps!r}")
    if values != sorted(set(values)) or points != sorted(set(points)) or min(points, default=1) < 1:
        raise ValueError(f"{name} must ascend in values and in points from 1 on, got {steps!r}")


MAX_DEPENDANTS = 1_000  # counted; then it is at least so many


class Facts(msgspec.Struct, frozen=True):
    """What severity is judged by: an incident's open alerts, summed up."""

    confidence: float
    far: float
    silent: bool
    resources: int
    services: int
    zones: int
    tiers: tuple[str, ...]  # sorted, distinct
    floors: tuple[tuple[Severity, str], ...]  # a rule's least severity and its name; worst first
    duration_s: float
    impact: Impact = Impact()  # of the episode
    needing: tuple[str, ...] = ()  # tiers of the dependants


class Verdict(msgspec.Struct, frozen=True):
    """A severity and why."""

    severity: Severity
    reasons: tuple[str, ...]


class Standing(msgspec.Struct):
    """An incident's severity over time: it rises at once, and falls when it has long been lower."""

    severity: Severity = Severity.LOW
    reasons: tuple[str, ...] = ()
    lower_since_ms: int | None = None
    lower: Verdict | None = None  # the worst since then

    def settle(self, verdict: Verdict, now_ms: int, settle_ms: int) -> None:
        """Take the verdict of `now_ms`; call it whenever the facts have changed, and when due."""
        if verdict.severity >= self.severity:
            self.severity, self.reasons = verdict.severity, verdict.reasons
            self.lower_since_ms = self.lower = None
            return
        if self.lower_since_ms is None:
            self.lower_since_ms = now_ms
        if now_ms - self.lower_since_ms < settle_ms:
            if self.lower is None or verdict.severity >= self.lower.severity:
                self.lower = verdict
            return
        fallen = verdict if self.lower is None else max(self.lower, verdict, key=_severity)
        self.severity, self.reasons = fallen.severity, fallen.reasons
        again = verdict.severity < fallen.severity
        self.lower_since_ms, self.lower = (now_ms, verdict) if again else (None, None)


def _severity(verdict: Verdict) -> Severity:
    return verdict.severity


def judge(settings: SeveritySettings, facts: Facts) -> Verdict:
    """Add the points up; return the severity and one reason for each line that gave any."""
    tiers = dict(settings.tiers)
    tier = max(facts.tiers, key=lambda name: tiers.get(name, 0), default="")
    hit, users = facts.impact, facts.impact.users or 0
    above = max(facts.needing, key=lambda name: tiers.get(name, 0), default="")
    is_above = tiers.get(above, 0) > tiers.get(tier, 0)
    far, silent = _points(settings.far, facts.far), settings.silent if facts.silent else 0
    percent = math.floor(facts.confidence * 1000) / 10  # 99.96 % must not read 100 %
    open_ms = int(facts.duration_s * 1000)
    lines: list[tuple[int, str, object]] = [  # points, and why: made words of where there are any
        (_points(settings.confidence, facts.confidence), "confidence {:g} %", percent),
        (far, "{:.1f} band widths outside", facts.far) if far >= silent else (silent, "silence", 0),
        (_points(settings.resources, facts.resources), "{} resources", facts.resources),
        (_points(settings.services, facts.services), "{} services", facts.services),
        (_points(settings.zones, facts.zones), "{} zones", facts.zones),
        (tiers.get(tier, 0), "tier {}", tier),
        (settings.dependant_tier if is_above else 0, "tier {} depends on it", above),
        (_points(settings.dependants, hit.dependants), "{} depend on it", _counted(hit)),
        (_points(settings.users, users), "{:,} users", users),
        (_points(settings.duration_s, facts.duration_s), "open for {}", span(open_ms)),
    ]
    total = sum(points for points, _, _ in lines)
    severity = _level(settings, total)
    reasons = [f"{words.format(of)} (+{points})" for points, words, of in lines if points > 0]
    if facts.floors and facts.floors[0][0] > severity:
        severity, rule = facts.floors[0]
        reasons.insert(0, f"rule {rule} asks for at least {severity.name}")
    if not reasons:
        reasons.append("nothing but the alert itself")
    return Verdict(severity, tuple(reasons))


def _counted(hit: Impact) -> str:
    return f"{'at least ' if hit.dependants >= MAX_DEPENDANTS else ''}{hit.dependants}"


def _points(steps: Sequence[tuple[float, int]], value: float) -> int:
    return max((points for least, points in steps if value >= least), default=0)


def _level(settings: SeveritySettings, total: int) -> Severity:
    if total >= settings.critical:
        return Severity.CRITICAL
    if total >= settings.high:
        return Severity.HIGH
    return Severity.MEDIUM if total >= settings.medium else Severity.LOW
