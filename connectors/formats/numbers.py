"""Numbers that arrive as JSON numbers or as text."""

import re

from connectors.formats.reasons import NOT_FINITE, WRONG_TYPE, BadPoint

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)


def number(value: float | str, where: str) -> float:
    """Return `value` as a float; it may be infinite.

    Raises: BadPoint for text that is no decimal number (`float` itself takes "1_0" and " 1 ").
    """
    if not isinstance(value, str):
        return float(value)
    if _NUMBER.fullmatch(value):
        return float(value)
    if _NOT_FINITE.fullmatch(value):
        raise BadPoint(NOT_FINITE, f"{where} is {value!r}")
    raise BadPoint(WRONG_TYPE, f"{where} is not a number: {value[:50]!r}")
