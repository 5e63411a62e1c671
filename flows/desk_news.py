"""What is new at the desk since it was last asked: steps of incidents, requests, the estate."""

import time
from typing import Literal

import msgspec

from flows.answers import id_of
from flows.desk import Desk
from flows.desk_stores import StoreAway
from schema import LiveState, TriageCommand
from schema.desk import Change, RequestView

BATCH = 500
LIVE_EVERY_S = 5.0
MOST_OPEN = 200  # requests that are looked after until they are answered; the newest


class Word(msgspec.Struct, frozen=True):
    """One thing that is new."""

    kind: Literal["transition", "request", "live", "away", "back", "reset"]
    said: Change | RequestView | LiveState | str
    sequence: int | None = None  # of a transition


class News:
    """Follows a desk from now on, by whoever calls `poll`; one thread at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.sequence: int | None = None  # of the last transition that was told
        self._generation = 0
        self._seen: int | None = None  # commands of the log that were told
        self._open: dict[str, TriageCommand] = {}
        self._live = LiveState()
        self._live_due = 0.0
        self.away = ""  # why the store cannot be read now

    def poll(self) -> list[Word]:
        """Return what is new, in order; "away" once while the store is away, then "back"."""
        try:
            found = self._changes() + self._requests() + self._estate()
        except StoreAway as ex:
            if self.away:
                return []
            self.away = str(ex)
            return [Word("away", self.away)]
        if self.away:
            self.away = ""
            return [Word("back", ""), *found]
        return found

    def _changes(self) -> list[Word]:
        """Return steps of incidents; of another store, only that it is another one."""
        if self.sequence is None:
            self.sequence = self._desk.changes(None).sequence
            self._generation = self._desk.stores.generation
            return []
        found: list[Word] = []
        while True:
            news = self._desk.changes(self.sequence, BATCH)
            if not news.changes:
                break
            found += [Word("transition", each, each.sequence) for each in news.changes]
            self.sequence = news.sequence
        if self._generation != self._desk.stores.generation:
            self._generation = self._desk.stores.generation
            last = self._desk.changes(None).sequence
            if last < self.sequence:
                self.sequence = last
                return [Word("reset", "the store is another one")]
        return found

    def _requests(self) -> list[Word]:
        """Return what was asked, and what has been answered."""
        told = self._desk.told()
        if self._seen is None:
            self._seen = len(told)
        for command in told[self._seen :]:
            self._open[id_of(command)] = command
        fresh = [id_of(each) for each in told[self._seen :]]
        self._seen = len(told)
        found = [Word("request", each) for each in self._desk.answered(list(self._open.values()))]
        kept: list[Word] = []
        for word in found:
            view = word.said
            if isinstance(view, RequestView) and (view.status != "requested" or view.id in fresh):
                kept.append(word)
                if view.status != "requested":
                    self._open.pop(view.id, None)
        for name in list(self._open)[:-MOST_OPEN]:
            del self._open[name]
        return kept

    def _estate(self) -> list[Word]:
        now = time.monotonic()
        if now < self._live_due:
            return []
        self._live_due = now + LIVE_EVERY_S
        live = self._desk.live()
        if live == self._live:
            return []
        self._live = live
        return [Word("live", live)]
