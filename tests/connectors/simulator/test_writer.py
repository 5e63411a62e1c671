"""A simulation as a folder."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
import yaml

from connectors.file_listing import list_files
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.truth import read_truth
from connectors.simulator.writer import Compression, prepare, write_run

SETTINGS = SimulatorSource(days=0.1, resources=12)


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


def test_writes_samples_manifest_truth_topology_and_deploys(tmp_path: Path) -> None:
    told: list[int] = []
    origin = SimulatorOrigin(SETTINGS)
    manifest = write_run(origin, tmp_path / "sim", "none", told.append)
    found = json.loads((tmp_path / "sim" / "manifest.json").read_bytes())
    assert found["files"] == {
        "samples/aws.jsonl": "cloudwatch-json",
        "samples/azure.jsonl": "azure-monitor",
        "samples/gcp.jsonl": "gcp-timeseries",
    }
    assert found["seed"] == 1
    assert found["start_ms"] == SETTINGS.start_ms
    lines = (tmp_path / "sim/samples/aws.jsonl").read_bytes().splitlines()
    assert all(isinstance(json.loads(line)["value"]["sum"], int | float) for line in lines[:20])
    assert len(lines) < manifest.points
    assert read_truth(tmp_path / "sim/truth.json") == origin.truth()
    topology = yaml.safe_load((tmp_path / "sim/topology.yaml").read_text())
    assert set(topology) == {"nodes", "node_types", "edges"}
    assert told == sorted(told)
    assert told[-1] == 3 * SETTINGS.steps


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(SimulatorOrigin(SETTINGS), tmp_path / name, "gz", lambda _: None)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


@pytest.mark.parametrize(("compression", "ending"), [("gz", ".jsonl.gz"), ("zst", ".jsonl.zst")])
def test_compressed_files_hold_the_same_and_replace_the_earlier_run(
    tmp_path: Path, compression: Compression, ending: str
) -> None:
    write_run(SimulatorOrigin(SETTINGS), tmp_path, "none", lambda _: None)
    plain = (tmp_path / "samples/aws.jsonl").read_bytes()
    write_run(SimulatorOrigin(SETTINGS), tmp_path, compression, lambda _: None)
    assert {path.name for path in (tmp_path / "samples").iterdir()} == {
        f"{cloud}{ending}" for cloud in ("aws", "azure", "gcp")
    }
    if compression == "gz":
        assert gzip.decompress((tmp_path / "samples/aws.jsonl.gz").read_bytes()) == plain


def test_one_format_for_all_stands_in_the_manifest(tmp_path: Path) -> None:
    settings = SimulatorSource(days=0.05, resources=6, format="foreshock-json")
    manifest = write_run(SimulatorOrigin(settings), tmp_path, "none", lambda _: None)
    assert set(manifest.files.values()) == {"foreshock-json"}
    lines = (tmp_path / "samples/gcp.jsonl").read_bytes().splitlines()
    point = json.loads(lines[0])
    assert point["cloud"] == "gcp"
    assert point["attributes"]["application"]


def test_leaves_a_folder_alone_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        prepare(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="must be a folder"):
        prepare(tmp_path / "file")


def test_the_file_source_reads_what_was_written(tmp_path: Path) -> None:
    write_run(SimulatorOrigin(SETTINGS), tmp_path, "zst", lambda _: None)
    found = list_files((str(tmp_path),), "")
    assert {file.format for file in found.values()} == {
        "cloudwatch-json",
        "azure-monitor",
        "gcp-timeseries",
    }
