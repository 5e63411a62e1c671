"""Alertmanager's silences, as its API v2 and `amtool silence query -o json` give them."""

from datetime import datetime
from typing import Literal

import msgspec

from schema import Matcher, Silence


class _Matcher(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True  # versions before 0.22 know no others


class _Status(msgspec.Struct, frozen=True):
    state: Literal["active", "pending", "expired"] = "active"


class _Silence(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    matchers: tuple[_Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""
    status: _Status = _Status()


_decoder = msgspec.json.Decoder(list[_Silence])


def read_silences(data: bytes, effective_ms: int) -> list[Silence]:
    """Return the silences that have not expired, in order, each of which comes to be then.

    Their ids stay, led by "am-", so that one that is read again is the same one.
    Raises: ValueError where that is no list of silences.
    """
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as ex:
        raise ValueError(f"must be a JSON list of Alertmanager's silences: {ex}") from ex
    return [_silence(each, effective_ms) for each in found if each.status.state != "expired"]


def _silence(given: _Silence, effective_ms: int) -> Silence:
    starts, ends = given.starts_at, given.ends_at
    if starts.tzinfo is None or ends.tzinfo is None:
        raise ValueError(f"{given.id}: startsAt and endsAt must have a time zone")
    return Silence(
        f"am-{given.id}",
        "silence",
        tuple(_matcher(each) for each in given.matchers),
        round(starts.timestamp() * 1000),
        round(ends.timestamp() * 1000),
        effective_ms,
        given.created_by,
        given.comment,
    )


def _matcher(given: _Matcher) -> Matcher:
    if given.is_regex:
        return Matcher(given.name, "=~" if given.is_equal else "!~", given.value)
    return Matcher(given.name, "=" if given.is_equal else "!=", given.value)
