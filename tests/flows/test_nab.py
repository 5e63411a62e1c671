"""The score of the Numenta Anomaly Benchmark against cases reckoned by hand, and its own scorer."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from connectors.csv_series import SeriesColumns, read_series
from flows.label_forms import read_label_file
from flows.nab import PROFILES, NabScore, ScoredFile, nab_score
from flows.nab_files import nab_scores
from schema import F64, I64

SHARED = Path(os.environ.get("FORESHOCK_DATA") or Path(__file__).parents[3] / "shared")


def sigmoid(y: float) -> float:
    return 2 / (1 + math.exp(5 * y)) - 1


def scored(*detected: int, rows: int = 100, window: tuple[int, int] = (50, 59)) -> ScoredFile:
    """Return a file of whose rows some have score 1, the others 0."""
    score = np.zeros(rows)
    score[list(detected)] = 1.0
    return ScoredFile(score, (window,))


def score_of(*files: ScoredFile, profile: str = "standard") -> NabScore:
    found = nab_score(files, profile)
    assert found is not None
    return found


def test_the_first_row_of_a_window_is_worth_all() -> None:
    found = score_of(scored(50))
    assert found.score == pytest.approx(100.0)
    assert (found.windows, found.windows_found, found.false_rows) == (1, 1, 0)
    assert found.threshold == 1.0


@pytest.mark.parametrize("row", [51, 55, 59])
def test_a_later_row_of_a_window_is_worth_less(row: int) -> None:
    worth = sigmoid(-(59 - row + 1) / 10) / sigmoid(-1)
    assert score_of(scored(row)).score == pytest.approx(100 * (worth + 1) / 2)


def test_of_a_windows_rows_the_best_counts_alone() -> None:
    assert score_of(scored(51, 52, 58)).score == score_of(scored(51)).score


def test_a_false_row_costs_by_its_distance_from_the_window_before() -> None:
    near, far, before = (score_of(scored(50, row)) for row in (60, 99, 40))
    assert near.score == pytest.approx(100 * (1 + 0.11 * sigmoid(1 / 9) + 1) / 2)
    assert far.score == pytest.approx(100 * (1 - 0.11 + 1) / 2)  # more than three windows after
    assert before.score == pytest.approx(100 * (1 - 0.11 + 1) / 2)  # no window comes before
    assert near.false_rows == far.false_rows == 1


def test_profiles_weigh_what_is_false_and_missed() -> None:
    false = score_of(scored(50, 99), profile="reward_low_FP_rate")
    assert false.score == pytest.approx(100 * (1 - 0.22 + 1) / 2)
    two = (scored(50), scored())
    assert score_of(*two).score == pytest.approx(100 * (1 - 1 + 2) / 4)
    missed = score_of(*two, profile="reward_low_FN_rate")
    assert missed.score == pytest.approx(100 * (1 - 2 + 4) / (2 + 4))


def test_rows_of_the_probation_count_neither_way() -> None:
    assert score_of(scored(3, 14, 50)).score == pytest.approx(100.0)
    assert score_of(scored(3, 15, 50)).score < 100
    assert score_of(scored(750, 5000, rows=9_000, window=(5000, 5009))).false_rows == 1


def test_a_window_within_the_probation_can_be_neither_found_nor_missed() -> None:
    found = score_of(scored(5, window=(4, 9)), scored(50))
    assert (found.windows, found.windows_found) == (2, 1)
    assert found.score == pytest.approx(100 * (1 + 1) / (2 + 1))


def test_where_nothing_helps_it_is_best_to_say_nothing() -> None:
    found = score_of(scored(*range(15, 50), *range(60, 100)))
    assert found == NabScore("standard", 0.0, None, 1, 0, 0)


def test_one_threshold_serves_all_files_and_ties_are_taken_whole() -> None:
    quiet = ScoredFile(np.where(np.arange(100) < 60, 0.5, 0.0), ((50, 59),))
    found = score_of(scored(50), quiet)
    assert found.threshold == 1.0  # a lower one would add 35 false rows for one window
    assert found.windows_found == 1


def test_a_row_without_a_score_is_never_detected() -> None:
    score = np.full(100, math.nan)
    assert score_of(ScoredFile(score, ((50, 59),))).threshold is None
    score[50] = 0.0
    assert score_of(ScoredFile(score, ((50, 59),))).score == pytest.approx(100.0)


def test_files_without_a_window_have_no_score() -> None:
    assert nab_score([ScoredFile(np.ones(10), ())]) is None


def odd(path: Path, ts_ms: I64) -> F64:
    """Return scores that mean something, with ties, and without some at first."""
    rows = read_series(path, SeriesColumns()).value
    score: F64 = np.abs(rows - np.median(rows)) / (np.std(rows) + 1e-9)
    score[:40] = np.nan
    return score.round(2)


def test_the_score_equals_that_of_the_benchmarks_scorer_on_its_data(tmp_path: Path) -> None:
    corpus, tool = SHARED / "data" / "nab", SHARED / "tools" / "nab_score.py"
    if not corpus.is_dir() or not tool.is_file():
        pytest.skip(f"{corpus} or {tool} is not there (FORESHOCK_DATA)")
    windows = read_label_file(str(corpus / "labels" / "combined_windows.json")).windows
    assert windows is not None
    files = sorted((corpus / "data").rglob("*.csv"))
    for path in files:
        out = tmp_path / path.relative_to(corpus / "data")
        out.parent.mkdir(exist_ok=True)
        score = odd(path, np.empty(0, np.int64))
        out.write_text("anomaly_score\n" + "\n".join(map(repr, score.tolist())) + "\n")
    ran = subprocess.run(
        [sys.executable, "-B", tool, tmp_path, "--corpus", corpus, "--profile", "all"],
        capture_output=True,
        text=True,
        check=True,
    )
    mine = nab_scores(windows, files, odd)
    assert [each.profile for each in mine] == list(PROFILES)
    for each, line in zip(mine, ran.stdout.splitlines(), strict=True):
        assert f" {each.profile} " in line
        assert f"score={each.score:.4f} " in line
        assert f"windows={each.windows_found}/{each.windows} fp_rows={each.false_rows}" in line
        assert 0 < each.score < 100
