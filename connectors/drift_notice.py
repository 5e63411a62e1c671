"""A line in the log for each drift: it is nobody's page, and should not go unseen either."""

import logging
from datetime import UTC, datetime

from bytewax.outputs import DynamicSink, StatelessSinkPartition

from schema import Drift

_log = logging.getLogger(__name__)


class DriftNotice(DynamicSink[Drift]):
    """Logs each drift; again after a crash."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_Notice":
        """Return a worker's sink."""
        return _Notice()


class _Notice(StatelessSinkPartition[Drift]):
    def write_batch(self, items: list[Drift]) -> None:
        for drift in items:
            since = datetime.fromtimestamp(drift.since_ms / 1000, UTC)
            _log.info(
                "%s has drifted: %d resources (%.0f %%) are at another level since %s",
                drift.service,
                drift.resources,
                100 * drift.share,
                f"{since:%Y-%m-%d %H:%M} UTC",
            )
