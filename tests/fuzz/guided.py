"""`python -m tests.fuzz.guided`: coverage-guided runs of the paths that read bytes by hand.

Each target is a process of its own, as libFuzzer ends the one that it runs in. It starts from valid
payloads, and a crash, a hang or too much memory is a Fault with the input.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import cramjam

from tests.fuzz.cases import valid
from tests.fuzz.encoding_damage import COMPRESS
from tests.fuzz.formats import FUZZED
from tests.fuzz.outcomes import Fault

ROOT = Path(__file__).parent.parent.parent
TARGETS = ("cloudwatch-otel", "prometheus-remote-write", "otlp-proto", "encodings")
MAX_INPUT_BYTES = 4_096
MAX_RSS_MB = 2_048
_SEEDS = 24  # inputs to start from
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")
_COVERED = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/")


class Guided(NamedTuple):
    """What a run came to."""

    runs: int
    covered: int  # branches
    kept: int  # inputs that reached something new


def seeds(target: str) -> list[bytes]:
    """Return the inputs that a target starts from."""
    if target == "all":
        return [bytes([at]) + data for at, each in enumerate(TARGETS) for data in seeds(each)]
    name = target if target in FUZZED else "foreshock-json"
    found = []
    for at in range(_SEEDS):
        data = valid(FUZZED[name].draft(random.Random(f"guided {target} {at}"))).data
        if target == "prometheus-remote-write":
            data = bytes(cramjam.snappy.decompress_raw(data))
        if target == "encodings":
            data = list(COMPRESS.values())[at % len(COMPRESS)](data)
        found.append(data)
    return found


def run(target: str, runs: int, seed: int = 1, timeout_s: int = 1) -> Guided:
    """Run one target.

    Raises: Fault with the input in hexadecimal if it crashes, hangs or needs too much memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        corpus, artifacts = Path(folder, "corpus"), Path(folder, "artifacts")
        corpus.mkdir()
        artifacts.mkdir()
        for at, data in enumerate(seeds(target)):
            (corpus / str(at)).write_bytes(data)
        done = subprocess.run(
            [
                sys.executable, "-m", "tests.fuzz.atheris_target", target, str(corpus),
                f"-runs={runs}", f"-seed={seed}", f"-timeout={timeout_s}",
                f"-max_len={MAX_INPUT_BYTES}", f"-rss_limit_mb={MAX_RSS_MB}",
                f"-artifact_prefix={artifacts}/", "-print_final_stats=1",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        for artifact in sorted(artifacts.iterdir()):
            raise Fault(f"{target}, {artifact.name}: {artifact.read_bytes().hex()}\n{_why(said)}")
    ended, covered = _DONE.search(said), _COVERED.findall(said)
    if done.returncode != 0 or ended is None or not covered:
        raise Fault(f"{target} ended with {done.returncode}: {_why(said)}")
    return Guided(int(ended[1]), int(covered[-1][0]), int(covered[-1][2]))


def _why(said: str) -> str:
    lines = said.splitlines()
    first = next((i for i, line in enumerate(lines) if "Uncaught" in line or "ERROR" in line), -30)
    return "\n".join(lines[first:][:30])


def main() -> int:
    """Run every target and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=TARGETS, action="append")
    args = parser.parse_args()
    for target in args.target or TARGETS:
        found = run(target, args.runs, args.seed)
        sys.stdout.write(
            f"{target:24} {found.runs} runs, {found.covered} branches, {found.kept} kept\n"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
