"""What is known of resources beside their metrics: whose they are, how much they matter.

An inventory is a list of entries, each with fields that a resource must have and attributes that
it then gets. Entries of a file come from `inventory_file`, of a topic from `kafka_inventory`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import translate
from typing import Annotated

import msgspec

from schema import Labels, Resource

_WILD = re.compile(r"[*?\[]")
_SOME = msgspec.Meta(min_length=1)
_EXACT = ("key", "uid", "name", "account", "service", "region", "cloud")  # most telling first
_ALONE = frozenset({"key", "uid", "name"})  # each names a resource, or few
_PREFIX = "prefix"


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which resources an entry is about: all that have every field that is given."""

    resource: str = ""  # the name, exactly
    name: str = ""  # or as a pattern: `web-*`, `db?`, `[ab]*`
    cloud: str = ""
    account: str = ""
    region: str = ""
    service: str = ""
    uid: str = ""
    key: str = ""  # a resource's whole identity, as reports show it: `cloud|account|region|...`

    def __post_init__(self) -> None:
        if self.name and self.resource:
            raise ValueError("match must have `resource` or `name`, got both")
        if not any(msgspec.structs.astuple(self)):
            raise ValueError("match must have at least one field, got none (name: '*' means all)")


Attributes = Annotated[dict[Annotated[str, _SOME], str | int], _SOME]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is known."""

    match: Match
    attributes: Attributes


class _Rule:
    """An entry, ready to be asked."""

    __slots__ = ("_compiled", "attributes", "exact", "order", "pattern", "prefix")

    def __init__(self, order: int, entry: Entry) -> None:
        match = entry.match
        wild = _WILD.search(match.name)
        fields = {field: getattr(match, field) for field in _EXACT}
        fields["name"] = match.resource or ("" if wild else match.name)
        fields["uid"] = _folded(match.uid)
        self.order = order
        self.exact = [(field, value) for field, value in fields.items() if value]
        self.pattern = match.name if wild else ""
        self._compiled: re.Pattern[str] | None = None  # when it is first asked: it takes time
        self.prefix = match.name[: wild.start()] if wild else ""
        self.attributes = {key: str(value) for key, value in entry.attributes.items()}

    @property
    def place(self) -> tuple[str, str]:
        """What a resource that the entry is about is sure to have, as telling as can be."""
        if self.exact and (self.exact[0][0] in _ALONE or not self.prefix):
            return self.exact[0]
        return _PREFIX, self.prefix

    def matches(self, resource: Resource) -> bool:
        if any(_field(resource, field) != value for field, value in self.exact):
            return False
        if not self.pattern:
            return True
        if self._compiled is None:
            self._compiled = re.compile(translate(self.pattern))
        return self._compiled.match(resource.name) is not None


class Inventory:
    """Entries by what must be equal, so that 100,000 of them are not asked one by one.

    Where several speak of one resource, each attribute is that of the last one that has it.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by: defaultdict[tuple[str, str], list[_Rule]] = defaultdict(list)
        self._prefixes: set[int] = set()  # lengths of what stands before patterns' wildcards
        self._count = 0
        for entry in entries:
            rule = _Rule(self._count, entry)
            field, text = rule.place
            self._by[field, text].append(rule)
            self._count += 1
            if field == _PREFIX:
                self._prefixes.add(len(text))

    def __len__(self) -> int:
        return self._count

    def attributes(self, resource: Resource) -> Labels:
        """Return what is known of a resource, sorted by name; nothing if it is unknown."""
        keys = [(field, _field(resource, field)) for field in _EXACT]
        keys += {(_PREFIX, resource.name[:size]) for size in self._prefixes}
        rules = [rule for key in keys for rule in self._by.get(key, ()) if rule.matches(resource)]
        found: dict[str, str] = {}
        for rule in sorted(rules, key=lambda rule: rule.order):
            found |= rule.attributes
        return tuple(sorted(found.items()))


def _field(resource: Resource, field: str) -> str:
    value: str = getattr(resource, field)
    return _folded(value) if field == "uid" else value


def _folded(uid: str) -> str:
    """Return a uid as it is compared: producers of Azure's resource ids differ in case."""
    folded = uid.casefold().strip("/")
    return folded if folded.startswith("subscriptions/") else uid
