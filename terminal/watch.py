"""Keeps the picture up to date: asks what is due, one thing after the other, and never gives up."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from schema.desk import Changes, RequestView
from terminal.backend import Away, Backend, Missed, Refused, Wanted
from terminal.errand import Errands
from terminal.picture import PAGE, Feed, Picture

X = TypeVar("X")
EVERY_S = {
    "live": 5.0,
    "silences": 10.0,
    "models": 30.0,
    "heat": 30.0,
    "queue": 15.0,
    "detail": 15.0,
}
LONGEST_S = 15.0  # between two tries while nobody answers
SLOW_S = 4.0  # without an answer: people are told that it is awaited
HEAT_MS = 6 * 3_600_000
QUEUED = 500
SETTLE_S = 0.06  # a row that is only passed by is not asked for


class Watch:
    """One at a time: it runs on the screen's loop, and waits on a thread of its own."""

    def __init__(
        self, backend: Backend, picture: Picture, changed: Callable[[], None], every_s: float
    ) -> None:
        self._backend = backend
        self._picture = picture
        self._changed = changed
        self._every_s = every_s
        self._errands = Errands("foreshock-top-reading")
        self._wake = asyncio.Event()
        self._due: dict[str, float] = dict.fromkeys(EVERY_S, 0.0)
        self._sequence: int | None = None
        self._more = False
        self._incident: str | None = None
        self._asked_s: float | None = None
        self.answered: Callable[[RequestView], None] = lambda _: None

    @property
    def is_slow(self) -> bool:
        """Whether an answer has been awaited for long."""
        return self._asked_s is not None and time.monotonic() - self._asked_s > SLOW_S

    def look_at(self, incident_id: str | None) -> None:
        """Have the details of an incident, as soon as can be."""
        if incident_id != self._incident:
            self._incident = incident_id
            self._hurry("detail")

    def want(self, wanted: Wanted) -> None:
        """Have other incidents."""
        self._picture.feed = Feed(wanted)
        self._wake.set()

    def want_more(self) -> None:
        """Have the next page, if there is one."""
        if self._picture.feed.next is not None and not self._more:
            self._more = True
            self._wake.set()

    def look_again(self) -> None:
        """Ask for everything now."""
        self._hurry(*self._due)
        self._picture.feed.is_read = False

    async def run(self) -> None:
        """Go on until it is cancelled."""
        pause_s = self._every_s
        try:
            while True:
                self._wake.clear()
                try:
                    await self._round()
                except Away as ex:
                    self._picture.away = str(ex)
                    self._sequence = None  # it may be another one when it is back
                    pause_s = min(LONGEST_S, max(self._every_s, pause_s * 1.5))
                    await self._pause(pause_s, hurried=False)
                else:
                    pause_s = self._every_s
                    await self._pause(pause_s, hurried=True)
        finally:
            self._errands.end()

    async def _pause(self, pause_s: float, *, hurried: bool) -> None:
        self._changed()
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s)
        except TimeoutError:
            return
        if not hurried:  # whoever moves about meanwhile does not storm what is away
            await asyncio.sleep(self._every_s)
        await asyncio.sleep(SETTLE_S)

    async def _round(self) -> None:
        picture = self._picture
        if self._sequence is None:
            await self._begin()
        try:
            changes = await self._ask(lambda: self._backend.changes(self._sequence))
        except Missed:
            await self._begin()
            changes = Changes(sequence=self._sequence or 0, changes=())
        self._sequence = changes.sequence
        if picture.away:
            picture.away = ""
            self._changed()
        if changes.changes:
            picture.feed.take(changes.changes)
            self._hurry("queue")
            if self._incident in {each.incident.id for each in changes.changes}:
                self._hurry("detail")
        if changes.changes or not picture.feed.is_read:
            await self._read_feed()
        if self._more:
            await self._read_more()
        for name, read in self._readers().items():
            if time.monotonic() >= self._due[name]:
                self._due[name] = time.monotonic() + EVERY_S[name]
                await read()
                self._changed()
        await self._hear()

    async def _begin(self) -> None:
        self._picture.me = await self._ask(self._backend.me)
        self._sequence = (await self._ask(lambda: self._backend.changes(None))).sequence
        self._picture.feed.is_read = False
        self._due = dict.fromkeys(EVERY_S, 0.0)

    def _readers(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "detail": self._read_detail,
            "queue": self._read_queue,
            "live": self._read_live,
            "silences": self._read_silences,
            "models": self._read_models,
            "heat": self._read_heat,
        }

    async def _read_feed(self) -> None:
        feed = self._picture.feed
        page = await self._ask(lambda: self._backend.incidents(feed.wanted, None, PAGE))
        feed.begin(page)
        self._picture.tell_time(page.now_ms)
        self._changed()

    async def _read_more(self) -> None:
        feed = self._picture.feed
        self._more = False
        if feed.next is not None:
            page = await self._ask(lambda: self._backend.incidents(feed.wanted, feed.next, PAGE))
            feed.go_on(page)
            self._changed()

    async def _read_detail(self) -> None:
        wanted = self._incident
        if wanted is None:
            return
        try:
            self._picture.keep(await self._ask(lambda: self._backend.incident(wanted)))
        except Refused:
            self._picture.details.pop(wanted, None)  # it is no longer kept

    async def _read_queue(self) -> None:
        self._picture.queue = await self._ask(lambda: self._backend.queue(QUEUED))
        self._picture.tell_time(self._picture.queue.now_ms)

    async def _read_live(self) -> None:
        self._picture.live = await self._ask(self._backend.live)

    async def _read_silences(self) -> None:
        self._picture.silences = await self._ask(self._backend.silences)

    async def _read_models(self) -> None:
        self._picture.models = await self._ask(self._backend.models)

    async def _read_heat(self) -> None:
        live = self._picture.live
        until_ms = live.watermark_ms if live and live.watermark_ms else self._picture.now_ms
        self._picture.heat = await self._ask(
            lambda: self._backend.heat(until_ms - HEAT_MS, until_ms + 1)
        )

    async def _hear(self) -> None:
        """Ask what has come of what was asked here."""
        for each in [*self._picture.asked.values()]:
            if each.status == "requested":
                try:
                    found = await self._ask(partial(self._backend.request, each.id))
                except Refused:
                    continue  # it is not there yet, or no longer kept
                self._picture.ask(found)
                if found.status != "requested":
                    self._hurry("detail", "silences")
                    self.answered(found)

    async def _ask(self, question: Callable[[], X]) -> X:
        self._asked_s = time.monotonic()
        try:
            answer = await self._errands.run(question)
        finally:
            self._asked_s = None
        self._picture.fresh_s = time.monotonic()
        return answer

    def _hurry(self, *names: str) -> None:
        self._due.update(dict.fromkeys(names, 0.0))
        self._wake.set()
