"""Scores of CSV series: each file for itself, in as many processes as one likes.

No Bytewax: a file is one series and has no neighbours, so there is nothing to exchange. The
operators are those of the flow.
"""

import math
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np

from connectors.csv_series import SeriesColumns, UnusableCsvError, read_series, write_beside
from flows.warm_up import said_if_long
from operators.detect_settings import DetectSettings
from operators.series import SeriesVerdicts, judge_series
from schema import F64, Catalogue

SUFFIX = ".csv"


@dataclass(frozen=True)
class Judge:
    """What every file is judged with."""

    detect: DetectSettings
    catalogue: Catalogue
    tick_s: int
    columns: SeriesColumns


class Job(msgspec.Struct, frozen=True):
    """A file to score, and where its scores go."""

    path: Path
    out: Path


class Outcome(msgspec.Struct, frozen=True):
    """What became of a file."""

    path: Path
    reason: str = ""  # why it was skipped
    rows: int = 0
    scored: int = 0
    alerts: int = 0
    taken: tuple[tuple[str, str], ...] = ()  # (column asked for, column taken in its place)


def jobs_of(paths: Sequence[Path], out: Path) -> tuple[list[Job], list[Outcome]]:
    """Return a job for each CSV file of `paths`, and what is skipped as of another kind.

    Files in folders are found however deep they lie, and keep their relative path.
    Raises: FileNotFoundError; ValueError where `out` lies in a folder of the input, where a file
    would be written over its own input, or two would be written to one place.
    """
    jobs: dict[Path, Job] = {}  # by input file
    origin: dict[Path, Path] = {}  # by output file
    skipped: dict[Path, Outcome] = {}
    for path, relative in _listed(paths, out):
        place = path.resolve()
        if place in jobs or place in skipped:
            continue
        if path.suffix.lower() != SUFFIX or not path.is_file():
            skipped[place] = Outcome(path, f"not a {SUFFIX} file")
            continue
        target = (out / relative).resolve()
        if target in origin:
            raise ValueError(f"{origin[target]} and {path} would both be written to {target}")
        origin[target] = path
        jobs[place] = Job(path, out / relative)
    for target, path in origin.items():
        if target in jobs or target in skipped:
            raise ValueError(f"{path} would be written to {target}, which is input")
    return list(jobs.values()), list(skipped.values())


def _listed(paths: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (file, its relative path), sorted within each of `paths`."""
    for path in paths:
        if path.is_dir():
            if out.resolve().is_relative_to(path.resolve()):
                raise ValueError(f"out must not lie in the input {str(path)!r}, got {str(out)!r}")
            files = sorted(file for file in path.rglob("*") if not file.is_dir())
            yield from ((file, file.relative_to(path)) for file in files)
        elif path.exists():
            yield path, Path(path.name)
        else:
            raise FileNotFoundError(2, "no such file or folder", str(path))


def run(
    jobs: Sequence[Job],
    judge: Judge,
    processes: int,
    on_done: Callable[[Outcome], object] = lambda _: None,
) -> list[Outcome]:
    """Score the files; return what became of each, in order. `on_done` is told of each too.

    The number of processes changes nothing in what is written.
    Raises: OSError where a result cannot be written.
    """
    with said_if_long():
        judge_series(
            np.zeros(1, np.int64), np.zeros(1), judge.detect, judge.catalogue, judge.tick_s
        )
    out = []
    for outcome in _outcomes(jobs, judge, min(processes, len(jobs))):
        out.append(outcome)
        on_done(outcome)
    return out


def _outcomes(jobs: Sequence[Job], judge: Judge, processes: int) -> Iterator[Outcome]:
    if processes <= 1:
        yield from (score_file(job, judge) for job in jobs)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (judge,))
    try:
        yield from pool.map(_score_here, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


_here: list[Judge] = []  # of this process of the pool


def _begin(judge: Judge) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends it at once; the parent says so
    _here.append(judge)


def _score_here(job: Job) -> Outcome:
    return score_file(job, _here[-1])


def score_file(job: Job, judge: Judge) -> Outcome:
    """Judge one file and write its verdicts; say why not, if it is no series."""
    try:
        series = read_series(job.path, judge.columns)
    except UnusableCsvError as ex:
        return Outcome(job.path, str(ex))
    except OSError as ex:
        return Outcome(job.path, ex.strerror or str(ex))
    verdicts = judge_series(series.ts_ms, series.value, judge.detect, judge.catalogue, judge.tick_s)
    columns = [_text(name, getattr(verdicts, name)) for name in SeriesVerdicts._fields]
    write_beside(job.out, series, SeriesVerdicts._fields, columns)
    return Outcome(
        job.path,
        rows=len(series.value),
        scored=int(np.isfinite(verdicts.anomaly_score).sum()),
        alerts=int(verdicts.is_anomaly.sum()),
        taken=series.taken,
    )


def _text(name: str, column: F64) -> list[str]:
    if name == "is_anomaly":
        return ["1" if each else "0" for each in column.tolist()]
    return ["" if math.isnan(each) else f"{each:.9g}" for each in column.tolist()]
