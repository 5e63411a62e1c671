"""The same flow over files at full speed, and what it came to."""

from collections.abc import Sequence

from config.app import App
from flows.labels import Fault
from flows.replay import replay, summary_of
from flows.summary import Summary


def run(app: App, *, workers: int = 1, faults: Sequence[Fault] | None = None) -> Summary:
    """Replay the settings' sources; with `faults`, say how well the incidents agree with them."""
    return summary_of(replay(app, workers=workers), faults)
