"""The open stores behind the read side: opened when asked for, dropped when they are away.

A store that is gone, moved, made anew or not there yet is `StoreAway`; the next question looks
again, so whoever asks recovers by asking.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, InterfaceError

from connectors.callback_store import CallbackStore
from connectors.feedback_store import FeedbackStore
from connectors.incident_database import check_url, shown_url
from connectors.incident_store import IncidentStore
from connectors.incident_view import IncidentViews
from connectors.live_store import LiveStore
from connectors.outbox_view import OutboxView
from connectors.plots_store import PlotsStore
from connectors.repeats_store import RepeatsStore
from connectors.requests_store import RequestsStore
from connectors.review_store import ReviewStore
from connectors.token_store import TokenStore
from flows.answers import Answers

_Identity = tuple[int, int] | None


class StoreAway(Exception):
    """The incident store cannot be read now."""


class OpenStores:
    """All that is kept in one incident store.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self.views = IncidentViews(url)
        self.incidents = IncidentStore(url)
        self.requests = RequestsStore(url)
        self.answers = Answers(url)
        self.feedback = FeedbackStore(url)
        self.callbacks = CallbackStore(url)
        self.sent = OutboxView(url)
        self.plots = PlotsStore(url)
        self.estate = LiveStore(url)
        self.tokens = TokenStore(url)
        self.repeats = RepeatsStore(url)
        self.review = ReviewStore(url)

    def close(self) -> None:
        """Close every connection that is not at work."""
        for each in vars(self).values():
            each.close()


class DeskStores:
    """Opens them once, and again when the store has been away or is another one."""

    def __init__(self, url: str) -> None:
        parsed = check_url(url)
        self.url = url
        self.place = shown_url(url)
        is_file = parsed.get_backend_name() == "sqlite"
        self._path = Path(str(parsed.database)) if is_file else None
        self._lock = threading.Lock()
        self._stores: OpenStores | None = None
        self._identity: _Identity = None
        self.generation = 0  # grows with each opening: what was remembered of it is void

    @contextmanager
    def open(self) -> Iterator[OpenStores]:
        """Yield the stores.

        Raises: StoreAway.
        """
        stores = self._current()
        try:
            yield stores
        except (DatabaseError, InterfaceError) as ex:
            if isinstance(ex, DataError | IntegrityError):
                raise
            self._drop(stores)
            words = " ".join(str(ex.orig).split())
            raise StoreAway(f"{self.place}: {words}") from ex

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            if self._stores is not None:
                self._stores.close()
            self._stores = None

    def _current(self) -> OpenStores:
        with self._lock:
            identity = self._look()
            if self._stores is not None and identity == self._identity:
                return self._stores
            if self._stores is not None:
                self._stores.close()
                self._stores = None
            try:
                self._stores = OpenStores(self.url)
            except ValueError as ex:
                raise StoreAway(str(ex)) from ex
            self._identity = self._look()
            self.generation += 1
            return self._stores

    def _look(self) -> _Identity:
        """Return which file it is; one that is gone may still be open, and is of no use."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return found.st_dev, found.st_ino

    def _drop(self, stores: OpenStores) -> None:
        with self._lock:
            if self._stores is stores:
                self._stores = None
        stores.close()
