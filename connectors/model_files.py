"""A stored model: numeric arrays as `.npy` files and the manifest that says what they are.

Files are hashed before they are looked at. An array's header is not parsed but compared with the
one that the manifest's dtype and shape make, and what follows must be just so many numbers: nothing
is ever unpickled or evaluated, and no header makes the reader allocate more than the file holds.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

MANIFEST = "manifest.json"
MAX_ARRAYS = 64
MAX_FEATURES = 65_535
MAX_FILE_BYTES = 2**30
MAX_MANIFEST_BYTES = 16 * 2**20
NUMBERS = re.compile(r"\|[bu]1|\|i1|[<>][iu][248]|[<>]f[248]")  # dtypes that may be stored
NPY_ALIGNMENT = 64  # of the numbers in a file
ARRAY_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
VERSION = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")
LIBRARIES = ("numpy", "scikit-learn", "river", "foreshock")

Setting = bool | int | float | str | None


class ModelRefused(Exception):
    """A stored model, or the registry's index, is not what was written, or never was one."""


@dataclass(frozen=True)
class StoredModel:
    """A model as the registry keeps it; what its arrays mean is for the flow to know."""

    service: str
    features: tuple[str, ...]  # names of a row's columns
    arrays: Mapping[str, npt.NDArray[np.generic]]  # numeric; calibration too
    data_from_ms: int  # event times that it was trained on, half-open
    data_to_ms: int
    effective_from_ms: int | None = None  # serves from then; None, not yet promoted: data_to_ms
    settings: Mapping[str, Setting] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)  # how well it does
    libraries: Mapping[str, str] = field(default_factory=dict)  # filled in when stored
    version: str = ""  # likewise


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    dtype: str
    shape: tuple[int, ...]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON beside the arrays."""

    format: Literal["foreshock.model.v1"]
    service: str
    features: tuple[str, ...]
    data_from_ms: int
    data_to_ms: int
    effective_from_ms: int | None
    settings: dict[str, Setting]
    figures: dict[str, float]
    libraries: dict[str, str]
    arrays: dict[str, _File]

    def __post_init__(self) -> None:
        if not self.service:
            raise ValueError("service must not be empty")
        if not 1 <= len(self.features) <= MAX_FEATURES:
            raise ValueError(f"features must be 1 to {MAX_FEATURES}, got {len(self.features)}")
        if len(set(self.features)) != len(self.features):
            raise ValueError("features must differ from each other")
        if not self.data_from_ms < self.data_to_ms:
            raise ValueError(
                f"data_from_ms must be below data_to_ms, got {self.data_from_ms!r} and "
                f"{self.data_to_ms!r}"
            )
        if not 1 <= len(self.arrays) <= MAX_ARRAYS:
            raise ValueError(f"arrays must be 1 to {MAX_ARRAYS}, got {len(self.arrays)}")
        for name in self.arrays:
            if not ARRAY_NAME.fullmatch(name):
                raise ValueError(f"an array's name must match {ARRAY_NAME.pattern}, got {name!r}")


def sha256(content: bytes) -> str:
    """Return the hex digest."""
    return hashlib.sha256(content).hexdigest()


def check_version(version: str) -> None:
    """Refuse, by ValueError, a version that is not the name of a folder below the registry's."""
    if not VERSION.fullmatch(version):
        raise ValueError(f"a version must match {VERSION.pattern}, got {version!r}")


