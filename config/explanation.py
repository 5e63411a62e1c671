"""Why a metric is read as it is: its entries, the file of each part, and what to write if none."""

import difflib
import json
import re

import msgspec
import yaml

from config.catalogue import FOLDER, SHIPPED, CatalogueTable
from connectors.formats.flat_text import Pairs
from connectors.formats.labelled import labelled_spec
from schema import MetricSpec

MAX_NEAREST = 5

_PLAIN = re.compile(r"[A-Za-z_][\w./%|=-]*")  # needs no quotes in YAML
_MEANING = (
    "unit", "bad", "weight", "load", "felt", "lower", "upper", "min_change", "least_effect",
    "harmless",
)  # fmt: skip


class Entry(msgspec.Struct, frozen=True):
    """How one metric of one service is read."""

    service: str  # whose entry it is: the service itself or its family
    metric: str  # vendor's name, as the entry has it: with `|label=value`
    spec: MetricSpec
    files: dict[str, str]  # what each part of the spec was read from; absent: a default
    chosen_by: Pairs = ()  # labels that chose the entry, where labels were given
    labels: Pairs = ()  # of the series, where labels were given
    parts: Pairs = ()  # labels that only tell its streams apart, where labels were given


class Explanation(msgspec.Struct, frozen=True):
    """What the catalogue makes of a metric's name."""

    metric: str
    known: bool  # by a service that was asked for, or by any
    canonical: bool  # one of our own names
    entries: tuple[Entry, ...]  # if unknown, what it is treated as
    readings: tuple[tuple[str, str], ...] = ()  # services and vendors' names that become it
    by: tuple[str, ...] = ()  # endings and beginnings that an unknown name is treated by
    nearest: tuple[tuple[str, str, str], ...] = ()  # service, vendor's name, canonical name
    yaml: str = ""  # a layer that maps an unknown name


def explain(
    table: CatalogueTable, metric: str, service: str | None = None, labels: Pairs = ()
) -> Explanation:
    """Explain a metric of one service, or of each that knows it.

    With labels, the one entry a service that they choose; without, all entries of the name.
    """
    services = list(table.readings) if service is None else [service]
    found: dict[tuple[str, str], Entry] = {}
    for each in services:
        for entry in _chosen(table, each, metric, labels) if labels else _all(table, each, metric):
            found.setdefault((entry.service, entry.metric), entry)
    canonical = metric in table.canonical
    readings = _readings(table, metric, service) if canonical else ()
    if found or canonical:
        return Explanation(
            metric,
            known=True,
            canonical=canonical,
            entries=tuple(found.values()) or (_unread(table, service or "", metric),),
            readings=readings,
        )
    nearest = _nearest(table, metric, services)
    affixes = zip(("endings", "beginnings"), table.affixes(metric), strict=True)
    return Explanation(
        metric,
        known=False,
        canonical=False,
        entries=(_unread(table, service or "", metric),),
        by=tuple(f"{section}.{affix}" for section, affix in affixes if affix is not None),
        nearest=nearest,
        yaml=_layer(table, metric, service, nearest[0] if nearest else None),
    )


def file_name(path: str) -> str:
    """Return a path as people know it: "config/otel.yaml" for a shipped one."""
    shipped = {str(each): f"{FOLDER.name}/{each.name}" for each in SHIPPED}
    return shipped.get(path, path)


def _all(table: CatalogueTable, service: str, metric: str) -> list[Entry]:
    """Return every entry that serves a service under a name, whatever label chooses it."""
    known = table.readings_of(service)
    names = [name for name in known if metric in {name, name.partition("|")[0]}]
    if not names and table.find(service, metric) is not None:
        names = [metric]  # in another case, of a class of status, or any value
    return [_entry(table, service, name) for name in names]


def _chosen(table: CatalogueTable, service: str, metric: str, labels: Pairs) -> list[Entry]:
    """Return the entry that a decoder takes for a metric with labels, if there is one."""
    spec, rest, chosen = labelled_spec(table, service, metric, labels)
    name = metric + "".join(f"|{key}={value}" for key, value in chosen)
    if table.find(service, name) is None:
        return []
    entry = _entry(table, service, name)
    across = tuple(pair for pair in rest if pair[0] in spec.across)
    own = sorted({*(pair for pair in rest if pair not in across), *spec.labels})
    return [
        msgspec.structs.replace(
            entry, chosen_by=chosen, labels=tuple(own), parts=tuple(sorted({*chosen, *across}))
        )
    ]


