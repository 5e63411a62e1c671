"""`make ablation`: what each part of detection is worth, and how far the figures hang on settings.

Scores the corpora of `make quality` again with one thing switched off, or one main parameter made
smaller or larger, at a time. From the same scores it reckons what tuning on all families of series
but one would have come to on that one. Takes a minute a line.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.quality import DATA, alerts_of, data_folder, judged
from cli.score import score
from models.fusion import DETECTORS

NAB_FAMILIES = ("realAWSCloudwatch", "artificialNoAnomaly,artificialWithAnomaly")
MONITORING_FAMILIES = (
    "application-crash-rate-1",
    "middle-tier-api-dependency-latency",
    "mongodb-application-rps,ecommerce-api-incoming-rps",
)
_UNTOLD = 1e9  # rows: the prior alone, nothing learned of the series itself


def _without(name: str) -> dict[str, object]:
    return {"detectors": [other for other in DETECTORS if other != name]}


OFF: dict[str, dict[str, object]] = {
    "as shipped": {},
    **{f"without {name}": _without(name) for name in DETECTORS},
    "without a series' own calibration": {
        "calibration": {"prior_rows": _UNTOLD},
        "discord": {"prior_rows": _UNTOLD},
        "statistical": {"prior_rows": _UNTOLD},
    },
    "without smoothing of the residuals' score": {"fusion": {"smooth_samples": 1}},
    "without hold-down": {"hold_down": {"hold_h": 0}},
    "without oddness by the day": {"fusion": {"rate_share": 0}},
}
SPREAD: dict[str, dict[str, object]] = {
    "as shipped": {},
    "discord.past 700": {"discord": {"past": 700}},
    "discord.past 1400": {"discord": {"past": 1400}},
    "discord.prior_rows 350": {"discord": {"prior_rows": 350}},
    "discord.prior_rows 700": {"discord": {"prior_rows": 700}},
    "fusion.statistical 2": {"fusion": {"statistical": 2}},
    "fusion.statistical 4.5": {"fusion": {"statistical": 4.5}},
    "fusion.rate_share 0.7": {"fusion": {"rate_share": 0.7}},
    "fusion.rate_share 1.4": {"fusion": {"rate_share": 1.4}},
    "fusion.coarse_min 30": {"fusion": {"coarse_min": 30}},
    "hold_down.hold_h 3.5": {"hold_down": {"hold_h": 3.5}},
    "hold_down.hold_h 7": {"hold_down": {"hold_h": 7}},
}


class Line(msgspec.Struct, frozen=True):
    """What one variant came to; `families` by name, NAB scores or event F1 in per cent."""

    nab: float
    aws: float
    vus_pr: float
    f1: float
    recall: float  # at 0.1 false alarms a series-day
    precision: float  # of the alerts as shipped
    caught: float
    families: dict[str, float]


def measured(settings: Mapping[str, object], folder: Path, processes: int) -> Line:
    """Score both corpora with these settings of detection, and judge the result."""
    nab, monitoring = folder / "data" / "nab", folder / "data" / "cloud-monitoring"
    with TemporaryDirectory(prefix="foreshock-ablation-") as name:
        out, config = Path(name) / "out", Path(name) / "settings.yaml"
        given = {"sources": [{"type": "files", "paths": ["none.jsonl"]}], "detect": settings}
        config.write_text(yaml.safe_dump(given))
        for corpus in (nab, monitoring):
            score([corpus / "data"], out / corpus.name, config=str(config), processes=processes)
        families: dict[str, float] = {}
        tool = folder / "tools" / "nab_score.py"
        args = ("--corpus", str(nab))
        whole = judged(tool, out / "nab", *args)["score"]
        for family in NAB_FAMILIES:
            families[family] = judged(tool, out / "nab", *args, "--subset", family)["score"]
        tool = folder / "tools" / "point_score.py"
        kind = ("--kind", "msft", "--data", str(monitoring))
        points = judged(tool, out / "cloud-monitoring", *kind)
        for family in MONITORING_FAMILIES:
            found = judged(tool, out / "cloud-monitoring", *kind, "--subset", family)
            families[family] = 100.0 * found["F1"]
        precision, caught, _ = alerts_of(monitoring / "data", out / "cloud-monitoring")
    return Line(
        whole,
        families[NAB_FAMILIES[0]],
        points["VUS-PR"],
        points["F1"],
        points["rec@0.1"],
        precision,
        caught,
        families,
    )


def left_out(lines: Mapping[str, Line]) -> dict[str, tuple[str, float, float]]:
    """Return by family: the variant that is best on the others, its figure, and the best there is.

    Best on the others is by the mean of the other families' figures.
    """
    shipped = next(iter(lines.values()))
    found = {}
    for family in shipped.families:

        def others(name: str, family: str = family) -> float:
            figures = lines[name].families
            return sum(value for other, value in figures.items() if other != family)

        chosen = max(lines, key=others)
        best = max(line.families[family] for line in lines.values())
        found[family] = (chosen, lines[chosen].families[family], best)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", choices=("off", "spread"), help="one of the two tables")
    given = parser.parse_args(argv)
    folder = data_folder()
    if not (folder / "tools").is_dir():
        print(f"left out: {folder} has no corpora and scorers ({DATA})")
        return 0
    for kind, variants in (("off", OFF), ("spread", SPREAD)):
        if given.only in (None, kind):
            lines = {}
            for name, settings in variants.items():
                lines[name] = measured(settings, folder, given.processes)
                print(name, msgspec.json.encode(lines[name]).decode(), file=sys.stderr, flush=True)
            _print(lines)
            if kind == "spread":
                _print_left_out(lines)
    return 0


def _print(lines: Mapping[str, Line]) -> None:
    table = Table("", "NAB 28", "AWS", "VUS-PR", "F1", "recall", "alerts P", "alerts R")
    for name, line in lines.items():
        table.add_row(
            name,
            f"{line.nab:.1f}",
            f"{line.aws:.1f}",
            *(f"{v:.3f}" for v in (line.vus_pr, line.f1, line.recall)),
            f"{line.precision:.2f}",
            f"{line.caught:.2f}",
        )
    Console(width=120).print(table)


def _print_left_out(lines: Mapping[str, Line]) -> None:
    shipped = next(iter(lines.values()))
    table = Table("family left out", "chosen on the others", "there", "as shipped", "best there")
    for family, (chosen, there, best) in left_out(lines).items():
        table.add_row(
            family, chosen, f"{there:.1f}", f"{shipped.families[family]:.1f}", f"{best:.1f}"
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
