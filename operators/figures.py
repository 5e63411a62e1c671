"""Counts of how the judges of a service have done, which only grow."""

import numpy as np

from models.fusion import DETECTORS
from models.jit import jit
from schema import F64

SCORE_BOUNDS = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0])  # of the fused score, upper

# a cohort's figures; all float64, whole but for the sums
SCORED, ANOMALOUS, SCORES = range(3)  # rows; by score from here on
BUCKETS = SCORE_BOUNDS.size + 1
BY_DETECTOR = SCORES + BUCKETS  # rows and sum of surprises, a pair a detector
OWN_SCORES = BY_DETECTOR + 2 * len(DETECTORS)  # anomalous rows, then rows by surprise, a detector
FIGURES = OWN_SCORES + len(DETECTORS) * (1 + BUCKETS)


@jit
def note_figures(figures: F64, score: float, surprises: F64, high: float) -> None:
    """Count a row that was scored; it is anomalous from `high` on."""
    figures[SCORED] += 1.0
    if score >= high:
        figures[ANOMALOUS] += 1.0
    figures[SCORES + np.searchsorted(SCORE_BOUNDS, score)] += 1.0
    for i in range(surprises.size):
        if surprises[i] == surprises[i]:
            figures[BY_DETECTOR + 2 * i] += 1.0
            figures[BY_DETECTOR + 2 * i + 1] += surprises[i]
            own = OWN_SCORES + i * (1 + BUCKETS)
            if surprises[i] >= high:
                figures[own] += 1.0
            figures[own + 1 + np.searchsorted(SCORE_BOUNDS, surprises[i])] += 1.0