def _entry(table: CatalogueTable, service: str, name: str) -> Entry:
    spec = table.lookup(service, name)
    found = table.find(service, name)
    if found is None:
        raise LookupError(f"{service} has no {name}")
    holder, known_as = found
    file = table.origins["services", holder, known_as]
    files = dict.fromkeys(("metric", "scale", "offset", "labels", "across"), file)
    files |= _meant_by(table, service, spec.metric)
    if table.readings[holder][known_as].statistic is not None:
        files["statistic"] = file
    shown = {key: file_name(path) for key, path in files.items()}
    return Entry(holder, known_as, spec, shown)


def _unread(table: CatalogueTable, service: str, metric: str) -> Entry:
    """Return the entry of a name that no service has: canonical, or unknown."""
    files: dict[str, str] = {}
    if metric not in table.canonical:
        for place in zip(("endings", "beginnings"), table.affixes(metric), strict=True):
            files |= {key[2]: file for key, file in table.origins.items() if key[:2] == place}
    files |= _meant_by(table, service, metric)
    shown = {key: file_name(path) for key, path in files.items()}
    return Entry(service, metric, table.lookup(service, metric), shown)


def _meant_by(table: CatalogueTable, service: str, metric: str) -> dict[str, str]:
    """Return the file of each key of a canonical name's meaning, the topmost layer's."""
    places = [("canonical", metric), *(("clouds", s, metric) for s in table.names.lineage(service))]
    return {
        key: table.origins[*place, key]
        for key in (*_MEANING, "statistic")
        for place in places
        if (*place, key) in table.origins
    }


def _readings(
    table: CatalogueTable, canonical: str, service: str | None
) -> tuple[tuple[str, str], ...]:
    holders = table.readings if service is None else table.names.lineage(service)
    return tuple(
        (holder, name)
        for holder in holders
        for name, reading in table.readings.get(holder, {}).items()
        if reading.metric == canonical
    )


def _nearest(
    table: CatalogueTable, metric: str, services: list[str]
) -> tuple[tuple[str, str, str], ...]:
    holders = dict.fromkeys(each for service in services for each in table.names.lineage(service))
    known = {
        name.partition("|")[0]: (holder, name, reading.metric)
        for holder in reversed(holders)
        for name, reading in reversed(table.readings.get(holder, {}).items())
    }
    folded = {name.casefold(): entry for name, entry in known.items()}
    close = difflib.get_close_matches(metric.casefold(), folded, MAX_NEAREST)
    return tuple(folded[name] for name in close)


def _layer(
    table: CatalogueTable, metric: str, service: str | None, near: tuple[str, str, str] | None
) -> str:
    """Return a layer that reads a metric as the one nearest is read, else as a new canonical."""
    if near is None:
        return (
            "canonical:\n  my.metric: {unit: count, bad: up, weight: 1, lower: 0, min_change: 1}\n"
            + _mapped(metric, service or "app.service", "metric: my.metric, scale: 1")
        )
    like = table.readings[near[0]][near[1]]
    service = service or near[0]
    parts = [f"metric: {like.metric}", f"scale: {like.scale:.12g}"]
    if like.offset:
        parts.append(f"offset: {like.offset:.12g}")
    if like.labels:
        parts.append(
            f"labels: {{{', '.join(f'{k}: {_quoted(v)}' for k, v in like.labels.items())}}}"
        )
    if like.across:
        parts.append(f"across: [{', '.join(map(_quoted, like.across))}]")
    own = table.readings.get(service, {})
    same = [name for name, other in own.items() if other.target == like.target]
    if same:
        parts.append(f"instead_of: {_quoted(same[0])}")
    _, bar, chosen = near[1].partition("|")
    name = metric if "|" in metric else metric + bar + chosen
    return f"# as {near[1]} is read\n" + _mapped(name, service, ", ".join(parts))


def _mapped(metric: str, service: str, reading: str) -> str:
    entry = f"      {_quoted(metric)}: {{{reading}}}\n"
    return f"services:\n  {_quoted(service)}:\n    metrics:\n{entry}"


def _quoted(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and yaml.safe_load(text) == text  # `on` would be true
    return text if plain else json.dumps(text, ensure_ascii=False)
