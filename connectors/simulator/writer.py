"""A simulation as a folder: `samples/`, `manifest.json`, `truth.json`, `topology.yaml`."""

import gzip
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import zstandard

from connectors.simulator.events import deploy_lines
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.settings import CLOUDS
from connectors.simulator.topology import topology_yaml
from connectors.simulator.truth import truth_of, write_truth

MANIFEST_VERSION = 1
Compression = Literal["none", "gz", "zst"]
ENDING: dict[Compression, str] = {"none": "", "gz": ".gz", "zst": ".zst"}
OURS = frozenset({"samples", "manifest.json", "truth.json", "topology.yaml", "deploys.jsonl"})


class SimulationManifest(msgspec.Struct, frozen=True):
    """The file `manifest.json`; whoever reads it needs `files` only."""

    files: dict[str, str]  # path: format
    seed: int
    days: float
    resources: int
    interval_s: int
    start_ms: int
    end_ms: int
    points: int
    version: int = MANIFEST_VERSION
    generator: str = "foreshock simulate"


def write_run(
    origin: SimulatorOrigin,
    folder: Path,
    compression: Compression,
    progress: Callable[[int], None],
) -> SimulationManifest:
    """Write a whole simulation; `progress` is told the steps done, of clouds * steps.

    An earlier simulation in the folder is replaced. The manifest comes last: a folder without
    one was not finished. Raises: ValueError if the folder holds anything else.
    """
    prepare(folder)
    plan = origin.plan
    samples = folder / "samples"
    samples.mkdir(parents=True)
    files: dict[str, str] = {}
    done = points = 0
    for cloud in CLOUDS:
        path = samples / f"{cloud}.jsonl{ENDING[compression]}"
        reader = origin.open(cloud, None)
        with ExitStack() as stack:
            file = _opened(path, compression, stack)
            while (chunk := reader.read()) is not None:
                if chunk.payloads:
                    file.write(b"\n".join(chunk.payloads) + b"\n")
                progress(done + reader.step)
        done += plan.settings.steps
        points += reader.points
        files[f"samples/{path.name}"] = plan.settings.format_of(cloud)
    write_truth(folder / "truth.json", truth_of(plan))
    (folder / "topology.yaml").write_text(topology_yaml(plan.fleet))
    (folder / "deploys.jsonl").write_bytes(deploy_lines(plan))
    settings = plan.settings
    manifest = SimulationManifest(
        files=files,
        seed=settings.seed,
        days=settings.days,
        resources=settings.resources,
        interval_s=settings.interval_s,
        start_ms=settings.start_ms,
        end_ms=settings.ms(settings.steps),
        points=points,
    )
    body = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    (folder / "manifest.json").write_bytes(body + b"\n")
    return manifest


def prepare(folder: Path) -> None:
    """Make the folder, or clear it of an earlier simulation.

    Raises: ValueError if it holds what no simulation wrote.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out must be a folder, got a file: {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    others = sorted({path.name for path in folder.iterdir()} - OURS)
    if others:
        raise ValueError(
            f"out must be a new folder or one of an earlier simulation, "
            f"got {folder} with {others[0]!r} in it"
        )
    (folder / "manifest.json").unlink(missing_ok=True)
    if (folder / "samples").exists():
        shutil.rmtree(folder / "samples")


class _Writable(Protocol):
    def write(self, data: bytes, /) -> int: ...


def _opened(path: Path, compression: Compression, stack: ExitStack) -> _Writable:
    raw = stack.enter_context(path.open("wb"))
    if compression == "gz":  # no time stamp, no name: the same run gives the same bytes
        packed = gzip.GzipFile("", "wb", 6, raw, mtime=0)
        return stack.enter_context(packed)
    if compression == "zst":
        return stack.enter_context(zstandard.ZstdCompressor(level=3).stream_writer(raw))
    return raw
