"""A storm of incidents, and the providers that are told of it while whoever tells is killed.

An incident goes on only when all channels have heard the last word of it: so it is known what each
must have been told in the end.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from connectors.incident_store import IncidentStore
from schema import Event, Severity, Transition
from tests.connectors.channels.provider import Asked, Reply, provider
from tests.operators.timelines import START_MS, incident

CHANNELS = ("hook", "flaky", "page", "ops")
OPENED, RISEN, OVER = 1, 2, 3  # what is told of an incident, and its revisions
BATCH, AHEAD = (
    10,
    20,
)  # incidents that open at once, and that are open before all have heard of them
SETTINGS = """
sources: [{{type: simulator, days: 1}}]
sinks: [{{type: sql, url: "{url}"}}]
notify:
  delivery: {{backoff_s: 0.05, max_backoff_s: 0.2, fallback_after_s: 3600}}
  route: {{channels: [hook, flaky, page, ops], repeat_s: 0}}
  channels:
    hook: {{type: webhook, url: {{env: HOOK}}, allow_private: true, rate_messages: 100000}}
    flaky: {{type: webhook, url: {{env: FLAKY}}, allow_private: true, rate_messages: 100000}}
    page: {{type: pagerduty, routing_key: {{env: KEY}}, url: "{page}", allow_private: true,
           rate_messages: 100000}}
    ops: {{type: opsgenie, api_key: {{env: KEY}}, url: "{ops}", allow_private: true,
          rate_messages: 100000}}
"""


class Taken(NamedTuple):
    """A message that a provider took."""

    run: int  # of the process that sent it
    incident: str  # by the provider's own key
    stage: int
    key: str  # the idempotency key, where there are such headers


class Storm:
    """What was said, what was taken, and when to kill."""

    def __init__(self, url: str, count: int, seed: int) -> None:
        self.store = IncidentStore(url, create=True)
        self.count = count
        self.news = threading.Condition()
        self.asked = 0
        self.refused = 0
        self.taken: dict[str, list[Taken]] = {name: [] for name in CHANNELS}
        self.kill_at = 0  # number of the request; 0: not
        self.kills_inside = False  # before it is answered
        self.dead = threading.Event()
        self._draw = Random(seed)
        self._heard: dict[str, dict[str, int]] = {name: defaultdict(int) for name in CHANNELS}
        self._said: dict[str, int] = {}  # the last that was said of an incident

    def answer(self, channel: str, asked: Asked) -> Reply:
        """Take a request, or refuse it, or let the sender be killed over it."""
        with self.news:
            self.asked += 1
            killed = self.asked == self.kill_at
            if channel == "flaky" and self._draw.random() < 0.5:
                self.refused += 1
                reply = Reply(503)
            else:
                self._take(channel, asked)
                reply = Reply(202)
            self.news.notify_all()
        if killed and self.kills_inside:
            self.dead.wait(30)
        return reply

    def feed(self) -> None:
        """Say what is next of the incidents of which all have heard."""
        with self.news:
            told = {name: self._told(name) for name in self._said}
        found: list[Transition] = []
        for name, said in self._said.items():
            following = _after(name, said)
            if following and told[name] >= said:
                found.append(_transition(name, following))
        waiting = sum(told[name] < said for name, said in self._said.items())
        first = len(self._said)
        if waiting < AHEAD:
            names = [f"inc-{i:03}" for i in range(first, min(first + BATCH, self.count))]
            found += [_transition(name, OPENED) for name in names]
        self.store.record(found)
        self._said |= {each.incident.id: each.incident.revision for each in found}

    @property
    def over(self) -> bool:
        """Whether all has been said, and all have heard it."""
        ended = [not _after(name, said) for name, said in self._said.items()]
        told = all(self._told(name) == said for name, said in self._said.items())
        return len(self._said) == self.count and all(ended) and told

    def wanted(self) -> dict[str, int]:
        """Return the last that each channel must have been told of each incident."""
        return dict(self._said)

    def _told(self, name: str) -> int:
        return min(self._heard[channel][name] for channel in CHANNELS)

    def _take(self, channel: str, asked: Asked) -> None:
        body = asked.body
        match channel:
            case "page":
                name = str(body["dedup_key"])
                payload = msgspec.convert(body.get("payload", {}), dict[str, object])
                risen = payload.get("severity") == "critical"
                stage = OVER if body["event_action"] == "resolve" else RISEN if risen else OPENED
            case "ops":
                _, _, about = asked.path.partition("/v2/alerts")
                name = about.split("/")[1] if about else str(body["alias"])
                stage = OVER if "/close" in about else RISEN
                if not about:
                    stage = RISEN if body["priority"] == "P1" else OPENED
            case _:
                name = str(body["dedup_key"])
                event = msgspec.convert(body["event"], dict[str, object])
                stage = int(str(event["revision"]))
        run = int(asked.path.split("/")[1])
        key = asked.headers.get("idempotency-key", "")
        self.taken[channel].append(Taken(run, name, stage, key))
        self._heard[channel][name] = max(self._heard[channel][name], stage)


def _after(name: str, said: int) -> int:
    """Return what is said of an incident next, 0: nothing."""
    number = int(name.removeprefix("inc-"))
    if said == OPENED and number % 4 == 0:
        return RISEN
    return OVER if said < OVER and number % 5 else 0


def _transition(name: str, stage: int) -> Transition:
    events: dict[int, Event] = {OPENED: "opened", RISEN: "updated", OVER: "resolved"}
    severity = Severity.HIGH if stage == OPENED else Severity.CRITICAL
    state = "resolved" if stage == OVER else "open"
    now = incident(name, name, revision=stage, severity=severity, state=state)
    return Transition(events[stage], START_MS, "foreshock", "so", now)


@contextmanager
def providers(storm: Storm) -> Iterator[dict[str, str]]:
    """Serve the channels; yield their URLs."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        for name in CHANNELS:
            served = provider(partial(storm.answer, name))
            urls[name] = stack.enter_context(served).url
        yield urls


def settings_of(run: int, store_url: str, urls: dict[str, str], file: Path) -> dict[str, str]:
    """Write the settings of one process, whose requests name it; return its environment."""
    page, ops = f"{urls['page']}/{run}/v2/enqueue", f"{urls['ops']}/{run}"
    file.write_text(SETTINGS.format(url=store_url, page=page, ops=ops))
    return {"HOOK": f"{urls['hook']}/{run}/", "FLAKY": f"{urls['flaky']}/{run}/", "KEY": "k" * 32}


def repeats(taken: list[Taken]) -> list[tuple[Taken, Taken]]:
    """Return what was taken twice, with the first time.

    Raises: AssertionError where it is not the last message of a process, and so the one in flight
    when that was killed; or has another idempotency key.
    """
    last = {each.run: each for each in taken}
    seen: dict[tuple[str, int], Taken] = {}
    found: list[tuple[Taken, Taken]] = []
    for each in taken:
        before = seen.setdefault((each.incident, each.stage), each)
        if before is not each:
            assert before.run < each.run, (before, each)
            assert last[before.run] == before, (before, each)
            assert before.key == each.key
            found.append((before, each))
            seen[each.incident, each.stage] = each
    return found
