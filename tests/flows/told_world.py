"""Notification over a store, with providers that answer as they are told and a clock by hand."""

from collections.abc import Callable, Mapping

from connectors.channels.channel import Message, Outcome, Sent
from connectors.incident_store import IncidentStore
from connectors.outbox import Outbox
from flows.decider import Decider
from flows.delivery import Courier, Office
from flows.rendering import Renderer
from operators.dispatch import Policy
from operators.redelivery import RedeliverySettings
from operators.routes import Route
from schema import ChannelOptions, Incident, Transition
from tests.operators.timelines import MINUTE_MS, START_MS

CHANNELS = {"page": ChannelOptions(fallback="mail", rate_messages=3), "mail": ChannelOptions()}


class Provider:
    """A channel that answers as it is told to, and remembers what it took."""

    def __init__(self) -> None:
        self.took: list[Message] = []
        self.answer: Callable[[Message], Outcome] = lambda _: Sent("m-1")

    def send(self, message: Message) -> Outcome:
        answer = self.answer(message)
        if isinstance(answer, Sent):
            self.took.append(message)
        return answer

    def close(self) -> None:
        pass

    def said(self) -> list[str]:
        return [f"{each.notice.kind} {each.dedup_key}" for each in self.took]


class World:
    """A store, notification over it, and a clock that is turned by hand."""

    def __init__(
        self,
        url: str,
        channels: Mapping[str, ChannelOptions] | None = None,
        route: Route | None = None,
    ) -> None:
        self.url = url
        self.channels = CHANNELS if channels is None else channels
        self.route = route or Route(channels=("page",), repeat_s=0.0)
        self.store = IncidentStore(url, create=True)
        self.outbox = Outbox(url)
        self.providers = {name: Provider() for name in self.channels}
        self.now_ms = START_MS
        self.restart()
        self.decider.step(self.now_ms)

    def restart(self) -> None:
        """Forget all that is not in the store."""
        policy = Policy(self.route, self.channels)
        self.decider = Decider(self.store, self.outbox, policy)
        office = Office(
            self.outbox, Renderer().render, RedeliverySettings(breaker_failures=2), self.clock
        )
        self.couriers = {
            name: Courier(name, provider, self.channels[name], office)
            for name, provider in self.providers.items()
        }

    def clock(self) -> int:
        return self.now_ms

    def say(self, *incidents: Incident, event: str = "opened") -> None:
        said = [Transition(event, self.now_ms, "foreshock", "so", each) for each in incidents]  # type: ignore[arg-type]  # one of the events
        self.store.record(said)

    def run(self, minutes: float = 0.0) -> None:
        until_ms = self.now_ms + round(minutes * MINUTE_MS)
        while True:
            times = [self.decider.step(self.now_ms)]
            times += [courier.deliver() for courier in self.couriers.values()]
            due = min((each for each in times if each is not None), default=until_ms)
            if due > until_ms or (due <= self.now_ms and self.now_ms >= until_ms and not minutes):
                break
            if due >= until_ms and self.now_ms >= until_ms:
                break
            self.now_ms = max(due, self.now_ms + 1)
        self.now_ms = max(self.now_ms, until_ms)
