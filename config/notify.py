"""The settings of notification: channels, the routing tree, and what it names."""

from typing import Literal

import msgspec

from connectors.callbacks.settings import CallbackSettings
from connectors.channels.registry import ChannelSettings
from connectors.incident_store import SqlSink
from operators.dispatch import Policy
from operators.escalation import Escalation
from operators.redelivery import RedeliverySettings
from operators.routes import Route, check_route
from operators.time_intervals import TimeInterval

# Who sets no route up has these channels by severity, as far as there are channels of the names.
BY_SEVERITY = (("CRITICAL", "page"), ("HIGH", "ticket"), ("MEDIUM", "chat"), ("LOW", "log"))


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The YAML section `notify`. Without channels nobody is told of anything."""

    channels: dict[str, ChannelSettings] = {}  # by name; each says its `type`
    route: Route | None = None  # none: by severity, see BY_SEVERITY; else all channels
    intervals: dict[str, TimeInterval] = {}
    escalations: dict[str, Escalation] = {}
    delivery: RedeliverySettings = RedeliverySettings()
    log: Literal["store", "topic"] = "store"  # where incident events are read: a sink of the flow
    store: SqlSink | None = None  # notification's own, where it reads a topic
    inside: bool = True  # `foreshock run` does it, in a process of its own; else `notify run`
    metrics_port: int | None = None  # of the process that notifies
    link: str = ""  # of an incident's page: "https://foreshock.example/#/incidents/{id}"
    templates: str = ""  # folder of one's own, see flows/templates.py
    callbacks: CallbackSettings = CallbackSettings()  # how people answer from where they were told

    def __post_init__(self) -> None:
        for name, channel in self.channels.items():
            if not name or name != name.strip() or "@" in name:
                raise ValueError(f"channels must have names without @, got {name!r}")
            if channel.fallback and channel.fallback not in self.channels:
                raise ValueError(
                    f"channels.{name}.fallback must name a channel, got {channel.fallback!r}"
                )
            if channel.fallback == name:
                raise ValueError(f"channels.{name}.fallback must be another channel")
        if (self.log == "topic") != (self.store is not None):
            raise ValueError(
                "store must be set where log is topic, and nowhere else: "
                f"got log {self.log!r} and store {self.store!r}"
            )
        if self.metrics_port is not None and not 1 <= self.metrics_port <= 65_535:
            raise ValueError(f"metrics_port must be in [1, 65535], got {self.metrics_port!r}")
        if self.link and "{id}" not in self.link:
            raise ValueError(f"link must hold {{id}}, got {self.link!r}")
        check_route(self.tree(), self.channels, self.intervals, self.escalations)
        for name, policy in self.escalations.items():
            for step in policy.steps:
                for told in step.channels:
                    if told not in self.channels:
                        raise ValueError(f"escalations.{name} must name channels, got {told!r}")

    def tree(self) -> Route:
        """Return the routing tree."""
        if self.route is not None:
            return self.route
        known = [(level, name) for level, name in BY_SEVERITY if name in self.channels]
        if not known:
            return Route(channels=tuple(self.channels))
        children = tuple(Route(match=(f"severity={level}",), channels=(name,))
                         for level, name in known)  # fmt: skip
        return Route(channels=(known[-1][1],), routes=children)

    def policy(self) -> Policy:
        """Return what decisions go by."""
        return Policy(self.tree(), self.channels, self.intervals, self.escalations)
