"""What people and other flows do to a running flow: the records of the control log."""

from typing import Literal

import msgspec

from schema.names import Labels


class Drift(msgspec.Struct, frozen=True, tag_field="kind", tag="drift"):
    """The resources of a service have come to another level together, and stay there."""

    id: str  # digest of service and `found_ms`
    service: str
    since_ms: int
    found_ms: int  # tick at which it was decided
    effective_ms: int  # from this tick on the new level is the normal one
    retrain_by_ms: int  # event time at which the answer, a `Promotion`, must be there
    resources: int  # that it hit
    share: float  # of the service's, [0, 1]


class Promotion(msgspec.Struct, frozen=True, tag_field="kind", tag="promotion"):
    """A model comes into force; or none does, which answers a request just as well."""

    service: str
    version: str  # "": declined or timed out, nothing changes
    effective_ms: int
    request: str = ""  # `Drift.id` that it answers
    reason: str = ""


class Feedback(msgspec.Struct, frozen=True, tag_field="kind", tag="feedback"):
    """Somebody says what an incident was."""

    incident: str  # its id
    verdict: Literal["false_positive", "real"]
    targets: tuple[tuple[str, str, Labels, float, float], ...]  # `operators.feedback.Target`
    effective_ms: int
    actor: str
    reason: str = ""
    id: str = ""  # of the request, unique: what comes of it names it


Action = Literal["ack", "unack", "resolve", "reopen", "close", "assign", "merge", "split", "note"]


class Act(msgspec.Struct, frozen=True, tag_field="kind", tag="act"):
    """Somebody does something to an incident; `schema.life` says what is legal."""

    id: str  # of the request, unique: what comes of it names it
    incident: str  # its id
    action: Action
    effective_ms: int
    actor: str
    reason: str = ""  # a note's text is its reason
    assignee: str = ""  # of "assign"; "": nobody
    others: tuple[str, ...] = ()  # "merge": incidents that become part; "split": alerts that leave


class Matcher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on a label, as in Alertmanager; a label that is missing is ""."""

    label: str  # cloud, account, region, service, resource, metric, kind, severity, or an attribute
    op: Literal["=", "!=", "=~", "!~"]
    value: str  # of "=~" and "!~" a regular expression that must match the whole


class Recurrence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every week at those days and times of a zone's wall clock."""

    from_minute: int  # of the day, [0, 1440)
    until_minute: int  # exclusive; at or before `from_minute`: of the next day
    zone: str = "UTC"  # IANA name
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)  # on which it begins; 0 is Monday


class Silence(msgspec.Struct, frozen=True, tag_field="kind", tag="silence"):
    """What matches all of `matchers` is told to nobody while it is in force, but kept to see."""

    id: str
    purpose: Literal["silence", "maintenance"]
    matchers: tuple[Matcher, ...]
    starts_ms: int
    ends_ms: int  # exclusive
    effective_ms: int
    actor: str
    reason: str
    recurs: Recurrence | None = None  # within [starts_ms, ends_ms)


class Expire(msgspec.Struct, frozen=True, tag_field="kind", tag="expire"):
    """A silence ends before its time."""

    silence: str  # its id
    effective_ms: int
    actor: str
    reason: str = ""


class Deploy(msgspec.Struct, frozen=True, tag_field="kind", tag="deploy"):
    """Something was changed on purpose: a release, a setting, a migration."""

    id: str
    effective_ms: int
    version: str
    matchers: tuple[Matcher, ...]  # the resources that it changed
    actor: str = ""
    reason: str = ""
    at_ms: int | None = None  # when it was, where the flow can only take it up later

    @property
    def was_ms(self) -> int:
        """When it was."""
        return self.effective_ms if self.at_ms is None else self.at_ms


class Edge(msgspec.Struct, frozen=True, order=True):
    """`source` needs `target`: it calls it, runs on it, or lies in it. Names as they came in."""

    source: str
    target: str
    type: Literal["calls", "runs_on", "in_zone"] = "calls"


class TopologyChange(msgspec.Struct, frozen=True, tag_field="kind", tag="topology"):
    """Edges come and go from a tick on; one that is there already, or is not, changes nothing."""

    id: str
    effective_ms: int
    add: tuple[Edge, ...] = ()
    remove: tuple[Edge, ...] = ()
    node_types: Labels = ()  # node -> its type ("aws.rds", "remote")
    actor: str = ""


Command = Drift | Promotion | Feedback | Act | Silence | Expire | Deploy | TopologyChange
TriageCommand = Feedback | Act | Silence | Expire | Deploy | TopologyChange
"""Those that triage obeys; `Feedback` is obeyed by the key groups too."""
