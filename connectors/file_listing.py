"""Which files a list of paths means, and what format each one has."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from connectors.file_places import absolute, place_of, relative
from connectors.formats.auto import AUTO
from connectors.formats.registry import BINARY_FORMATS

MANIFEST = "manifest.json"
TABLE_FORMAT = "foreshock-json"  # what rows of a table are turned into
ENDINGS = "*.jsonl, *.ndjson or *.csv, also with .gz or .zst, or *.parquet"

_SAMPLES = re.compile(r"\.((jsonl|ndjson|csv)(\.gz|\.zst)?|parquet)$")
_LINES = re.compile(r"\.(json|log|txt)(\.gz|\.zst)?$")  # only where the path says so itself
_TABLE = re.compile(r"\.(csv(\.gz|\.zst)?|parquet)$")
_MESSAGE = re.compile(r"\.(bin|pb|binpb)(\.gz|\.zst)?$")  # beside the above, where they may be
_WILD = re.compile(r"[*?\[]")
_MANIFEST_LEVELS = 3  # a manifest speaks for a file in its folder or up to two below it


class Manifest(msgspec.Struct, frozen=True):
    """`manifest.json`: the sources of a folder and their formats. Other keys are ignored."""

    files: dict[str, str] = {}  # path relative to the manifest: format name


class SourceFile(NamedTuple):
    """One partition."""

    path: Path
    format: str


def list_files(paths: tuple[str, ...], format_name: str) -> dict[str, SourceFile]:
    """Return the files that `paths` mean, by partition name, in order.

    A partition's name is its path relative to the folder that all `paths` have in common. A folder
    with a manifest means the files that it names; any other means all files below it with a known
    ending, hidden ones and links to folders left out. With `auto` these are *.bin, *.pb and *.binpb
    too, with a binary format all endings. A file that is named itself may, with any of these, end
    in what it likes.

    Raises: ValueError naming the path that is missing, means no file, or has no format.
    """
    found: set[Path] = set()
    roots: list[Path] = []
    for text in paths:
        path = place_of(text)
        if path.exists() or not _WILD.search(text):
            files, root = _meant_by(path, format_name), path if path.is_dir() else path.parent
        else:
            fixed, pattern = _split_pattern(text)
            root = place_of(fixed)
            files = _matches(root, pattern, format_name)
        if not files:
            raise ValueError(f"{text}: must mean at least one file ({ENDINGS}), got none")
        found.update(absolute(file.parent) / file.name for file in files)
        roots.append(absolute(root))
    files = sorted(found, key=str)
    manifests: dict[Path, dict[str, str]] = {}
    return {
        name: SourceFile(file, _format(file, format_name, manifests))
        for name, file in zip(relative(files, roots), files, strict=True)
    }


def _meant_by(path: Path, format_name: str) -> list[Path]:
    if path.is_dir():
        return list(_below(path, format_name))
    if not path.is_file():
        raise ValueError(f"{path}: no such file or folder")
    known = _SAMPLES.search(path.name) or _LINES.search(path.name)
    if not known and format_name != AUTO and format_name not in BINARY_FORMATS:
        raise ValueError(
            f"{path}: a file must end in {ENDINGS}, or .json, .log or .txt (as lines), unless its "
            "format is binary or `auto`"
        )
    return [path]


def _matches(root: Path, pattern: str, format_name: str) -> list[Path]:
    named = _LINES.search(pattern)  # "logs/*.json": said by the pattern itself
    files: list[Path] = []
    for path in sorted(root.glob(pattern)):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            files += _below(path, format_name)
        elif _is_sample(path, format_name) or (named and path.name != MANIFEST):
            files.append(path)
    return files


def _is_sample(path: Path, format_name: str) -> bool:
    if path.name == MANIFEST:
        return False
    if format_name in BINARY_FORMATS or _SAMPLES.search(path.name):
        return True
    return format_name == AUTO and _MESSAGE.search(path.name) is not None


def _split_pattern(text: str) -> tuple[str, str]:
    """Return a pattern in two: before its first component with a wildcard, and from there on."""
    parts = text.split("/")
    wild = next(i for i, part in enumerate(parts) if _WILD.search(part))
    root = "/" if parts[0] == "" else "."
    return "/".join(parts[:wild]) or root, "/".join(parts[wild:])


def _below(folder: Path, format_name: str) -> Iterator[Path]:
    names = _manifest(folder)
    if names:
        for name, own_format in names.items():
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{folder / MANIFEST}: files must be below it, got {name!r}")
            yield from _meant_by(folder / name, format_name or own_format)
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not path.is_symlink():
                yield from _below(path, format_name)
        elif _is_sample(path, format_name):
            yield path


def _format(file: Path, format_name: str, manifests: dict[Path, dict[str, str]]) -> str:
    if _TABLE.search(file.name):
        return TABLE_FORMAT
    if format_name:
        return format_name
    for folder in file.parents[:_MANIFEST_LEVELS]:
        if folder not in manifests:
            manifests[folder] = _manifest(folder)
        found = manifests[folder].get(file.relative_to(folder).as_posix())
        if found:
            return found
    raise ValueError(f"{file}: its format must be named, or stand in a {MANIFEST} beside it")


def _manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest).files
    except msgspec.DecodeError as ex:
        raise ValueError(f'{path}: must be {{"files": {{path: format}}}}, {ex}') from ex
