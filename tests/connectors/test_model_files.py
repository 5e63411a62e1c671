"""What is stored is read back as numbers; what is not numbers is refused unread."""

import io
import json
import os
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from connectors.model_files import ModelRefused, StoredModel, pack, sha256, unpack
from tests.connectors.stored_models import a_model


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
    model: StoredModel, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        pack(model)


def rewrite(folder: Path, change: Mapping[str, object]) -> str:
    """Store a changed manifest beside the arrays, and return its digest, as a forger would."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest.update(change)
    content = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(content)
    return sha256(content)


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
