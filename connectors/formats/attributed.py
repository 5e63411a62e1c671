"""What an inventory knows of resources, laid over what payloads say of them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from schema import Decoded, Decoder, Labels, Resource, Series, SeriesTable

_MAX_CACHED = 65_536


class Inventory(Protocol):
    """Attributes that are known of resources from elsewhere."""

    def attributes(self, resource: Resource) -> Labels:
        """Return what is known of a resource, sorted; nothing if it is unknown."""
        ...


class Attributed:
    """A decoder over another one: each resource that it meets gets its attributes, once."""

    def __init__(self, decoder: Decoder, inventory: Inventory) -> None:
        self._decode = decoder
        self._inventory = inventory
        self._table: SeriesTable | None = None
        self._over: SeriesTable = SeriesTable()

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """See schema.Decoder."""
        if table is not self._table:
            self._table, self._over = table, _AttributedTable(table, self._inventory)
        return self._decode(payloads, self._over)


class _AttributedTable(SeriesTable):
    """Another table, under resources with their attributes."""

    def __init__(self, table: SeriesTable, inventory: Inventory) -> None:
        super().__init__()
        self.series, self.source_metric = table.series, table.source_metric
        self._table = table
        self._inventory = inventory
        self._resources: dict[Resource, Resource] = {}

    def index(self, series: Series, source_metric: str = "") -> int:
        resource = self._resources.get(series.resource)
        if resource is None:
            if len(self._resources) >= _MAX_CACHED:
                self._resources.clear()
            resource = self._resources[series.resource] = self._known(series.resource)
        if resource is not series.resource:
            series = msgspec.structs.replace(series, resource=resource)
        return self._table.index(series, source_metric)

    def _known(self, resource: Resource) -> Resource:
        known = self._inventory.attributes(resource)
        if not known:
            return resource
        merged = {**dict(resource.attributes), **dict(known)}
        return msgspec.structs.replace(resource, attributes=tuple(sorted(merged.items())))
