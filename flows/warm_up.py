"""Compiles what detection needs before a flow starts: once a machine and release, for a minute.

Inside a flow a compiler would keep a stop waiting, and each process of a cluster would run its own.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from config.app import App
from operators.ingest import FOREVER_MS
from operators.keygroup import GroupSettings, KeyGroup
from operators.packing import Named, Packed, pack
from schema import Catalogue, Resource, Series, stable_id

_log = logging.getLogger(__name__)

_WORTH_A_WORD_S = 3.0


def compile_kernels(app: App, catalogue: Catalogue) -> None:
    """Send one sample through a key group of its own; the result of compiling is kept on disk."""
    with said_if_long():
        _send_one_sample(app, catalogue)


@contextmanager
def said_if_long() -> Iterator[None]:
    """Log what takes so long, if the kernels have to be compiled."""
    notice = threading.Timer(_WORTH_A_WORD_S, _log.info, ("compiling detection, once: a minute",))
    notice.daemon = True
    notice.start()
    try:
        yield
    finally:
        notice.cancel()


def _send_one_sample(app: App, catalogue: Catalogue) -> None:
    settings = GroupSettings(1, 1, app.ingest.tick_s, app.detect, catalogue)
    series = Series(Resource("", "warm.up", "", "", "none"), "none")
    named = Named(stable_id("series"), stable_id("resource"), 0, series)
    sample = Packed(
        group=0,
        partition=0,
        watermark_ms=FOREVER_MS,
        max_event_ms=0,
        end=True,
        uid=np.array([named.uid], np.uint64),
        ts_ms=np.zeros(1, np.int64),
        value=np.zeros(1),
        names=(named,),
    )
    group = KeyGroup(settings, 0)
    group.feed(pack(sample))
    group.close()
