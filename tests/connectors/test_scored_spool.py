"""How samples were judged is read back by series and time, whoever wrote it and how often."""

from pathlib import Path

import numpy as np

from connectors.scored_spool import ScoredSpool
from connectors.scored_windows import Spool, Window
from schema import Resource, Scored, ScoredSeries, Series

LIMITED = ScoredSeries(
    7, 70, Series(Resource("aws", "aws.ec2", "1", "eu", "a"), "cpu", "percent"), "percent", 0.0, 9.0
)
FREE = ScoredSeries(
    2**64 - 1, 2**64 - 2, Series(Resource("gcp", "x", "1", "eu", "b"), "m", "", (("k", "v"),)), "s"
)


def scored(first: int, count: int, series: tuple[ScoredSeries, ...] = (LIMITED, FREE)) -> Scored:
    """Return `count` ticks of both series; a sample's value is its tick."""
    tick = np.repeat(np.arange(first, first + count, dtype=np.int64), 2)
    return Scored(
        0,
        series,
        np.tile(np.array([LIMITED.uid, FREE.uid], np.uint64), count),
        tick,
        tick.astype(np.float64),
        tick.astype(np.float32),
        np.full(len(tick), 1.5, np.float32),
        np.full(count, FREE.resource_id, np.uint64),
        tick[::2],
        tick[::2].astype(np.float32),
        np.full((count, 3), np.nan, np.float32),
    )


def window(series: ScoredSeries, from_ms: int, to_ms: int) -> Window:
    at = series.series
    return Window(at.resource.key, from_ms, to_ms, at.metric, at.labels)


def written(folder: Path, *workers: list[Scored]) -> Spool:
    for i, items in enumerate(workers):
        part = ScoredSpool(folder).build("spool", i, len(workers))
        for item in items:
            part.write_batch([item])
            part.flush()
        part.close()
    return Spool(folder)


def test_a_window_is_read_back_from_the_files_of_every_worker(tmp_path: Path) -> None:
    spool = written(tmp_path, [scored(0, 5), scored(10, 5, ())], [scored(5, 5, ())])
    assert spool.series == (LIMITED, FREE)
    wanted = [window(LIMITED, 3, 12), window(FREE, 8, 9), window(FREE, 90, 99)]
    found = spool.curves(wanted)
    assert [found[each].ts_ms.tolist() for each in wanted] == [list(range(3, 12)), [8], []]
    assert found[wanted[1]].upper.tolist() == [9.5]
    assert spool.verdicts(wanted)[wanted[1]].score.tolist() == [8.0]
    assert sum(len(ids) for ids, _ in spool.rows()) == 15


def test_the_band_keeps_to_the_natural_limits(tmp_path: Path) -> None:
    wanted = window(LIMITED, 0, 99)
    curve = written(tmp_path, [scored(0, 12)]).curves([wanted])[wanted]
    assert (curve.lower.min(), curve.upper.max(), curve.expected.max()) == (0.0, 9.0, 9.0)
    assert curve.unit == "percent"


def test_what_a_resumed_run_judged_again_counts_once(tmp_path: Path) -> None:
    written(tmp_path, [scored(0, 5)])
    spool = written(tmp_path, [scored(3, 5)])
    wanted = window(FREE, 0, 99)
    assert spool.curves([wanted])[wanted].ts_ms.tolist() == list(range(8))
    assert len(spool.series) == 2


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    spool = written(tmp_path, [scored(0, 1)])
    stranger = Window("nobody", 0, 99, "cpu")
    assert spool.curves([stranger]) == {}
    assert spool.verdicts([stranger]) == {}
    empty = Spool(tmp_path / "none")
    assert (empty.series, empty.curves([window(FREE, 0, 9)]), list(empty.rows())) == ((), {}, [])


def test_a_file_is_written_as_soon_as_it_is_full(tmp_path: Path) -> None:
    part = ScoredSpool(tmp_path).build("spool", 0, 1)
    part.write_batch([scored(0, 100_000), scored(100_000, 50_000, ())])
    assert len(list((tmp_path / "samples").iterdir())) == 1
    part.close()
    part.close()
    assert len(list((tmp_path / "samples").iterdir())) == 1
