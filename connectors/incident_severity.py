"""How bad an incident is, in the words of whoever wrote it down."""

_LEVELS = {
    5: ("emergency", "catastrophic", "p0", "sev0", "sev 0", "sev-0"),
    4: ("critical", "fatal", "p1", "sev1", "sev 1", "sev-1", "blocker"),
    3: ("high", "error", "major", "p2", "sev2", "sev 2", "sev-2"),
    2: ("medium", "moderate", "warning", "p3", "sev3", "sev 3", "sev-3", "normal"),
    1: ("low", "minor", "info", "informational", "p4", "p5", "sev4", "sev 4", "sev-4", "sev5",
        "sev 5", "sev-5"),
}  # fmt: skip
_BY_NAME = {name: level for level, names in _LEVELS.items() for name in names}


def severity_of(said: object) -> int | None:
    """Return 1 LOW, 2 MEDIUM, 3 HIGH, 4 CRITICAL, 5 EMERGENCY; None: unknown.

    >>> severity_of("CRITICAL"), severity_of("P2"), severity_of(" sev-4 "), severity_of("purple")
    (4, 3, 1, None)

    A number counts as it is. PagerDuty's urgencies are high and low.
    """
    name = str(said).strip().lower()
    if name in ("1", "2", "3", "4", "5"):
        return int(name)
    return _BY_NAME.get(name)
