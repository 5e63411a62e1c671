"""A key group says how it judged every sample, if it is asked to, and in any pieces the same."""

from dataclasses import replace

import numpy as np
import pytest

from models.baseline import WARM_UP
from models.fusion import DETECTORS
from operators.keygroup import KeyGroup
from operators.tap import Tap
from schema import F64, Scored
from tests.operators.group_input import MINUTE_MS, Sample, buffer, settings

MINUTES = 400
TAPPED = replace(settings(), tapped=True)


def wobble(seed: int) -> F64:
    return np.random.default_rng(seed).normal(40.0, 2.0, MINUTES)


def samples(names: str = "ab") -> list[Sample]:
    columns = {name: wobble(i) for i, name in enumerate(names)}
    return [
        (name, minute, float(column[minute]))
        for minute in range(MINUTES)
        for name, column in columns.items()
    ]


def judged(size: int, tapped: bool = True) -> list[Scored]:
    """Feed `size` minutes at a time; return what was said of the samples."""
    group = KeyGroup(replace(TAPPED, tapped=tapped), 0)
    out: list[Scored] = []
    rows = samples()
    for at in range(0, len(rows), 2 * size):
        part = rows[at : at + 2 * size]
        group.feed(buffer(part, until=part[-1][1] + 1))
        group.close()
        out += group.tap.said()
    return out


def column(scored: list[Scored], name: str) -> F64:
    return np.concatenate([getattr(each, name) for each in scored])


@pytest.mark.parametrize("size", [1, 7, MINUTES])
def test_every_sample_is_said_once_in_any_pieces(size: int) -> None:
    scored, whole = judged(size), judged(50)
    assert len(column(scored, "uid")) == 2 * MINUTES
    for name in ("uid", "ts_ms", "value", "expected", "band", "resource_id", "score", "surprises"):
        assert np.array_equal(column(scored, name), column(whole, name), equal_nan=name != "uid")
    assert sorted(s.series.resource.name for each in scored for s in each.series) == ["a", "b"]


def test_expected_bands_and_scores_are_those_of_the_evidence() -> None:
    group = KeyGroup(TAPPED, 0)
    value = wobble(3)
    value[-30:] += 40.0
    group.feed(buffer([("a", i, float(v)) for i, v in enumerate(value)], until=MINUTES))
    word = group.close()
    said = group.tap.said()
    expected, score = column(said, "expected"), column(said, "score")
    surprises = column(said, "surprises")
    assert column(said, "value").tolist() == value.tolist()
    assert np.isnan(expected[: WARM_UP - 1]).all()
    assert np.isfinite(expected[WARM_UP:]).all()
    assert surprises.shape == (len(score), len(DETECTORS))
    assert word is not None
    opened = next(a for a in word.anomalies if (a.kind, a.edge) == ("metrics", "open"))
    at = column(said, "ts_ms").tolist().index(opened.tick_ms)
    row = column(said, "row_ts_ms").tolist().index(opened.tick_ms)
    (evidence,) = opened.evidence
    assert expected[at] == np.float32(evidence.expected)
    assert expected[at] - column(said, "band")[at] == pytest.approx(evidence.lower, rel=1e-6)
    assert score[row] == pytest.approx(opened.score, abs=1e-4)
    heard = {n: s for n, s in zip(DETECTORS, surprises[row], strict=True) if np.isfinite(s)}
    assert heard == pytest.approx(dict(opened.detectors), abs=1e-4)


def test_a_group_that_is_not_asked_says_nothing() -> None:
    assert judged(50, tapped=False) == []


def test_what_was_said_is_not_said_again() -> None:
    group = KeyGroup(TAPPED, 0)
    group.feed(buffer([("a", 0, 1.0)], until=1))
    group.close()
    assert [len(each.uid) for each in group.tap.said()] == [1]
    assert group.tap.said() == []
    assert Tap(0, MINUTE_MS).said() == []
