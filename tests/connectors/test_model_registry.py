"""The registry keeps what it is given, and hands out nothing else."""

import io
import json
import os
import pickle
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.model_files import Manifest, pack, sha256, unpack
from connectors.model_registry import ModelRefused, Registry, StoredModel

DAY_MS = 86_400_000


def a_model(service: str = "aws.ec2", mark: float = 0.5, day: int = 20_000) -> StoredModel:
    return StoredModel(
        service=service,
        features=("cpu.utilization:z", "latency:z"),
        arrays={
            "threshold": np.array([mark, np.inf, -0.0, np.nan], np.float32),
            "child": np.array([[1, 2], [3, 4]], np.uint32),
            "calibration_tail": np.zeros((0, 3)),
        },
        data_from_ms=(day - 7) * DAY_MS,
        data_to_ms=day * DAY_MS,
        settings={"trees": 50, "name": "x", "seed": None},
        figures={"precision": 0.91},
    )


def same(a: StoredModel, b: StoredModel) -> bool:
    return (
        (a.service, a.features, a.data_from_ms, a.data_to_ms, a.settings, a.figures)
        == (b.service, b.features, b.data_from_ms, b.data_to_ms, b.settings, b.figures)
        and a.arrays.keys() == b.arrays.keys()
        and all(
            x.tobytes() == b.arrays[name].tobytes()
            and x.dtype == b.arrays[name].dtype
            and x.shape == b.arrays[name].shape
            for name, x in a.arrays.items()
        )
    )


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def rewrite(folder: Path, change: object) -> str:
    """Store a changed manifest beside the arrays, and return its digest, as a forger would."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest.update(change)
    content = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(content)
    return sha256(content)


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


# ---------------------------------------------------------------- what cannot be stored


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (replace(a_model(), service=""), "service must not be empty"),
        (replace(a_model(), features=()), "features must be 1 to"),
        (replace(a_model(), features=("a", "a")), "features must differ"),
        (replace(a_model(), arrays={}), "arrays must be 1 to"),
        (replace(a_model(), arrays={"../x": np.zeros(1)}), "an array's name must match"),
        (replace(a_model(), arrays={"x": np.array([object()])}), "must be of numbers, got object"),
        (replace(a_model(), arrays={"x": np.array(["a"])}), "must be of numbers, got <U1"),
        (replace(a_model(), data_to_ms=0), "data_from_ms must be below"),
        (replace(a_model(), figures={"recall": float("nan")}), "Expected `float`, got `null`"),
    ],
)
def test_a_model_that_could_not_be_read_back_is_not_stored(
    registry: Registry, model: StoredModel, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        registry.register(model)
    assert list(registry.list()) == []


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


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.mark),)


def forged(tmp_path: Path, content: bytes, dtype: str, shape: tuple[int, ...]) -> tuple[Path, str]:
    """Return a model whose array is `content`, with digests that are right."""
    version, files = pack(a_model())
    folder = tmp_path / version
    folder.mkdir()
    for name, original in files.items():
        (folder / name).write_bytes(original)
    (folder / "child.npy").write_bytes(content)
    manifest = msgspec.json.decode(files["manifest.json"])
    said = {"sha256": sha256(content), "dtype": dtype, "shape": list(shape)}
    return folder, rewrite(folder, {"arrays": {**manifest["arrays"], "child": said}})


def test_a_pickle_is_refused_unread(tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    bombs = np.empty(1, object)
    bombs[0] = Bomb(mark)
    out = io.BytesIO()
    np.save(out, bombs, allow_pickle=True)
    folder, digest = forged(tmp_path, out.getvalue(), "|O", (1,))
    with pytest.raises(ModelRefused, match="it is not unpickled"):
        unpack(folder, digest)
    assert not mark.exists()
    np.load(folder / "child.npy", allow_pickle=True)
    assert mark.exists()  # the bomb was live


def test_a_bare_pickle_and_a_zip_of_arrays_are_refused(tmp_path: Path) -> None:
    folder, digest = forged(tmp_path, pickle.dumps([1, 2]), "<u4", (2,))
    with pytest.raises(ModelRefused, match="not an array of <u4"):
        unpack(folder, digest)
    shutil.rmtree(folder)
    out = io.BytesIO()
    np.savez(out, child=np.zeros(2, np.uint32))
    folder, digest = forged(tmp_path, out.getvalue(), "<u4", (2,))
    with pytest.raises(ModelRefused, match="not an array of <u4"):
        unpack(folder, digest)


@pytest.mark.parametrize("said", ["|O", "O", "<U1", "|V8", "<M8[s]", "<c16", "<f8,<f8", "object"])
def test_a_manifest_that_says_other_than_numbers_is_refused(tmp_path: Path, said: str) -> None:
    folder, digest = forged(tmp_path, bytes(64), said, (1,))
    with pytest.raises(ModelRefused, match="must hold numbers"):
        unpack(folder, digest)


def npy_of(descr: str, shape: tuple[int, ...], by_column: bool = False) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': {by_column}, 'shape': {shape}, }}"
    text = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(8)


def test_an_honest_forgery_is_read(tmp_path: Path) -> None:
    folder, digest = forged(tmp_path, npy_of("<u4", (2,)), "<u4", (2,))
    assert unpack(folder, digest).arrays["child"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("content", "dtype", "shape"),
    [
        (npy_of("<u4", (2**60,)), "<u4", (2**60,)),  # more than there is
        (npy_of("<u4", (2**40, 2**40)), "<u4", (2**40, 2**40)),  # overflows 64 bits
        (npy_of("<u4", (-2, -1)), "<u4", (-2, -1)),
        (npy_of("<u4", (3,)), "<u4", (3,)),  # one too many
        (npy_of("<u4", (1,)), "<u4", (1,)),  # one too few
        (npy_of("<f8", (1,)), "<u4", (2,)),  # not what the manifest says
        (npy_of("<u4", (1, 2)), "<u4", (2,)),
        (npy_of("<u4", (2,), by_column=True), "<u4", (2,)),
    ],
)
def test_a_header_that_lies_is_refused(
    tmp_path: Path, content: bytes, dtype: str, shape: tuple[int, ...]
) -> None:
    folder, digest = forged(tmp_path, content, dtype, shape)
    with pytest.raises(ModelRefused, match=r"child\.npy: (not an array|does not hold)"):
        unpack(folder, digest)


@pytest.mark.parametrize("dtype", ["b1", "u1", "i1", "<u2", ">i4", "<u8", "<f2", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (1,) * 20])
def test_numpy_reads_what_is_stored(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, np.dtype(dtype))
    _, files = pack(replace(a_model(), arrays={"x": array}))
    back = np.load(io.BytesIO(files["x.npy"]), allow_pickle=False)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "another.v1"}, "format"),
        ({"extra": 1}, "unknown field"),
        ({"features": []}, "features must be 1 to"),
        ({"arrays": {"../../child": {}}}, "required field"),
        (
            {"arrays": {"../../child": {"sha256": "", "dtype": "<u4", "shape": [1]}}},
            "an array's name must match",
        ),
    ],
)
def test_a_foreign_manifest_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    version, files = pack(a_model())
    folder = tmp_path / version
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(ModelRefused, match=message):
        unpack(folder, rewrite(folder, change))


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
