"""The review beside a running flow: it reads the store's log from its beginning, and goes on."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from bytewax.testing import cluster_main

from connectors.incident_store import IncidentStore
from connectors.review_source import ReviewSource, stored
from connectors.review_store import ReviewStore
from flows.review import Handing, build
from flows.review_service import runnable
from flows.review_storms import open_storms
from operators.review import Told
from operators.review_models import SHIPPED, chosen
from operators.review_settings import ReviewSettings
from schema import AnomalyRecord


def follow(
    url: str,
    settings: ReviewSettings,
    model: str | None,
    tell: Callable[[Told], None],
    stop: threading.Event,
) -> None:
    """Review until `stop` is set or a signal comes; `tell` has each record that is new or newer.

    It keeps no state of its own: a run that begins anew comes to the same records, which are there.
    """
    log = IncidentStore(url)
    kept = ReviewStore(url)
    if not kept.models():
        kept.put_models(SHIPPED)
    models, failures = runnable(chosen(kept.models(), model))
    for failure in failures:
        tell(failure)

    def take(told: Told) -> None:
        if isinstance(told, AnomalyRecord):
            if not kept.keep([told]):
                return
            if settings.storms:
                open_storms(url, [told], settings)
        tell(told)

    before = _stop_on_signals(stop)
    try:
        source = ReviewSource(stored(log), round(settings.lateness_s * 1000), stop=stop)
        cluster_main(build(source, Handing(take), settings, models), [], 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        kept.close()
        log.close()


def _stop_on_signals(stop: threading.Event) -> dict[int, "signal._HANDLER"]:
    """Let signals stop the source; return what they did before."""
    if threading.current_thread() is not threading.main_thread():
        return {}

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    return {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
