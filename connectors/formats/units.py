"""Units of one kind by their size, to read a value in another unit than the catalogue's."""

_TIMES = {
    "ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6,
    "nanosecond": 1e-6, "microsecond": 1e-3, "millisecond": 1.0, "second": 1e3, "sec": 1e3,
    "minute": 6e4, "hour": 3.6e6,
}  # fmt: skip
_BYTES = {
    "b": 1.0, "by": 1.0, "byte": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
    "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40,
    "kiby": 2.0**10, "miby": 2.0**20, "giby": 2.0**30, "tiby": 2.0**40,
    "kilobyte": 1e3, "megabyte": 1e6, "gigabyte": 1e9, "terabyte": 1e12,
}  # fmt: skip
_SHARES = {"percent": 1.0, "%": 1.0, "ratio": 100.0}
_KINDS = (_TIMES, _BYTES, _SHARES)


def factor(given: str, wanted: str) -> float:
    """Return what a value in one unit is multiplied by to be in the other; 1 where nobody knows.

    >>> factor("s", "ms"), factor("Seconds", "ms"), factor("ratio", "percent"), factor("", "ms")
    (1000.0, 1000.0, 100.0, 1.0)
    """
    for kind in _KINDS:
        a, b = kind.get(_plain(given, kind)), kind.get(_plain(wanted, kind))
        if a is not None and b is not None:
            return a / b
    return 1.0


def is_time(unit: str) -> bool:
    """Tell whether the unit is one of time."""
    return _plain(unit, _TIMES) in _TIMES


def _plain(unit: str, kind: dict[str, float]) -> str:
    folded = unit.casefold()
    return folded if folded in kind else folded.removesuffix("s")
