"""`foreshock backtest --report DIR`: a page and JSON beside what is printed."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from cli.errors import BadInput

if TYPE_CHECKING:
    from config.app import App
    from flows.backtest import Report
    from flows.labels import Labels
    from flows.outcome import Outcome
    from flows.summary import Summary


def report_in(folder: Path | None, app: "App", sources: Sequence[str]) -> "Report | None":
    """Return what a run needs to write its report into a folder; None if none is wanted."""
    if folder is None:
        return None
    from connectors.scored_windows import Spool
    from flows.backtest import Report
    from report.facts import gather
    from report.page import write_report

    def write(outcome: "Outcome", summary: "Summary", labels: "Labels | None", spool: Path) -> None:
        write_report(folder, gather(app, outcome, summary, Spool(spool), labels, sources))

    try:  # before the run, not after it
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as ex:
        raise BadInput(f"--report: {folder}: {ex.strerror}") from ex
    return Report(folder, write)
