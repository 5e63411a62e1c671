"""Who needs whom, in a file: YAML or JSON."""

import json
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from connectors.yaml_text import given_twice, parse
from schema import Edge, TopologyMap

ENDINGS = (".yaml", ".yml", ".json")
_PLACE = re.compile(r"(?s)(.*?)(?: - at (`key` in )?`\$\.?(.*)`)?")

Name = Annotated[str, msgspec.Meta(min_length=1)]


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An edge as people write it."""

    caller: Name
    callee: Name
    type: Literal["calls", "runs_on", "in_zone"] = "calls"

    def edge(self) -> Edge:
        """Return it as triage knows it."""
        return Edge(self.caller, self.callee, self.type)


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    edges: tuple[Link, ...]
    nodes: tuple[Name, ...] = ()
    node_types: dict[Name, Name] = {}


def read_topology_file(name: str | Path) -> TopologyMap:
    """Read the file; the order of nothing in it matters.

    Raises: ValueError naming file, key and what must hold.
    """
    path = Path(name)
    if path.suffix not in ENDINGS:
        raise ValueError(f"{path}: a topology must end in {', '.join(ENDINGS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as ex:
        raise ValueError(f"{path}: must be readable, got {ex.strerror}") from ex
    except UnicodeDecodeError as ex:
        raise ValueError(f"{path}: must be UTF-8, got {ex.reason} at byte {ex.start}") from ex
    try:
        data = _of_json(text) if path.suffix == ".json" else _of_yaml(text)
    except ValueError as ex:
        raise ValueError(f"{path}: {ex}") from ex
    try:
        return _map(msgspec.convert(data, _Document))
    except msgspec.ValidationError as ex:
        raise ValueError(f"{path}: {_placed(str(ex))}") from ex


def _of_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as ex:
        raise ValueError(f"must be JSON: {ex}") from ex
    except RecursionError as ex:
        raise ValueError("must be JSON of some depth, got one nested too deeply") from ex


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    for name, _ in pairs if len(found) < len(pairs) else ():
        if [key for key, _ in pairs].count(name) > 1:
            raise ValueError(f"{name}: must be given once, got it twice")
    return found


def _of_yaml(text: str) -> object:
    data, node = parse(text)
    twice = None if node is None else given_twice(node)
    if twice is not None:
        line = twice.start_mark.line + 1
        raise ValueError(f"line {line}: {twice.value}: must be given once, got it twice")
    return data


def _map(document: _Document) -> TopologyMap:
    edges = {link.edge() for link in document.edges}
    types = tuple(sorted(document.node_types.items()))
    return TopologyMap(tuple(sorted(set(document.nodes))), types, tuple(sorted(edges)))


def _placed(message: str) -> str:
    """Put the place before what is wrong, as in the messages about settings."""
    match = _PLACE.fullmatch(message)
    if match is None or not match[3]:
        return message if match is None else match[1]
    of = " (of a key)" if match[2] else " (of a value)" if match[3].endswith("[...]") else ""
    return f"{match[3].removesuffix('[...]')}: {match[1]}{of}"
