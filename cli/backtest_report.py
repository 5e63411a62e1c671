"""`foreshock backtest --report DIR`: a page and JSON beside what is printed."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from cli.errors import BadInput

if TYPE_CHECKING:
    from flows.backtest import Report, Run
    from flows.compare import Comparison, ReportOfBoth
    from flows.labels import Labels


def report_in(folder: Path | None, sources: Sequence[str]) -> "Report | None":
    """Return what a run needs to write its report into a folder; None if none is wanted."""
    if folder is None:
        return None
    from flows.backtest import Report
    from report.facts import gather
    from report.page import write_report

    def write(run: "Run", labels: "Labels | None") -> None:
        write_report(folder, gather(run, labels, sources))

    _make(folder)
    return Report(folder, write)


def report_of_both_in(folder: Path | None, sources: Sequence[str]) -> "ReportOfBoth | None":
    """Return what two runs need to write one report into a folder; None if none is wanted."""
    if folder is None:
        return None
    from flows.compare import ReportOfBoth
    from report.facts import gather_both
    from report.page import write_report

    def write(
        before: "Run", after: "Run", comparison: "Comparison", labels: "Labels | None"
    ) -> None:
        write_report(folder, gather_both(before, after, comparison, labels, sources))

    _make(folder)
    return ReportOfBoth(folder, write)


def _make(folder: Path) -> None:
    """Say before the run, not after it, that a folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as ex:
        raise BadInput(f"--report: {folder}: {ex.strerror}") from ex
