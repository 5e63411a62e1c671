"""Answers to the requests for a new model that drift writes into the control log.

A request is answered once every key group has handed out its rows: by a promotion, or by one
without a version, which says why there is none.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.app import App
from connectors.control_log import ControlLog
from connectors.training_rows import RowsFolder
from flows.trainer import Settled, Trainer
from schema import Catalogue, Drift, Promotion

_log = logging.getLogger(__name__)

POLL_S = 0.05  # of a replay, which waits for the answer


class Answers:
    """Reads requests from a control log and answers them there.

    `soonest_ms` is the least effective time of a live flow; a replay has none, and waits: its
    models serve from the time by which they had to be there. So both come to the same, unless the
    live trainer was late.
    """

    def __init__(
        self,
        app: App,
        catalogue: Catalogue,
        log: ControlLog,
        soonest_ms: Callable[[], int] | None = None,
    ) -> None:
        self.trainer = Trainer(app, catalogue)
        self._groups = app.ingest.groups
        self._patience_s = app.control.wait_s
        self._log = log
        self._soonest_ms = soonest_ms
        self._rows = RowsFolder(Path(str(app.models)))
        self._seen_s: dict[str, float] = {}  # unanswered requests

    def step(self) -> list[Promotion]:
        """Answer what can be answered now."""
        records = self._log.read()
        answered = [r.request for r in records if isinstance(r, Promotion) and r.request]
        waiting = {r.id: r for r in records if isinstance(r, Drift) and r.id not in answered}
        given = [answer for each in waiting.values() if (answer := self._answer(each)) is not None]
        for answer in given:
            self._log.append(answer)
        if given:
            self._rows.keep([*answered, *(answer.request for answer in given)])
        return given

    def _answer(self, request: Drift) -> Promotion | None:
        came = self._rows.groups(request.id)
        if came < self._groups:
            if not self._is_over(request):
                return None
            reason = f"rows of {came} of {self._groups} key groups came in time"
            return Promotion(request.service, "", request.retrain_by_ms, request.id, reason)
        from_ms = request.retrain_by_ms
        if self._soonest_ms is not None:
            from_ms = max(from_ms, self._soonest_ms())
        try:
            settled = self.trainer.train(self._rows.read(request.id), lambda _: from_ms)
        except ValueError as ex:  # damaged rows
            settled = [Settled(request.service, "", False, 0, str(ex))]
        if not settled:
            settled = [Settled(request.service, "", False, 0, "no feature rows")]
        (one,) = settled
        serves = one.effective_ms >= request.retrain_by_ms  # or did, before a crash of ours
        return Promotion(
            request.service,
            one.version if serves else "",
            one.effective_ms if serves else from_ms,
            request.id,
            one.reason,
        )

    def _is_over(self, request: Drift) -> bool:
        """Whether a live flow will hand out no more rows; a replay says so itself."""
        if self._soonest_ms is None:
            return False
        now_s = time.monotonic()
        since_s = self._seen_s.setdefault(request.id, now_s)
        late_ms = self._soonest_ms() - request.retrain_by_ms
        return now_s - since_s > self._patience_s and late_ms > self._patience_s * 1000


@contextmanager
def answering(app: App, catalogue: Catalogue, log: ControlLog) -> Iterator[None]:
    """Answer, in a thread, what a replay of this process or its children asks for meanwhile.

    Raises: at the end, what the thread raised.
    """
    answers = Answers(app, catalogue, log)
    over = threading.Event()
    failed: list[Exception] = []

    def answer() -> None:
        while not over.wait(POLL_S):
            try:
                answers.step()
            except Exception as ex:  # noqa: BLE001  # raised again, where it can be seen
                _log.warning("no models are trained any more: %s", ex)
                failed.append(ex)
                return

    thread = threading.Thread(target=answer, daemon=True, name="foreshock-trainer")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]
