"""Who would be told of a replay's incidents, decided by their own time; nothing is sent."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from config.notify import BY_SEVERITY, NotifySettings
from connectors.channels.console import ConsoleSettings
from connectors.incident_store import IncidentStore
from connectors.outbox import Outbox
from flows.decider import Decider
from operators.quantity import clock
from schema import Notice

_log = logging.getLogger(__name__)

LOOK_S = 0.2
CHANNELS = tuple(name for _, name in BY_SEVERITY)
_INDENT = " " * 9


@contextmanager
def telling(url: str, say: Callable[[Notice], None]) -> Iterator[None]:
    """Decide on the incidents that come into a store while the block runs, in a thread.

    `say` hears of each message, which then stands in the outbox as sent. What goes wrong is logged.
    """
    over = threading.Event()
    thread = threading.Thread(target=_follow, args=(url, say, over), name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def told_line(notice: Notice) -> str:
    """Return a message as a line of the feed."""
    at = clock(notice.decided_ms, notice.decided_ms)
    about = f"  [{notice.incident}]" if notice.incident else ""
    return f"{_INDENT}{at} told {notice.channel}: {notice.kind}, {notice.reason}{about}"


def _follow(url: str, say: Callable[[Notice], None], over: threading.Event) -> None:
    settings = NotifySettings(channels={name: ConsoleSettings() for name in CHANNELS})
    try:
        with closing(IncidentStore(url)) as store, closing(Outbox(url)) as outbox:
            decider, last = Decider(store, outbox, settings.policy()), False
            while not last:
                last = over.wait(LOOK_S)
                for notice in decider.follow():
                    if not notice.held:
                        say(notice)
                        outbox.sent(notice, notice.decided_ms, "")
    except Exception:  # noqa: BLE001  # the demo is about detection, and goes on
        _log.exception("who would be told is not known")
