"""An inventory in a file: YAML, JSON lines or CSV."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import yaml

from connectors.inventory import Entry, Inventory, Match
from connectors.yaml_text import given_twice, parse

ENDINGS = ".yaml, .yml, .jsonl, .ndjson or .csv"
_MATCH = frozenset(Match.__struct_fields__)


class InventoryFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file"):
    """The file. A large one is read fastest as CSV or JSON lines."""

    path: str

    def __post_init__(self) -> None:
        if Path(self.path).suffix not in _READERS:
            raise ValueError(f"path must end in {ENDINGS}, got {self.path!r}")


def read_inventory(settings: InventoryFile) -> Inventory:
    """Read the file.

    Raises: ValueError naming file, entry (by place or line, from 1) and what must hold.
    """
    path = Path(settings.path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as ex:
        raise ValueError(f"{path}: must be readable, got {ex.strerror}") from ex
    except UnicodeDecodeError as ex:
        raise ValueError(f"{path}: must be UTF-8, got {ex.reason} at byte {ex.start}") from ex
    return Inventory(_entry(path, where, raw) for where, raw in _READERS[path.suffix](path, text))


def _entry(path: Path, where: str, raw: object) -> Entry:
    try:
        return msgspec.convert(raw, Entry)
    except msgspec.ValidationError as ex:
        raise ValueError(f"{path}: {where}: {ex}") from ex


_Raw = Iterator[tuple[str, object]]


def _from_yaml(path: Path, text: str) -> _Raw:
    try:
        document, node = parse(text)
    except ValueError as ex:
        raise ValueError(f"{path}: {ex}") from ex
    members = node.value if isinstance(node, yaml.SequenceNode) else []
    entries = document if isinstance(document, list) else None
    if entries is None:
        raise ValueError(f"{path}: must be a list of entries, got a {type(document).__name__}")
    for number, (raw, member) in enumerate(zip(entries, members, strict=True), 1):
        twice = given_twice(member)
        if twice is not None:
            name = str(twice.value)
            raise ValueError(f"{path}: entry {number}: {name}: must be given once, got it twice")
        yield f"entry {number}", raw


def _from_lines(path: Path, text: str) -> _Raw:
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.isspace():
            continue
        try:
            yield f"line {number}", msgspec.json.decode(line)
        except msgspec.DecodeError as ex:
            raise ValueError(f"{path}: line {number}: must be JSON: {ex}") from ex


def _from_csv(path: Path, text: str) -> _Raw:
    """Columns named as fields of `match` are these, all others attributes; empty cells nothing."""
    reader = csv.DictReader(text.splitlines(), strict=True)
    header = list(reader.fieldnames or ())
    if len(set(header)) < len(header) or not _MATCH & set(header):
        raise ValueError(
            f"{path}: line 1: must name columns, each once, some of them of "
            f"{', '.join(Match.__struct_fields__)}, got {header!r}"
        )
    try:
        for row in reader:
            yield f"line {reader.line_num}", _of_row(path, reader.line_num, row)
    except csv.Error as ex:
        raise ValueError(f"{path}: line {reader.line_num}: must be CSV: {ex}") from ex


def _of_row(path: Path, number: int, row: Mapping[str | None, str | None]) -> object:
    if None in row or None in row.values():
        raise ValueError(f"{path}: line {number}: must have as many cells as the header")
    cells = {str(name): cell for name, cell in row.items() if cell}
    return {
        "match": {name: cell for name, cell in cells.items() if name in _MATCH},
        "attributes": {name: cell for name, cell in cells.items() if name not in _MATCH},
    }


_READERS = {
    ".yaml": _from_yaml,
    ".yml": _from_yaml,
    ".jsonl": _from_lines,
    ".ndjson": _from_lines,
    ".csv": _from_csv,
}
