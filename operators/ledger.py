"""All that triage remembers of incidents, and how to find it."""

import msgspec

from operators.case import Case
from operators.foresight import Durations
from operators.past import Past
from operators.silences import SilenceState
from schema import Deploy


class Joined(msgspec.Struct, array_like=True, gc=False):
    """The last alert of a resource that opened."""

    incident: str  # its id, or that of one that is part of it by now
    at_ms: int


class Ledger(msgspec.Struct):
    """All that triage remembers of incidents.

    Memory: an incident is forgotten when it is closed, `close_after_s` after it was resolved, is
    resolved at the latest `max_open_s` after it was opened or reopened, and no alert reopens it
    when it is older than that; it holds one light record for each (resource, kind) that alerted.
    Of those that are forgotten it keeps how long the last of each severity took.
    """

    cases: dict[str, Case] = {}
    by_resource: dict[str, str] = {}  # resource key -> incident that an alert of it joined last
    durations: Durations = {}
    parts: dict[str, str] = {}  # id of an incident that is part of another -> id of that one
    recent: dict[str, Joined] = {}  # by node of the topology, the oldest first; within the window
    common: dict[str, Joined] = {}  # what most needed and lost of late -> its incident
    silences: SilenceState = msgspec.field(default_factory=SilenceState)
    deploys: list[Deploy] = []  # by time; the last ones
    past: Past = msgspec.field(default_factory=Past)

    def find(self, name: str) -> Case | None:
        """Return the incident of that id, or the one that it is part of."""
        return self.cases.get(self.parts.get(name, name))

    def open(self, name: str) -> Case | None:
        """Return the same, where it is open."""
        case = self.find(name)
        return None if case is None or case.resolved_ms is not None else case

    def forget(self, case: Case) -> None:
        """Drop the incident, and all that leads to it."""
        del self.cases[case.id]
        for record in case.members.values():
            key = record.resource.key
            held = self.by_resource.get(key)
            if held is not None and self.parts.get(held, held) == case.id:
                del self.by_resource[key]
        for part in case.merged:
            del self.parts[part]
