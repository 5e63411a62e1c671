"""Training as long as a live flow runs: when it asks for it, and by a schedule."""

import logging
import time

from config.app import App
from connectors.control_log import soonest_ms
from connectors.source import wall_clock
from flows.assemble import catalogue_of
from flows.control import control_log
from flows.launch import stop_on_signal
from flows.replay import Stopped
from flows.retraining import Answers
from flows.train import collected, ended, tell
from flows.warm_up import compile_kernels

_log = logging.getLogger(__name__)

POLL_S = 2.0


def watch(app: App, *, every_s: float | None = None, hours: float = 72.0, workers: int = 1) -> None:
    """Train until a signal comes: on drift, and every `every_s` of wall time.

    By the schedule it trains on the last `hours` of topics, and on all of other sources.

    Raises: ValueError without a registry or a control log.
    """
    log = control_log(app)
    if log is None:
        raise ValueError("control_log must be set, so that the flow can ask and be told, got None")
    catalogue = catalogue_of(app)

    def soonest() -> int:
        return soonest_ms(wall_clock(), app.ingest.tick_s)

    answers = Answers(app, catalogue, log, soonest)
    compile_kernels(app, catalogue)
    schedule = "" if every_s is None else f", and every {every_s:g} s"
    _log.info("training for %s on drift%s", app.models, schedule)
    due_s = time.monotonic() + (every_s or 0.0)
    with stop_on_signal() as (stop, _):
        while not stop.is_set():
            answers.step()
            if every_s is not None and time.monotonic() >= due_s:
                due_s = time.monotonic() + every_s
                try:
                    batches = collected(ended(app, hours), workers)
                except Stopped:
                    break
                tell(log, answers.trainer.train(batches, lambda _: soonest()))
            stop.wait(POLL_S)
    _log.info("stopped")
