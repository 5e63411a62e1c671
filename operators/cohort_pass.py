"""A cohort's life: made with its forests, scored in passes, the forests renewed between them."""

from collections.abc import Iterator

import numpy as np

from models import calibration
from models.fusion import DETECTORS
from operators.cohort import CohortTable, empty_arrays
from operators.detect_settings import DetectSettings
from operators.figures import FIGURES
from operators.forests import Forests
from operators.layout import Found, Knobs
from operators.rules import RuleTable
from operators.score import score_ticks
from operators.shelf import EMPTY_SHELF, Shelf
from schema import F64, I32, I64


def new_cohort(
    service: str,
    detect: DetectSettings,
    rules: RuleTable,
    tick_ms: int,
    shelf: Shelf = EMPTY_SHELF,
) -> tuple[CohortTable, Forests]:
    """Return an empty cohort and its forests: those of the shelf, else fitted as it goes."""
    tails = np.zeros((len(DETECTORS), calibration.WIDTH))
    tails[:, calibration.QUANTILE] = detect.calibration.start_quantile
    tails[:, calibration.EXCESS] = detect.calibration.start_excess
    shelf = shelf if detect.uses_forests else EMPTY_SHELF
    forests = Forests(service, detect.isolation_forest, detect.half_space_trees, shelf, tick_ms)
    rows = detect.isolation_forest.reservoir_rows if detect.uses_forests else 1
    past = detect.discord.past if "discord" in detect.detectors else 0
    arrays = empty_arrays(tails, rows, past, FIGURES)
    return CohortTable(service, rules, arrays), forests


def score_in_passes(
    table: CohortTable,
    forests: Forests,
    tick: I64,
    rows: I32,
    value: F64,
    knobs: Knobs,
    tick_s: float,
    found: Found,
) -> Iterator[None]:
    """Score samples, ordered as `operators.score` says; yield after each pass.

    `found` then holds what the pass found, and must be emptied before the next.
    """
    at = 0
    while True:
        until = _before_next_model(forests, tick)
        if until == at < len(tick):
            forests.take_up(table, int(tick[at]))
            continue
        part = slice(until)
        at = score_ticks(
            at,
            tick[part],
            rows[part],
            value[part],
            table.arrays,
            forests.pair(),
            knobs,
            forests.seed,
            found,
        )
        yield
        if at == len(tick):
            return
        if at < until and forests.is_due(table, int(tick[at]), knobs):
            forests.renew(table, int(tick[at]), tick_s)


def _before_next_model(forests: Forests, tick: I64) -> int:
    """Return how many of the samples come before the next model of the registry is taken up."""
    next_tick = forests.next_model_tick
    return len(tick) if next_tick is None else int(np.searchsorted(tick, next_tick))
