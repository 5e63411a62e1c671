"""What people ask for by a key and a line of text: acts, words on incidents, silences."""

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from operators.matching import parse_matcher, shown
from schema import Action, Matcher, Refusal, step
from schema.asks import ActionAsk, FeedbackAsk, SilenceAsk
from schema.desk import IncidentDetail, IncidentRow, Me, RequestView, SilenceView
from schema.life import EVENT_OF
from terminal.backend import Backend

SILENCE_TEXT = "2h"
_LENGTH = re.compile(r"(?:\d+[smhdw])+")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
Verdict = Literal["false_positive", "real"]
Send = Callable[[Backend, str], RequestView | SilenceView]


class Ask(NamedTuple):
    """What is to be asked for, once its line of text has been given."""

    label: str  # what it does, and to what
    hint: str  # what the text is
    text: str  # with which it begins
    send: Send  # Raises: ValueError for a text that will not do


ACTS: Mapping[str, tuple[Action, str]] = {  # by key
    "a": ("ack", "acknowledge"),
    "u": ("unack", "take back the acknowledgement of"),
    "r": ("resolve", "resolve"),
    "O": ("reopen", "reopen"),
    "C": ("close", "close for good"),
    "n": ("note", "write a note on"),
    "@": ("assign", "assign"),
}
WORDS: Mapping[str, tuple[Verdict, str]] = {
    "f": ("false_positive", "a false positive"),
    "t": ("real", "real"),
}


def why_not(me: Me | None) -> str:
    """Return why nothing can be asked for; "": it can."""
    if me is None:
        return "nothing has been read yet"
    if me.role == "viewer":
        return f"{me.name} is a viewer, and may not act"
    if not me.can_act:
        return "no control log is known by which a flow could be told: begin with -c FILE"
    return ""


def ask_of(key: str, row: IncidentRow, detail: IncidentDetail | None, me: Me) -> Ask | Refusal:
    """Return what a key asks of an incident, or why it makes no sense."""
    if key == "s":
        return _silence(row, detail)
    if key in WORDS:
        verdict, said = WORDS[key]
        return Ask(f"say that {row.id} is {said}", "why, if you like", "", _feedback(row, verdict))
    action, verb = ACTS[key]
    legal = step(row.id, row.state, EVENT_OF[action])
    if isinstance(legal, Refusal):
        return legal
    match action:
        case "note":
            return Ask(f"{verb} {row.id}", "what to write down", "", _act(row, action))
        case "assign":
            return Ask(f"{verb} {row.id} to", "a name; nothing: nobody", me.name, _assign(row))
        case _:
            return Ask(f"{verb} {row.id}", "why, if you like", "", _act(row, action))


def end_silence(silence: SilenceView) -> Ask | Refusal:
    """Return what ends a silence."""
    if silence.origin == "settings":
        return Refusal(f"{silence.id} is in the settings: take it out there")
    if silence.state in {"expired", "refused"}:
        return Refusal(f"{silence.id} is {silence.state}")
    label = f"end {silence.id} now"
    return Ask(label, "Enter does it", "", lambda desk, _: desk.end_silence(silence.id))


def parse_silence(text: str) -> SilenceAsk:
    """Return the silence of a line: how long, matchers, and after "#" why.

    >>> parse_silence("1h30m service=aws.rds # index").matchers
    ('service="aws.rds"',)

    Raises: ValueError.
    """
    about, _, reason = text.partition(" #")
    length, *matchers = shlex.split(about) or [""]
    if _LENGTH.fullmatch(length) is None:
        raise ValueError(f"it must begin with how long: 30m, 2h or 1d12h, got {length!r}")
    seconds = sum(int(n) * _UNIT_S[unit] for n, unit in re.findall(r"(\d+)([smhdw])", length))
    if not matchers:
        raise ValueError("it must say what it is about, as in service=aws.rds")
    found = tuple(shown(parse_matcher(each)) for each in matchers)
    return SilenceAsk(matchers=found, for_s=seconds, reason=reason.strip())


def silence_text(row: IncidentRow, detail: IncidentDetail | None) -> str:
    """Return the line that keeps an incident quiet: its resource, or what its members share."""
    members = () if detail is None else detail.incident.members
    names = {each.resource.name for each in members}
    if len(names) == 1 and row.member_count <= len(members):
        return f"{SILENCE_TEXT} {shlex.quote(_one_line('resource', names.pop()))}"
    shared = [_one_line(name, value) for name, value in row.scope.items() if value]
    return " ".join([SILENCE_TEXT, *map(shlex.quote, shared)])


def _silence(row: IncidentRow, detail: IncidentDetail | None) -> Ask:
    hint = "how long, what it is about (label=value ...), # why"
    text = silence_text(row, detail)
    return Ask("silence", hint, text, lambda desk, said: desk.silence(parse_silence(said)))


def _one_line(label: str, value: str) -> str:
    """Return a matcher; characters that cannot be typed are any character in it."""
    if value.isprintable():
        op, text = ("=", value)
    else:
        op, text = "=~", "".join(re.escape(c) if c.isprintable() else "." for c in value)
    return (
        f"{label}{op}{shown(Matcher(label, '=', text)).partition('=')[2]}"
        if (" " in text or '"' in text)
        else f"{label}{op}{text}"
    )


def _act(row: IncidentRow, action: Action) -> Send:
    return lambda desk, text: desk.act(row.id, ActionAsk(action=action, note=text.strip()))


def _assign(row: IncidentRow) -> Send:
    return lambda desk, text: desk.act(row.id, ActionAsk(action="assign", assignee=text.strip()))


def _feedback(row: IncidentRow, verdict: Verdict) -> Send:
    return lambda desk, text: desk.feedback(row.id, FeedbackAsk(verdict=verdict, note=text.strip()))
