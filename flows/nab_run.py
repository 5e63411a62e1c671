"""The benchmark's score of a run over its files, from how every sample was judged."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from config.app import App
from connectors.file_listing import list_files
from connectors.files import FileSource
from connectors.scored_windows import Spool, Window
from flows.labels import Labels
from flows.nab import NabScore
from flows.nab_files import nab_scores
from models.hold_down import hold_down
from schema import F64, I64


def nab_of_run(app: App, spool: Path, labels: Labels) -> tuple[NabScore, ...]:
    """Return the score by each profile, of the files that the labels name windows of.

    Scores are held down as `foreshock score` does it; see `models.hold_down`.
    Raises: ValueError if the run read none of the files.
    """
    found = Spool(spool)
    keys = {each.series.resource.name: each.series.resource.key for each in found.series}
    tick_ms = app.ingest.tick_s * 1000

    def score_of(path: Path, ts_ms: I64) -> F64:
        window = Window(keys.get(path.stem, ""), int(ts_ms.min()), int(ts_ms.max()) + 1)
        window = window._replace(from_ms=window.from_ms // tick_ms * tick_ms)
        held = found.verdicts([window]).get(window)
        if held is None or not len(held.ts_ms):
            return np.full(len(ts_ms), np.nan)
        score = _held(app, held.ts_ms // tick_ms, held.score.astype(np.float64))
        tick = ts_ms // tick_ms * tick_ms
        at = np.minimum(np.searchsorted(held.ts_ms, tick), len(held.ts_ms) - 1)
        return np.where(held.ts_ms[at] == tick, score[at], np.nan)

    return nab_scores(labels.windows or {}, list(_files(app)), score_of)


def _held(app: App, tick: I64, score: F64) -> F64:
    hold, fusion = app.detect.hold_down, app.detect.fusion
    hold_ticks = hold.hold_h * 3_600.0 / app.ingest.tick_s
    bar = hold.from_ratio * fusion.threshold
    held: F64 = hold_down(tick, score, hold_ticks, bar, hold.depth, hold.reach)
    return held


def _files(app: App) -> Iterator[Path]:
    for source in app.sources:
        if isinstance(source, FileSource):
            yield from (file.path for file in list_files(source.paths, source.format).values())
