"""A small flow as one worker of a cluster of hosts, for tests: its own process.

`python -m tests.flows.host_main FOLDER ADDRESSES INDEX END SETTINGS`; END 0 is never.
"""

import logging
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.recovery_manifest import Shape
from connectors.recovery_store import RecoverySettings
from flows.cluster import LaunchError
from flows.hosts import Hosts, Plan
from flows.launch import run_on_hosts
from flows.logs import log_to_stderr
from tests.flows.small_flows import counting


def main(folder: Path, addresses: str, index: int, end: int, settings: str) -> int:
    """Run; return 0 at the end or on a signal, 1 for a failure."""
    log_to_stderr(logging.INFO)
    recovery = RecoverySettings(dir=str(folder / "state"), snapshot_interval_s=0.1)
    with TemporaryDirectory() as own:
        plan = Plan(
            Hosts(tuple(addresses.split(",")), index),
            lambda _: partial(counting, folder, end or None, ""),
            recovery,
            Shape("counting", "1", {}, {}),
            settings,
            Path(own),
        )
        try:
            run_on_hosts(plan)
        except LaunchError as ex:
            sys.stderr.write(f"failed: {ex}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
