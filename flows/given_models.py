"""A registry for one replay: versions that were asked for, in place of what served then."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from connectors.control_log import Record
from connectors.model_registry import Entry, Registry
from schema import Promotion

ALWAYS_MS = 1  # before any data


class Given(msgspec.Struct, frozen=True):
    """What was given."""

    services: frozenset[str]
    data_to_ms: int  # the last that any of the versions has learned from


def give_models(registry: Path, versions: Sequence[str], into: Path) -> Given:
    """Make a registry in which the versions serve from the start.

    Other services have the models that they had, each in its time.

    Raises: ModelRefused for a version that is unknown or damaged, ValueError for two of a service.
    """
    known = Registry(registry)
    given: dict[str, Entry] = {}
    data_to_ms = 0
    for version in versions:
        entry = known.entry(version)
        service = entry.service
        if service in given:
            raise ValueError(
                f"models must be of different services, got {given[service].version!r} and "
                f"{version!r} of {service}"
            )
        data_to_ms = max(data_to_ms, known.manifest(entry).data_to_ms)
        serving = msgspec.structs.replace(entry, state="active", effective_from_ms=ALWAYS_MS)
        given[service] = serving
    others = [entry for entry in known.list() if entry.service not in given]
    known.copy(into, [*others, *given.values()])
    return Given(frozenset(given), data_to_ms)


def without_promotions(
    records: Sequence[Record], services: frozenset[str] | None = None
) -> list[Record]:
    """Return the records of a control log but promotions of the services; None: of any."""
    return [
        record
        for record in records
        if not isinstance(record, Promotion)
        or (services is not None and record.service not in services)
    ]
