"""`make petshop`: how well the flow finds the cause of injected faults, with the default settings.

Streams each fault of the corpus below a folder that is no part of this project (see
`benchmarks.quality`) through `backtest`, takes the first incident at the front door since the
fault's window began, and has the scorer there judge its suspects. Twice: as the flow alerts by
itself, and with the alert that the corpus gives, as one more metric under a rule.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.quality import DATA, data_folder, judged
from cli.history import settings_for
from cli.places import Reach
from flows.backtest import Plan, run
from flows.summary import IncidentLine
from operators.rules import Rule

SCENARIO = "low_traffic"
GOALS = {"top1": 0.92, "top3": 0.98}
ALARM = Rule("alarm", "check.failed", above=0.5)
_NAMES = {"latency": "latency", "availability": "availability", "requests": "request.rate"}
_STATISTICS = {"Average", "Sum"}


class _Sample(msgspec.Struct):
    ts: float
    resource: str
    metric: str
    stat: str
    value: float


class _Alert(msgspec.Struct):
    resource: str
    ts: float
    window_start: float
    interval_s: float


def _lines(stream: Path) -> Iterable[bytes]:
    """Yield the samples in the form of `foreshock-json`."""
    for each in msgspec.json.Decoder(_Sample).decode_lines(stream.read_bytes()):
        if each.stat in _STATISTICS:
            yield _line(each.resource, _NAMES[each.metric], each.ts, each.value)


def _line(resource: str, metric: str, ts: float, value: float) -> bytes:
    sample = {
        "resource": resource,
        "cloud": "aws",
        "service": "aws.xray",
        "metric": metric,
        "ts_ms": round(ts * 1000),
        "value": value,
    }
    return msgspec.json.encode(sample) + b"\n"


def _raised(folder: Path, alert: _Alert, given: bool) -> IncidentLine | None:
    """Return the incident at the front door since the window began, if there is one."""
    lines = list(_lines(folder / "stream.jsonl"))
    if given:  # at the first samples at or after the alert
        steps = -(-(alert.ts - alert.window_start) // alert.interval_s)
        at = alert.window_start + steps * alert.interval_s
        lines.append(_line(alert.resource, ALARM.metric, at, 1.0))
        lines.sort(key=lambda line: int(msgspec.json.decode(line)["ts_ms"]))
    samples = folder / "samples.jsonl"
    samples.write_bytes(b"".join(lines))
    nowhere = Reach(None, None, None)
    app = settings_for([str(samples)], "foreshock-json", folder / "topology.json", 1000, nowhere)
    if given:
        detect = msgspec.structs.replace(app.detect, rules=(ALARM,))
        app = msgspec.structs.replace(app, detect=detect)
    found = (
        incident
        for incident in run(Plan(app)).incidents
        if alert.resource in incident.resources and incident.opened_ms >= alert.window_start * 1000
    )
    return next(found, None)


def main() -> int:
    """Stream every fault, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder for the rankings; default: thrown away")
    parser.add_argument("--scenario", default=SCENARIO)
    given = parser.parse_args()
    data, tools = data_folder() / "data" / "petshop" / "dataset", data_folder() / "tools"
    if not data.is_dir() or not tools.is_dir():
        print(f"nothing to do: {data} or its scorer is not there ({DATA})")
        return 0
    table = Table("alert", "faults", "raised", "top-1", "top-3", "top-5")
    with TemporaryDirectory(prefix="foreshock-petshop-") as temporary:
        for by, alarm in (("of the flow itself", False), ("as the corpus gives it", True)):
            rankings: dict[str, list[str]] = {}
            raised = 0
            for issue in sorted(data.glob(f"{given.scenario}/*/issue_*")):
                folder = Path(temporary) / "issue"
                convert = (sys.executable, "-B", tools / "petshop_to_stream.py", issue, folder)
                subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)
                alert = msgspec.json.decode((folder / "alert.json").read_bytes(), type=_Alert)
                incident = _raised(folder, alert, alarm)
                raised += incident is not None
                suspects = () if incident is None else incident.suspects
                rankings[str(issue)] = [suspect.resource for suspect in suspects]
            results = Path(given.keep or temporary) / f"rankings-{'given' if alarm else 'own'}.json"
            results.write_bytes(msgspec.json.encode(rankings))
            figures = _scored(tools / "score_rca.py", results, data)
            table.add_row(by, str(len(rankings)), str(raised), *figures)
    table.caption = f"goals: top-1 {GOALS['top1']}, top-3 {GOALS['top3']}"
    Console(width=100).print(table)
    return 0


def _scored(tool: Path, results: Path, data: Path) -> list[str]:
    report = results.with_suffix(".scores.json")
    judged(tool, results, "--data", str(data), "--json", str(report))
    summary = msgspec.json.decode(report.read_bytes())["summary"]["ALL|all"]
    return [f"{summary[name]:.3f}" for name in ("top1", "top3", "top5")]


if __name__ == "__main__":
    sys.exit(main())
