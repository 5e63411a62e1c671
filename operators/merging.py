"""Two incidents become one, and one becomes two; no alert is lost on the way."""

import hashlib
from collections.abc import Sequence

from operators.case import MAX_REQUESTS, Case
from operators.ledger import Ledger
from operators.members import AlertRecord
from operators.scope import described, place_of
from operators.tally import Tally
from operators.telling import ACTOR, say
from schema import Transition


def age(case: Case) -> tuple[bool, int, int, str]:
    """Return what orders incidents: those that people know of, the oldest, the largest first."""
    return case.revision == 0, case.opened_ms, -len(case.members), case.id


def merge(
    ledger: Ledger,
    survivor: str,
    others: Sequence[str],
    now_ms: int,
    reason: str,
    actor: str = ACTOR,
    request: str = "",
) -> list[Transition]:
    """Make incidents part of one; return the last word of each that had a first.

    The survivor says that it has grown: here and now if somebody asked for it, else when its tick
    is settled. One that nobody was told of just goes. Whoever has a part has the whole, unless
    somebody else does; an acknowledgement goes over where the part is no less severe, and is said.
    """
    said: list[Transition] = []
    home = ledger.cases[survivor]
    acknowledged = ""  # part that the survivor owes it to
    for name in others:
        part = ledger.cases.pop(name)
        if _hands_over(part, home):
            acknowledged, home.acked_ms, home.touched_ms = name, now_ms, now_ms
        home.assignee = home.assignee or part.assignee
        ledger.parts[name] = survivor
        for older in part.merged:
            ledger.parts[older] = survivor
        if part.revision > 0:
            part.merged_into = survivor
            part.news = None
            said.append(
                say(part, "merged", now_ms, f"{reason}: part of {survivor}", actor, request)
            )
            home.joined.append(name)
        home.merged += [*part.merged, name]
        _absorb(home, part)
    home.tally = Tally.of(home.members, home.episode_ms)
    home.unranked = list(home.members)
    if actor != ACTOR and home.revision > 0:
        home.joined, home.said_count = [], len(home.members)
        text = f"{reason}: {', '.join(others)} {'is' if len(others) == 1 else 'are'} part of it"
        said.append(say(home, "updated", now_ms, text, actor, request))
    if acknowledged:
        text = f"{acknowledged}, part of it now, was acknowledged"
        said.append(say(home, "acknowledged", now_ms, text, actor, request))
    return said


def _hands_over(part: Case, home: Case) -> bool:
    """Tell whether who has acknowledged a part knows how bad the whole is."""
    if part.acked_ms is None or home.acked_ms is not None or home.revision == 0:
        return False
    return part.standing.severity >= home.standing.severity


def _absorb(home: Case, part: Case) -> None:
    for name, record in part.members.items():
        held = home.members.get(name, record)  # an alert is open in one incident at most
        home.members[name] = max(held, record, key=_lateness)
    for place, at_ms in part.names.items():
        home.names[place] = max(at_ms, home.names.get(place, at_ms))
    home.scope = tuple(pair for pair in home.scope if pair in part.scope)
    home.onset_ms = min(home.onset_ms, part.onset_ms)
    home.episode_ms = min(home.episode_ms, part.episode_ms)
    home.last_close_ms = max(home.last_close_ms, part.last_close_ms)
    home.node = home.node or part.node
    for needed, common in part.common.items():
        if needed not in home.common or common.hit > home.common[needed].hit:
            home.common[needed] = common
    home.lost = home.lost or part.lost
    home.occurred = sorted([*home.occurred, *part.occurred])
    home.open_count += part.open_count
    home.requests = [*part.requests, *home.requests][-MAX_REQUESTS:]


def _lateness(record: AlertRecord) -> tuple[bool, int]:
    return record.closed_ms is None, record.opened_ms


def split(
    ledger: Ledger,
    incident: str,
    alerts: Sequence[str],
    now_ms: int,
    reason: str,
    actor: str = ACTOR,
    request: str = "",
) -> list[Transition]:
    """Let alerts leave an open incident for one of their own, which speaks when it is settled.

    All alerts of a resource go together. The two are merged again by hand alone.
    Raises: ValueError in words for what cannot be done.
    """
    case = ledger.cases[incident]
    going = {case.members[name].resource.key for name in alerts if name in case.members}
    leaving = [name for name, held in case.members.items() if held.resource.key in going]
    unknown = sorted(set(alerts) - case.members.keys())
    if unknown:
        raise ValueError(f"{incident} has no alert {unknown[0]}")
    if not leaving or len(leaving) == len(case.members):
        raise ValueError(f"a split of {incident} must leave alerts on both sides")
    moved = {name: case.members.pop(name) for name in leaving}
    digest = hashlib.blake2b(
        "|".join((incident, str(now_ms), *sorted(moved))).encode(), digest_size=8
    )
    own = Case("inc-" + digest.hexdigest(), (), now_ms, case.episode_ms, case.onset_ms)
    own.news = "split"
    own.members, own.node = moved, case.node
    case.apart.append(own.id)
    own.apart.append(case.id)
    ledger.cases[own.id] = own
    for side in (case, own):
        _look_again(side)
    for record in moved.values():
        resource = record.resource
        ledger.by_resource[resource.key] = own.id
        for node in (resource.key, resource.uid, resource.name):
            joined = ledger.recent.get(node)
            if joined is not None and ledger.find(joined.incident) is case:
                joined.incident = own.id
    count = f"{len(moved)} {'alert leaves' if len(moved) == 1 else 'alerts leave'} for {own.id}"
    return [say(case, "split", now_ms, f"{reason}: {count}" if reason else count, actor, request)]


def _look_again(case: Case) -> None:
    """Make what follows from the members follow from those that are left."""
    records = list(case.members.values())
    case.episode_ms = min(case.episode_ms, max(record.opened_ms for record in records))
    case.onset_ms = min(record.onset_ms for record in records)
    case.open_count = sum(record.closed_ms is None for record in records)
    case.last_close_ms = max(record.closed_ms or 0 for record in records)
    case.tally = Tally.of(case.members, case.episode_ms)
    case.names, case.common, case.lost = {}, {}, None
    case.scope = described(records[0].resource)
    for record in records:
        place = place_of(record.resource)
        case.scope = tuple(pair for pair in case.scope if pair in place.described)
        for name in place.names:
            case.names[name] = max(case.names.get(name, 0), record.opened_ms)
    first = min(case.members, key=lambda name: case.members[name].rank(case.episode_ms, 0))
    case.suspects = [name for name in case.suspects if name in case.members] or [first]
    case.unranked = list(case.members)
