"""The filter as people type it: "sev:high cloud:aws orders-db", and back."""

from typing import get_args

import msgspec

from schema import State
from schema.desk import SeverityName
from terminal.backend import GOING_ON, Sort, Wanted

SEVERITIES: tuple[SeverityName, ...] = get_args(SeverityName)
STATES: tuple[State, ...] = get_args(State)
PLACES = ("cloud", "account", "region", "service")
SORTS: dict[Sort, str] = {"-opened": "newest", "opened": "oldest", "-severity": "worst"}
ROUND: tuple[tuple[State, ...], ...] = (GOING_ON, ("open",), ("resolved",), ())
HELP = "words of titles, sev:high state:open|all cloud:aws region: service: account: who:oncall"


def parse(text: str, before: Wanted) -> Wanted:
    """Return the filter of a text, in the order of the one before it.

    >>> parse("sev:high service:aws.rds orders", Wanted())
    Wanted(states=('open', 'acknowledged'), least='HIGH', cloud='', account='', region='', service='aws.rds', assignee='', words='orders', sort='-opened')

    Raises: ValueError for a state or a severity that there is not.
    """  # noqa: E501  # what is printed
    found = Wanted(sort=before.sort)
    words = []
    for word in text.split():
        name, colon, value = word.partition(":")
        match name if colon else "":
            case "sev" | "severity":
                found = msgspec.structs.replace(found, least=_severity(value))
            case "state":
                found = msgspec.structs.replace(found, states=_states(value))
            case "who":
                found = msgspec.structs.replace(found, assignee=value)
            case "cloud" | "account" | "region" | "service":
                found = msgspec.structs.replace(found, **{name: value})
            case _:
                words.append(word)
    return msgspec.structs.replace(found, words=" ".join(words))


def spell(wanted: Wanted) -> str:
    """Return the text of a filter, "" for all that goes on.

    >>> spell(Wanted(least="HIGH", states=(), words="orders"))
    'state:all sev:high orders'
    """
    said = []
    if wanted.states != GOING_ON:
        said.append(f"state:{','.join(wanted.states) or 'all'}")
    if wanted.least != "LOW":
        said.append(f"sev:{wanted.least.lower()}")
    said += [f"{name}:{value}" for name in PLACES if (value := getattr(wanted, name))]
    said += [f"who:{wanted.assignee}"] if wanted.assignee else []
    said += [wanted.words] if wanted.words else []
    return " ".join(said)


def next_severity(wanted: Wanted) -> Wanted:
    """Return a filter for what is worse; after the worst, for all."""
    place = (SEVERITIES.index(wanted.least) + 1) % len(SEVERITIES)
    return msgspec.structs.replace(wanted, least=SEVERITIES[place])


def next_states(wanted: Wanted) -> Wanted:
    """Return a filter for other states: those that go on, open, resolved, all."""
    place = ROUND.index(wanted.states) + 1 if wanted.states in ROUND else 0
    return msgspec.structs.replace(wanted, states=ROUND[place % len(ROUND)])


def next_sort(wanted: Wanted) -> Wanted:
    """Return the filter in another order."""
    order = [*SORTS]
    place = (order.index(wanted.sort) + 1) % len(order)
    return msgspec.structs.replace(wanted, sort=order[place])


def _severity(value: str) -> SeverityName:
    for each in SEVERITIES:
        if value and each.startswith(value.upper()):
            return each
    raise ValueError(f"sev: must be one of {', '.join(SEVERITIES).lower()}, got {value!r}")


def _states(value: str) -> tuple[State, ...]:
    if value == "all":
        return ()
    if value == "on":
        return GOING_ON
    found = []
    for part in value.split(","):
        matching = [each for each in STATES if part and each.startswith(part)]
        if not matching:
            raise ValueError(f"state: must be on, all, or of {', '.join(STATES)}, got {value!r}")
        found.append(matching[0])
    return tuple(found)
