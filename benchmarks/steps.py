"""Where the time of a run goes: the product's methods wrapped from outside, with one clock."""

import gc
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import connectors.formats.blocks
import operators.cohort_pass
import operators.detect
import operators.keygroup
from operators.forests import Forests
from operators.ingest import Ingest
from operators.keygroup import KeyGroup
from operators.ticks import TickBuffer
from operators.triage import Triage

GARBAGE = "garbage collection"
FIT = "group: fit forests"
REST = "Bytewax and the rest"
MAKING = "making payloads"  # no part of the run


class Steps:
    """Seconds by step, each without what it calls of the others."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.fit_s, self.fits = 0.0, 0
        self._stack = [REST]
        self._since = time.perf_counter()

    def reset(self) -> None:
        """Begin anew; keep what the fits of the forests took."""
        self.stop()
        fit = (self.seconds[FIT], self.calls[FIT])
        self.seconds.clear()
        self.calls.clear()
        self.fit_s, self.fits = fit

    def stop(self) -> None:
        """Count what has passed since the last step began or ended."""
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._since
        self._since = now

    def measured(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call`, its time counted as `name`."""

        def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever the product takes
            self.stop()
            self._stack.append(name)
            self.calls[name] += 1
            try:
                return call(*args, **kwargs)
            finally:
                self.stop()
                self._stack.pop()

        return timed

    def watch_product(self) -> None:
        """Wrap the steps of the flow, in this process, for good."""
        for owner, attribute, name in (
            (connectors.formats.blocks.InBlocks, "__call__", "decode"),
            (Ingest, "feed", "ingest: lateness, packing"),
            (KeyGroup, "feed", "group: unpack, look up"),
            (KeyGroup, "close", "group: close ticks"),
            (TickBuffer, "take", "group: order"),
            (operators.keygroup, "ordered", "group: order"),
            (operators.cohort_pass, "score_ticks", "group: score (compiled)"),
            (operators.keygroup, "anomalies", "group: name findings"),
            (Forests, "renew", FIT),
            (operators.detect, "dump", "snapshots"),
            (Triage, "step", "triage"),
            (Triage, "snapshot", "snapshots"),
        ):
            setattr(owner, attribute, self.measured(name, getattr(owner, attribute)))
        gc.callbacks.append(self._on_garbage)

    def _on_garbage(self, phase: str, _info: dict[str, int]) -> None:
        self.stop()
        if phase == "start":
            self.calls[GARBAGE] += 1
            self._stack.append(GARBAGE)
        else:
            self._stack.pop()