def installed() -> dict[str, str]:
    """Return the versions of the libraries that a model depends on."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # foreshock itself, run from a checkout
            continue
    return found


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return the start of an `.npy` file, version 1.0 (NEP 1), of numbers row by row."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(10 + len(text) + 1) % NPY_ALIGNMENT) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("ascii")


def _npy(name: str, array: npt.NDArray[np.generic]) -> bytes:
    if not NUMBERS.fullmatch(array.dtype.str):
        raise ValueError(f"array {name!r} must be of numbers, got {array.dtype}")
    return _header(array.dtype.str, array.shape) + array.tobytes("C")


def pack(model: StoredModel) -> tuple[str, dict[str, bytes]]:
    """Return the model's version, which its content decides, and its files, manifest included.

    Raises:
        ValueError: the model is not one that could be read back.
    """
    files = {f"{name}.npy": _npy(name, array) for name, array in sorted(model.arrays.items())}
    manifest = Manifest(
        format="foreshock.model.v1",
        service=model.service,
        features=model.features,
        data_from_ms=model.data_from_ms,
        data_to_ms=model.data_to_ms,
        effective_from_ms=model.effective_from_ms,
        settings=dict(model.settings),
        figures=dict(model.figures),
        libraries=dict(model.libraries) or installed(),
        arrays={
            name: _File(sha256(files[f"{name}.npy"]), array.dtype.str, array.shape)
            for name, array in sorted(model.arrays.items())
        },
    )
    written = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"))
    _decoded(written, model.service)  # NaN among the figures, a service of lone surrogates ...
    slug = re.sub(r"[^a-z0-9]+", "-", model.service.lower()).strip("-")[:40] or "service"
    until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=model.data_to_ms)
    version = f"{slug}-{until:%Y%m%dt%H%M%S}-{sha256(written)[:12]}"
    check_version(version)
    return version, {**files, MANIFEST: written}


def _decoded(content: bytes, where: str) -> Manifest:
    try:
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as ex:
        raise ValueError(f"{where}: not a manifest of a model: {ex}") from ex


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes, else raise ModelRefused."""
    try:
        if not path.is_file():
            raise ModelRefused(f"{path}: missing, or not a file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as ex:
        raise ModelRefused(f"{path}: cannot be read: {ex.strerror}") from ex
    if len(content) > limit:
        raise ModelRefused(f"{path}: larger than {limit} bytes")
    return content


def _checked(path: Path, limit: int, digest: str) -> bytes:
    content = read_bounded(path, limit)
    if sha256(content) != digest:
        raise ModelRefused(f"{path}: damaged: its sha256 is not the one recorded")
    return content


def _array(content: bytes, said: _File, where: Path) -> npt.NDArray[np.generic]:
    if not NUMBERS.fullmatch(said.dtype):
        raise ModelRefused(f"{where}: must hold numbers, got {said.dtype!r} (it is not unpickled)")
    header = _header(said.dtype, said.shape)
    if not content.startswith(header):
        raise ModelRefused(f"{where}: not an array of {said.dtype} {said.shape}")
    dtype, count = np.dtype(said.dtype), math.prod(said.shape)
    if min((0, *said.shape)) < 0 or len(content) - len(header) != count * dtype.itemsize:
        raise ModelRefused(f"{where}: does not hold {said.shape} values")
    return np.frombuffer(content, dtype, count, len(header)).reshape(said.shape).copy()


def read_manifest(folder: Path, manifest_sha256: str) -> Manifest:
    """Read what is said of a model, and none of its arrays.

    Raises:
        ModelRefused: it is missing, damaged, or was not written by `pack`.
    """
    path = folder / MANIFEST
    try:
        return _decoded(_checked(path, MAX_MANIFEST_BYTES, manifest_sha256), str(path))
    except ValueError as ex:
        raise ModelRefused(str(ex)) from ex


def unpack(folder: Path, manifest_sha256: str) -> StoredModel:
    """Read what `pack` made of a model.

    Raises:
        ModelRefused: anything is missing, damaged, or was not written by `pack`.
    """
    manifest = read_manifest(folder, manifest_sha256)
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, said in manifest.arrays.items():
        file = folder / f"{name}.npy"
        arrays[name] = _array(_checked(file, MAX_FILE_BYTES, said.sha256), said, file)
    return StoredModel(
        service=manifest.service,
        features=manifest.features,
        arrays=arrays,
        data_from_ms=manifest.data_from_ms,
        data_to_ms=manifest.data_to_ms,
        effective_from_ms=manifest.effective_from_ms,
        settings=manifest.settings,
        figures=manifest.figures,
        libraries=manifest.libraries,
        version=folder.name,
    )
