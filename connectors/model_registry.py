"""Models in a folder: arrays as `.npy` files and a JSON manifest each, and one index of states.

    index.json                    every version's state and effective time; replaced atomically
    <version>/manifest.json       what the model is, and the sha256 of each of its files
    <version>/<array>.npy

A version's folder never changes once it is there, and appears in the index last, so readers need
no lock; writers exclude each other by one. What is read is hashed before it is parsed, and parsed
as plain numbers only: a pickle is refused unread.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from connectors.model_files import (
    MANIFEST,
    SHA256,
    Manifest,
    ModelRefused,
    StoredModel,
    check_version,
    pack,
    read_bounded,
    read_manifest,
    sha256,
    unpack,
)

__all__ = ["Entry", "ModelRefused", "Registry", "State", "StoredModel"]

State = Literal["candidate", "active", "retired"]

INDEX = "index.json"
LOCK = ".lock"
TEMPORARY = ".new-"
MAX_INDEX_BYTES = 16 * 2**20


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the index says of a version; one that served twice has an entry for each time."""

    version: str
    service: str
    state: State
    manifest_sha256: str
    effective_from_ms: int | None = None  # event time; None: was never active

    def __post_init__(self) -> None:
        check_version(self.version)
        if not SHA256.fullmatch(self.manifest_sha256):
            raise ValueError(f"manifest_sha256 must be 64 hex digits, got {self.manifest_sha256!r}")
        if self.state == "active" and self.effective_from_ms is None:
            raise ValueError(f"{self.version} is active and must say from when")


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["foreshock.models.v1"]
    sha256: str  # of the bytes of `entries`
    entries: msgspec.Raw


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _find(entries: Sequence[Entry], version: str) -> Entry:
    for entry in reversed(entries):
        if entry.version == version:
            return entry
    raise ModelRefused(f"no model {version!r} in the registry")


def _promoted(entries: Sequence[Entry], version: str, from_ms: int) -> Sequence[Entry]:
    """Return the entries with `version` active and last, and the active one before it retired."""
    new = _find(entries, version)
    out = []
    for entry in entries:
        if entry.service == new.service and entry.state == "active":
            if (entry.effective_from_ms or 0) > from_ms:
                raise ValueError(
                    f"{version} must not take effect before {entry.version}, active from "
                    f"{entry.effective_from_ms}, got {from_ms!r}"
                )
            if entry.version == version:
                raise ValueError(f"{version} is active already")
            out.append(msgspec.structs.replace(entry, state="retired"))
        elif entry.version != version or entry.effective_from_ms is not None:
            out.append(entry)  # what served once stays, for replays of that time
    return [*out, msgspec.structs.replace(new, state="active", effective_from_ms=from_ms)]


def _effective_ms(model: StoredModel) -> int:
    return model.data_to_ms if model.effective_from_ms is None else model.effective_from_ms


_Entries = list[Entry]  # the class below has a method of that name


