"""The good points of an OTLP document that does not decode as a whole."""

from typing import Any

import msgspec

from connectors.formats.otlp_document import (
    Distribution,
    Metric,
    Number,
    Request,
    ResourceMetrics,
    ScopeMetrics,
)
from connectors.formats.reasons import PARSE_ERRORS, Fault
from connectors.formats.salvage import decode_one, elements

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REQUEST = msgspec.json.Decoder(Request)
_NUMBER = msgspec.json.Decoder(Number)
_DISTRIBUTION = msgspec.json.Decoder(Distribution)
_METRIC: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(Metric)
_LEVELS: list[tuple[str, "msgspec.json.Decoder[Any]"]] = [
    ("resourceMetrics", msgspec.json.Decoder(ResourceMetrics)),
    ("scopeMetrics", msgspec.json.Decoder(ScopeMetrics)),
    ("metrics", _METRIC),
]
_POINTS: dict[str, "msgspec.json.Decoder[Any]"] = {
    "gauge": _NUMBER,
    "sum": _NUMBER,
    "histogram": _DISTRIBUTION,
    "exponentialHistogram": _DISTRIBUTION,
    "summary": _DISTRIBUTION,
}


def salvage(text: bytes, verdict: Fault) -> list[Request | Fault]:
    """Return a request of what is good, and a fault for each point or envelope that is not."""
    faults: list[Fault] = []
    cleaned = _cleaned(text, 0, faults, verdict)
    if cleaned is None:
        return [*faults]
    # It may have been no more than a bad value under a key that comes again, with a good one.
    request = decode_one(_REQUEST, cleaned)
    if isinstance(request, Fault):
        return [*faults] or [verdict]
    return [request, *faults]


def _cleaned(text: bytes, level: int, faults: list[Fault], verdict: Fault) -> bytes | None:
    """Return an object without its bad members; None if it is bad itself."""
    members = _members(text)
    if members is None:
        faults.append(verdict)
        return None
    if level == len(_LEVELS):
        return _cleaned_metric(members, faults, verdict)
    key, decoder = _LEVELS[level]
    raws = elements(bytes(members.get(key, b"")))
    if raws is None:
        faults.append(verdict)
        return None
    kept: list[bytes] = []
    for raw in raws:
        found = decode_one(decoder, raw)
        good = _cleaned(raw, level + 1, faults, found) if isinstance(found, Fault) else raw
        if good is not None:
            kept.append(good)
    members[key] = _array(kept)
    return msgspec.json.encode(members)


def _cleaned_metric(
    members: dict[str, msgspec.Raw], faults: list[Fault], verdict: Fault
) -> bytes | None:
    bad: list[Fault] = []
    points = 0
    for key, decoder in _POINTS.items():
        data = _members(bytes(members.get(key, b"")))
        raws = None if data is None else elements(bytes(data.get("dataPoints", b"")))
        if data is None or raws is None:
            continue
        points += len(raws)
        found = [(raw, decode_one(decoder, raw)) for raw in raws]
        bad += [point for _, point in found if isinstance(point, Fault)]
        kept = [raw for raw, point in found if not isinstance(point, Fault)]
        members[key] = msgspec.Raw(msgspec.json.encode(data | {"dataPoints": _array(kept)}))
    cleaned = msgspec.json.encode(members)
    if isinstance(decode_one(_METRIC, cleaned), Fault):  # not the points, or not they alone
        faults += [verdict] * max(1, points)
        return None
    faults += bad
    return cleaned


def _members(text: bytes) -> dict[str, msgspec.Raw] | None:
    try:
        return _OBJECT.decode(text)
    except PARSE_ERRORS:
        return None


def _array(raws: list[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(raws) + b"]")
