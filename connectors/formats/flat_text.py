"""Flat JSON objects of strings: dimensions, labels, attributes."""

import msgspec

from connectors.formats.reasons import PARSE_ERRORS, WRONG_TYPE, BadPoint, explain

Pairs = tuple[tuple[str, str], ...]

_STRINGS = msgspec.json.Decoder(dict[str, str])


def pairs(raw: bytes, where: str) -> Pairs:
    """Return the members of a flat JSON object of strings, sorted; nothing for no bytes or null.

    Raises: BadPoint if it is something else.
    """
    if not raw or raw == b"null":
        return ()
    try:
        members = _STRINGS.decode(raw)
    except PARSE_ERRORS as ex:
        reason, detail = explain(raw, ex)
        if isinstance(ex, msgspec.ValidationError):
            reason = WRONG_TYPE
        raise BadPoint(reason, f"{where}: {detail}") from ex
    return tuple(sorted(members.items()))


def joined(members: Pairs) -> str:
    """Write pairs as people read them: `A=1,B=2`."""
    return ",".join(f"{k}={v}" for k, v in members)


def unambiguous(members: Pairs) -> str:
    """Write pairs so that two different sets never look alike."""
    if any(c in text for member in members for text in member for c in ',="'):
        return msgspec.json.encode(members).decode()
    return joined(members)
