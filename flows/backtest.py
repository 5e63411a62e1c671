"""The same flow over files at full speed, and what it came to."""

from config.app import App
from flows.labels import Labels
from flows.replay import replay, summary_of
from flows.summary import Summary


def run(app: App, *, workers: int = 1, labels: Labels | None = None) -> Summary:
    """Replay the settings' sources; with `labels`, say how well the incidents agree with them."""
    return summary_of(replay(app, workers=workers), labels)
