"""The rows of a benchmark's data files, with the scores that a run gave them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from connectors.csv_series import SeriesColumns, read_series
from flows.nab import PROFILES, NabScore, ScoredFile, nab_score
from schema import F64, I64

Windows = Mapping[str, Sequence[tuple[int, int]]]  # by file: first and last row's time in ms
ScoreOf = Callable[[Path, I64], F64]  # of a file's rows, by their times in ms


def nab_scores(windows: Windows, files: Iterable[Path], score_of: ScoreOf) -> tuple[NabScore, ...]:
    """Return the score by each profile over those of `files` that the labels name.

    Raises: ValueError if they name none, or a window begins or ends at no row of its file.
    """
    named = {name: _named(name, files) for name in sorted(windows)}
    scored = [
        _scored(path, windows[name], score_of) for name, path in named.items() if path is not None
    ]
    if not scored:
        raise ValueError(f"none of the files that were read is named, got {next(iter(windows))!r}")
    found = (nab_score(scored, profile) for profile in PROFILES)
    return tuple(score for score in found if score is not None)


def _named(name: str, files: Iterable[Path]) -> Path | None:
    """Return the file whose path ends in the name; else the only one with the name's last part."""
    wanted = Path(name)
    ending = [path for path in files if path.parts[-len(wanted.parts) :] == wanted.parts]
    same = [path for path in files if path.name == wanted.name]
    return next(iter(ending), same[0] if len(same) == 1 else None)


def _scored(path: Path, windows: Sequence[tuple[int, int]], score_of: ScoreOf) -> ScoredFile:
    ts_ms = read_series(path, SeriesColumns()).ts_ms
    rows = tuple((_row(path, ts_ms, first), _row(path, ts_ms, last)) for first, last in windows)
    return ScoredFile(score_of(path, ts_ms), rows)


def _row(path: Path, ts_ms: I64, at_ms: int) -> int:
    """Return the first row of a time."""
    found = np.flatnonzero(ts_ms == at_ms)
    if not found.size:
        raise ValueError(f"{path}: a window must begin and end at a row, got {at_ms} ms")
    return int(found[0])
