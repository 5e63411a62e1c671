"""Times as people write them in settings and options."""

from datetime import datetime


def instant_ms(text: str) -> int | None:
    """Return an RFC 3339 time in ms UTC; None if it is none, or names no zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if instant.tzinfo is None else round(instant.timestamp() * 1000)


def bound_ms(field: str, text: str) -> int | None:
    """Return the time in ms of a setting that may be left out, as "" is.

    Raises: ValueError naming the field.
    """
    if not text:
        return None
    found = instant_ms(text)
    if found is None:
        raise ValueError(f"{field} must be a time such as '2026-03-01T00:00:00Z', got {text!r}")
    return found
