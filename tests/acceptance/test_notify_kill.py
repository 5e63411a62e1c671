"""Notification is killed in the middle of a storm, again and again: nothing is lost.

What is told twice is the one message in flight at a kill, with the same key. `NOTIFY_KILLS` and
`NOTIFY_INCIDENTS` say how often and how much; `make chaos-notify` kills 30 times in 200 incidents.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from connectors.outbox import Outbox
from tests.acceptance.told_storm import CHANNELS, Storm, providers, repeats, settings_of

KILLS = int(os.environ.get("NOTIFY_KILLS", "2"))
INCIDENTS = int(os.environ.get("NOTIFY_INCIDENTS", "30"))
DEADLINE_S = 300.0
SEED = 8
ROOT = Path(__file__).parents[2]


def start(run: int, url: str, urls: dict[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    file = folder / f"run{run}.yaml"
    env = settings_of(run, url, urls, file)
    command = [sys.executable, str(ROOT / "foreshock.py"), "notify", "run", "-c", str(file)]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            env=os.environ | env,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def feed_until(storm: Storm, process: "subprocess.Popen[bytes]", holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert process.poll() is None, "it has ended by itself"
        assert time.monotonic() < deadline, f"it did not come to be after {storm.asked} requests"
        storm.feed()
        with storm.news:
            storm.news.wait(0.05)


def test_however_often_it_is_killed_everybody_hears_everything(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'incidents.db'}"
    storm, draw = Storm(url, INCIDENTS, SEED), Random(SEED)
    moments = sorted(draw.sample(range(1, 8 * INCIDENTS), KILLS))
    killed_inside = 0
    with providers(storm) as urls:
        for run, moment in enumerate(moments):
            storm.dead.clear()
            storm.kills_inside = draw.random() < 0.5
            storm.kill_at = max(moment, storm.asked + 1)
            process = start(run, url, urls, tmp_path)
            try:
                feed_until(storm, process, lambda: storm.asked >= storm.kill_at)
            finally:
                process.kill()
                process.wait()
                storm.dead.set()
            killed_inside += storm.kills_inside
        storm.kill_at = 0
        last = start(KILLS, url, urls, tmp_path)
        try:
            feed_until(storm, last, lambda: storm.over)
            last.send_signal(signal.SIGTERM)
            assert last.wait(DEADLINE_S) == 0
        finally:
            last.kill()
            last.wait()
    wanted = storm.wanted()
    outbox = Outbox(url)
    counts = outbox.counts()
    outbox.close()
    storm.store.close()
    assert {status for _, status in counts} <= {"sent", "dropped"}
    twice = {name: repeats(storm.taken[name]) for name in CHANNELS}
    for name in CHANNELS:
        told = {each.incident: each.stage for each in storm.taken[name]}
        assert told == wanted, name  # the last word is the last
        distinct = {(each.incident, each.stage) for each in storm.taken[name]}
        assert counts[name, "sent"] <= len(distinct)
        assert len(twice[name]) <= KILLS
    sys.stdout.write(
        f"\n{KILLS} kills ({killed_inside} before the answer) in {storm.asked} requests of "
        f"{INCIDENTS} incidents, {storm.refused} refused: "
        + ", ".join(f"{name} took {len(storm.taken[name])}, {len(twice[name])} of them twice"
                    for name in CHANNELS)
        + "\n"
    )  # fmt: skip
