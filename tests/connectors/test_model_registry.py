"""The registry keeps what it is given, and hands out nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.model_files import Manifest, pack, sha256
from connectors.model_registry import ModelRefused, Registry
from tests.connectors.stored_models import DAY_MS, a_model, same


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


# ---------------------------------------------------------------- what goes in comes out


def test_an_empty_or_missing_registry_has_no_model(registry: Registry, tmp_path: Path) -> None:
    assert list(registry.list()) == []
    assert registry.active("aws.ec2") is None
    assert not (tmp_path / "models").exists()  # reading makes nothing


def test_a_registered_model_comes_back_to_the_byte(registry: Registry) -> None:
    version = registry.register(a_model())
    back = registry.load(version)
    assert same(back, a_model())
    assert back.version == version
    assert back.libraries["numpy"] == np.__version__
    assert all(array.flags.writeable for array in back.arrays.values())


def test_the_version_says_service_and_end_of_data_and_follows_from_the_content(
    registry: Registry,
) -> None:
    version = registry.register(a_model())
    assert version.startswith("aws-ec2-20241004t000000-")
    assert registry.register(a_model()) == version
    assert registry.register(a_model(mark=0.25)) != version
    assert len(registry.list()) == 2


def test_a_service_named_like_a_path_stays_inside_the_registry(
    registry: Registry, tmp_path: Path
) -> None:
    version = registry.register(a_model("../../Ünï/\x00etc"), "active")
    assert "/" not in version
    assert {path.name for path in tmp_path.iterdir()} == {"models"}
    assert registry.active("../../Ünï/\x00etc") is not None


def test_arrays_laid_out_by_column_or_reversed_come_back_equal(registry: Registry) -> None:
    odd = np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::-1]
    version = registry.register(replace(a_model(), arrays={"odd": odd}))
    assert registry.load(version).arrays["odd"].tolist() == odd.tolist()


# ---------------------------------------------------------------- states


def test_a_candidate_does_not_serve(registry: Registry) -> None:
    registry.register(a_model())
    assert registry.active("aws.ec2") is None


def test_promoting_retires_the_version_that_served_and_no_other_service(
    registry: Registry,
) -> None:
    first = registry.register(a_model(), "active")
    other = registry.register(a_model("gcp.gke"), "active")
    second = registry.register(a_model(mark=0.25))
    registry.promote(second, effective_from_ms=20_001 * DAY_MS)
    states = {entry.version: entry.state for entry in registry.list()}
    assert states == {first: "retired", other: "active", second: "active"}
    assert registry.active_version("aws.ec2") == second
    assert registry.active_version("gcp.gke") == other


def test_a_replay_finds_the_version_that_served_at_its_time(registry: Registry) -> None:
    first = registry.register(a_model(), "active")
    second = registry.register(a_model(mark=0.25))
    registry.promote(second, effective_from_ms=20_001 * DAY_MS)
    at = [registry.active_version("aws.ec2", at_ms=t) for t in (0, 20_000 * DAY_MS)]
    assert at == [None, first]
    border = 20_001 * DAY_MS
    assert registry.active_version("aws.ec2", at_ms=border - 1) == first
    assert registry.active_version("aws.ec2", at_ms=border) == second


def test_a_model_takes_effect_when_it_says_else_at_the_end_of_its_data(
    registry: Registry,
) -> None:
    said = registry.register(replace(a_model(), effective_from_ms=7), "active")
    unsaid = registry.register(a_model(mark=0.25), "active")
    assert [(e.version, e.effective_from_ms) for e in registry.list()] == [
        (said, 7),
        (unsaid, 20_000 * DAY_MS),
    ]


def test_a_model_comes_with_the_time_that_it_was_promoted_for(registry: Registry) -> None:
    version = registry.register(a_model())
    assert registry.load(version).effective_from_ms is None
    registry.promote(version, effective_from_ms=20_003 * DAY_MS)
    active = registry.active("aws.ec2")
    assert active is not None
    assert active.effective_from_ms == 20_003 * DAY_MS


def test_going_back_to_a_version_keeps_when_it_served_before(registry: Registry) -> None:
    first = registry.register(a_model(), "active")
    second = registry.register(a_model(mark=0.25))
    registry.promote(second, effective_from_ms=20_001 * DAY_MS)
    registry.promote(first, effective_from_ms=20_002 * DAY_MS)
    served = [registry.active_version("aws.ec2", day * DAY_MS) for day in (20_000, 20_001, 20_002)]
    assert served == [first, second, first]
    assert registry.active_version("aws.ec2") == first
    with pytest.raises(ValueError, match="active already"):
        registry.promote(first, effective_from_ms=20_003 * DAY_MS)


def test_promotion_must_not_reach_behind_the_active_version(registry: Registry) -> None:
    registry.register(a_model(), "active")
    second = registry.register(a_model(mark=0.25))
    with pytest.raises(ValueError, match="must not take effect before"):
        registry.promote(second, effective_from_ms=19_999 * DAY_MS)
    with pytest.raises(ModelRefused, match="no model 'nobody'"):
        registry.promote("nobody")
    assert [entry.state for entry in registry.list()] == ["active", "candidate"]


def test_promoting_the_active_version_again_is_refused_and_registering_it_is_not(
    registry: Registry,
) -> None:
    version = registry.register(a_model(), "active")
    with pytest.raises(ValueError, match="active already"):
        registry.promote(version)
    assert registry.register(a_model(), "active") == version
    assert [entry.state for entry in registry.list()] == ["active"]


def test_a_declined_candidate_never_served(registry: Registry) -> None:
    version = registry.register(a_model())
    registry.decline(version)
    assert [entry.state for entry in registry.list()] == ["retired"]
    assert registry.active_version("aws.ec2", at_ms=2**60) is None
    with pytest.raises(ValueError, match="must be a candidate, got 'retired'"):
        registry.decline(version)


# ---------------------------------------------------------------- damage


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_anywhere_is_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("flip")
    registry = Registry(root)
    registry.register(a_model(), "active")
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(ModelRefused):
        registry.active("aws.ec2")


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_truncated_file_is_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("cut")
    registry = Registry(root)
    registry.register(a_model(), "active")
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    path = data.draw(st.sampled_from(files))
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ModelRefused):
        registry.active("aws.ec2")


def test_a_missing_array_is_refused_by_name(registry: Registry, tmp_path: Path) -> None:
    version = registry.register(a_model())
    (tmp_path / "models" / version / "child.npy").unlink()
    with pytest.raises(ModelRefused, match=r"child\.npy: missing"):
        registry.load(version)


def test_a_damaged_model_is_not_promoted(registry: Registry, tmp_path: Path) -> None:
    first = registry.register(a_model(), "active")
    second = registry.register(a_model(mark=0.25))
    (tmp_path / "models" / second / "child.npy").write_bytes(b"")
    with pytest.raises(ModelRefused, match="damaged"):
        registry.promote(second)
    assert registry.active_version("aws.ec2") == first


def test_an_index_that_points_outside_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.register(a_model(), "active")
    path = tmp_path / "models" / "index.json"
    for version in ("../outside", "/etc", "..", "", "a/b"):
        entries = [
            {
                "version": version,
                "service": "s",
                "state": "active",
                "manifest_sha256": "0" * 64,
                "effective_from_ms": 0,
            }
        ]
        raw = msgspec.json.encode(entries)
        index = {"format": "foreshock.models.v1", "sha256": sha256(raw), "entries": entries}
        path.write_bytes(msgspec.json.encode(index))
        with pytest.raises(ModelRefused, match="a version must match"):
            registry.active("s")


def test_the_manifest_is_plain_json_that_says_what_the_model_is(
    registry: Registry, tmp_path: Path
) -> None:
    version = registry.register(a_model())
    content = (tmp_path / "models" / version / "manifest.json").read_bytes()
    manifest = msgspec.json.decode(content, type=Manifest)
    assert manifest.features == ("cpu.utilization:z", "latency:z")
    assert manifest.arrays["child"].shape == (2, 2)
    file = tmp_path / "models" / version / "child.npy"
    assert manifest.arrays["child"].sha256 == sha256(file.read_bytes())
    assert np.load(file, allow_pickle=False).tolist() == [[1, 2], [3, 4]]


# ---------------------------------------------------------------- writers that die, many at once


def test_what_a_dead_writer_left_is_neither_seen_nor_in_the_way(
    registry: Registry, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    version, _ = pack(a_model())
    (root / ".new-dead").mkdir(parents=True)
    (root / version).mkdir()  # renamed, but never came into the index
    (root / version / "manifest.json").write_bytes(b"{")
    (root / "index.json.new").write_bytes(b"half")
    assert list(registry.list()) == []
    assert registry.register(a_model(), "active") == version
    assert same(registry.load(version), a_model())
    assert not (root / ".new-dead").exists()


def test_readers_always_see_one_whole_active_model(registry: Registry) -> None:
    registry.register(a_model(mark=0.0), "active")
    done = threading.Event()

    def read() -> set[float]:
        seen = set()
        while not done.is_set():
            model = registry.active("aws.ec2")
            assert model is not None
            seen.add(float(model.arrays["threshold"][0]))
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for mark in range(1, 15):
                registry.register(a_model(mark=float(mark)), "active")
        finally:
            done.set()
    for reader in readers:
        assert reader.result() <= set(map(float, range(15)))
    assert sum(entry.state == "active" for entry in registry.list()) == 1


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    def write(service: str) -> None:
        own = Registry(tmp_path)
        for mark in range(8):
            own.register(a_model(service, mark=float(mark)), "active")

    with ThreadPoolExecutor(2) as pool:
        for writer in [pool.submit(write, name) for name in ("a", "b")]:
            writer.result()
    entries = Registry(tmp_path).list()
    assert len(entries) == 16
    assert sorted(e.service for e in entries if e.state == "active") == ["a", "b"]
