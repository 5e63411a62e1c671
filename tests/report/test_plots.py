"""Which metrics of an incident are drawn, around which time, by which points."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from report.plots import ALL_POINTS, FEW_PLOTS, MANY, MAX_PLOTS, Plot, draw, thinned
from report.told import lives_of
from schema import Incident
from tests.report.made_run import HIGH, METRICS, MINUTE_MS, START_MS, MadeRun, made_run

HOUR_S = 3600.0


def incidents(run: MadeRun) -> list[Incident]:
    return [life[-1].incident for life in lives_of(run.outcome.transitions)]


def plots(run: MadeRun, threshold: float = 4.1) -> list[tuple[Plot, ...]]:
    until_ms = START_MS + 1440 * MINUTE_MS
    drawn = draw(incidents(run), run.spool, threshold, until_ms)
    return [each.plots for each in drawn.values()]


def test_the_evidence_is_drawn_with_what_was_normal_before(tmp_path: Path) -> None:
    run = made_run(tmp_path, 1)
    (found,) = plots(run)
    (incident,) = incidents(run)
    assert [plot.metric for plot in found] == list(METRICS)
    plot = found[0]
    onset_s = (incident.onset_ms - plot.from_ms) / 1000
    assert onset_s >= 3 * HOUR_S
    assert plot.ts_s[0] <= HOUR_S / 60
    assert plot.ts_s[-1] >= (incident.resolved_ms or 0) / 1000 - plot.from_ms / 1000 + 3500
    odd_s = [plot.ts_s[i] for i in plot.odd]
    assert min(odd_s) == onset_s
    assert plot.alerts == ((onset_s + 180.0, onset_s + 3600.0),)
    assert all(plot.value[i] > (plot.upper[i] or 0.0) for i in plot.odd)
    assert (
        len({len(c) for c in (plot.ts_s, plot.value, plot.expected, plot.lower, plot.upper)}) == 1
    )


def test_a_point_out_of_its_band_is_odd_only_while_the_score_is_high(tmp_path: Path) -> None:
    (found,) = plots(made_run(tmp_path, 1), threshold=HIGH + 1)
    assert [plot.odd for plot in found] == [(), ()]


def test_the_detectors_are_those_of_the_highest_score(tmp_path: Path) -> None:
    run = made_run(tmp_path, 1)
    (drawn,) = draw(incidents(run), run.spool, 4.1, START_MS).values()
    assert drawn.detectors == (("temporal", HIGH), ("discord", HIGH / 2))


def test_who_fell_silent_is_drawn_by_any_metric(tmp_path: Path) -> None:
    run = made_run(tmp_path, 1)
    (incident,) = incidents(run)
    silent = replace(incident.members[0], kind="silent", evidence=())
    (drawn,) = draw([replace(incident, members=(silent,))], run.spool, 4.1, START_MS).values()
    assert [plot.metric for plot in drawn.plots] == [min(METRICS)]


def test_what_was_never_judged_is_not_drawn(tmp_path: Path) -> None:
    (incident,) = incidents(made_run(tmp_path / "one", 1))
    nobody = made_run(tmp_path / "none", 0).spool
    (drawn,) = draw([replace(incident, members=())], nobody, 4.1, START_MS).values()
    assert (drawn.plots, drawn.detectors) == ((), ())


@pytest.mark.parametrize(("count", "most"), [(3, MAX_PLOTS), (MANY + 1, FEW_PLOTS)])
def test_all_plots_together_are_bounded(tmp_path: Path, count: int, most: int) -> None:
    found = plots(made_run(tmp_path, count, days=4.0))
    assert max(len(mine) for mine in found) <= most
    assert sum(len(plot.value) for mine in found for plot in mine) <= ALL_POINTS


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300),
    st.integers(2, 60),
    st.integers(1, 10_000),
)
def test_thinning_keeps_highs_lows_and_order(
    values: list[float], points: int, step_ms: int
) -> None:
    value = np.array(values)
    ts_ms = np.arange(len(value), dtype=np.int64) * step_ms
    kept = thinned(ts_ms, value, points)
    assert len(kept) <= max(points, 2)
    assert (np.diff(kept) > 0).all()
    assert (value[kept].min(), value[kept].max()) == (value.min(), value.max())
