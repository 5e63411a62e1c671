"""`make storms`: how triage does on twenty storms of each kind."""

import sys
from collections.abc import Iterable

from tests.storms.story import STORIES, run

SEEDS = 20


def main(seeds: Iterable[int]) -> None:
    """Print how each kind of storm goes."""
    out = sys.stdout.write
    out(f"{'':12} {'count':>6} {'F1':>6} {'first':>6} {'top 3':>6} {'critical':>9} ")
    out(f"{'settled':>8} {'p50 ms':>7} {'p99 ms':>7} {'max ms':>7}\n")
    for title, story in STORIES.items():
        scores = [run(story(seed)) for seed in seeds]
        ranks = [rank for score in scores for rank in score.ranks]
        took = sorted(ms for score in scores for ms in score.tick_ms)
        right = sum(score.incidents == score.faults for score in scores) / len(scores)
        f1 = sum(score.f1 for score in scores) / len(scores)
        out(f"{title:12} {right:6.2f} {f1:6.3f} {sum(r == 1 for r in ranks) / len(ranks):6.2f} ")
        out(f"{sum(r is not None and r <= 3 for r in ranks) / len(ranks):6.2f} ")
        out(f"{sum(score.critical for score in scores) / len(scores):9.2f} ")
        out(f"{max(score.settled_in for score in scores):8d} ")
        out(f"{took[len(took) // 2]:7.2f} {took[len(took) * 99 // 100]:7.1f} {took[-1]:7.1f}\n")


if __name__ == "__main__":
    main(range(SEEDS))