class Registry:
    """The models below `path`, which is made when the first one is registered."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def register(
        self, model: StoredModel, state: Literal["candidate", "active"] = "candidate"
    ) -> str:
        """Store the model, return its version; the same model again gives the same version.

        `state="active"` promotes it too, from its `effective_from_ms` or the end of its data on.

        Raises:
            ValueError: the model is not one that could be read back.
        """
        version, contents = pack(model)
        with self._writing():
            entries = self.list()
            if all(entry.version != version for entry in entries):
                self._add_folder(version, contents)
                new = Entry(version, model.service, "candidate", sha256(contents[MANIFEST]))
                entries = [*entries, new]
            if state == "active" and _find(entries, version).state != "active":
                entries = _promoted(entries, version, _effective_ms(model))
            self._write_index(entries)
        return version

    def list(self) -> Sequence[Entry]:
        """Return every version; those that served, in the order in which they did."""
        path = self._path / INDEX
        if not path.exists():
            return []
        content = read_bounded(path, MAX_INDEX_BYTES)
        try:
            index = msgspec.json.decode(content, type=_Index)
            if sha256(bytes(index.entries)) != index.sha256:
                raise ModelRefused(f"{path}: damaged: its sha256 is not the one recorded")
            return msgspec.json.decode(index.entries, type=_Entries)
        except (msgspec.DecodeError, UnicodeDecodeError) as ex:
            raise ModelRefused(f"{path}: not an index of models: {ex}") from ex

    def load(self, version: str) -> StoredModel:
        """Return a version, whatever its state.

        Raises:
            ModelRefused: unknown or damaged.
        """
        return self._load(_find(self.list(), version))

    def entry(self, version: str) -> Entry:
        """Return what the index says of a version, at the last.

        Raises:
            ModelRefused: unknown.
        """
        return _find(self.list(), version)

    def copy(self, into: Path, entries: Sequence[Entry]) -> None:
        """Make a registry at `into` that says of this one's versions what `entries` say."""
        other = Registry(into)
        with other._writing():
            for version in sorted({entry.version for entry in entries}):
                shutil.copytree(self._path / version, into / version)
            other._write_index(entries)

    def manifest(self, entry: Entry) -> Manifest:
        """Return what is said of a version, without a look at its arrays.

        Raises:
            ModelRefused: damaged.
        """
        return read_manifest(self._path / entry.version, entry.manifest_sha256)

    def served_before(self, service: str) -> str | None:
        """Return which other version served last before the active one; None: none did."""
        entries = [entry for entry in self.list() if entry.service == service]
        active = self.active_version(service)
        served = [e.version for e in entries if e.state == "retired" and e.effective_from_ms]
        return next((version for version in reversed(served) if version != active), None)

    def active_version(self, service: str, at_ms: int | None = None) -> str | None:
        """Return which version serves now, or served at an event time as far as is known."""
        entry = self._active(service, at_ms)
        return None if entry is None else entry.version

    def active(self, service: str, at_ms: int | None = None) -> StoredModel | None:
        """Return the model that serves now, or that served at an event time; None: none does.

        Raises:
            ModelRefused: it is damaged; an older one is not taken instead, unasked.
        """
        entry = self._active(service, at_ms)
        return None if entry is None else self._load(entry)

    def promote(self, version: str, effective_from_ms: int | None = None) -> None:
        """Make a version active from an event time on, and retire the one that was.

        None: from the end of its data on, or when its manifest says.

        Raises:
            ModelRefused: unknown or damaged.
            ValueError: the one active now took effect later than that.
        """
        with self._writing():
            entries = self.list()
            model = self._load(_find(entries, version))
            from_ms = _effective_ms(model) if effective_from_ms is None else effective_from_ms
            self._write_index(_promoted(entries, version, from_ms))

    def decline(self, version: str) -> None:
        """Retire a candidate. An active version is retired by promoting another.

        Raises:
            ModelRefused: unknown.
            ValueError: not a candidate.
        """
        with self._writing():
            entries = self.list()
            found = _find(entries, version)
            if found.state != "candidate":
                raise ValueError(f"{version} must be a candidate, got {found.state!r}")
            declined = msgspec.structs.replace(found, state="retired")
            self._write_index([declined if entry is found else entry for entry in entries])

    def _active(self, service: str, at_ms: int | None) -> Entry | None:
        entries = [entry for entry in self.list() if entry.service == service]
        if at_ms is None:
            return next((entry for entry in entries if entry.state == "active"), None)
        known = [e for e in entries if e.effective_from_ms is not None]
        return next((e for e in reversed(known) if (e.effective_from_ms or 0) <= at_ms), None)

    def _load(self, entry: Entry) -> StoredModel:
        model = unpack(self._path / entry.version, entry.manifest_sha256)
        if model.service != entry.service:
            raise ModelRefused(
                f"{entry.version}: of {entry.service!r} by the index, "
                f"of {model.service!r} by its manifest"
            )
        if entry.effective_from_ms is None:
            return model
        return replace(model, effective_from_ms=entry.effective_from_ms)

    def _write_index(self, entries: Sequence[Entry]) -> None:
        raw = msgspec.json.encode(entries)
        index = _Index("foreshock.models.v1", sha256(raw), msgspec.Raw(raw))
        new = self._path / (INDEX + ".new")
        _write(new, msgspec.json.encode(index))
        new.replace(self._path / INDEX)
        _sync_folder(self._path)

    def _add_folder(self, version: str, contents: dict[str, bytes]) -> None:
        for stale in self._path.glob(TEMPORARY + "*"):  # of a writer that died
            shutil.rmtree(stale, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=self._path))
        for name, content in contents.items():
            _write(temporary / name, content)
        _sync_folder(temporary)
        target = self._path / version
        if target.exists():  # whoever made it died before it came into the index
            shutil.rmtree(target)
        temporary.rename(target)
        _sync_folder(self._path)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self._path.mkdir(parents=True, exist_ok=True)
        with (self._path / LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # freed by closing, also when the process dies
            yield
