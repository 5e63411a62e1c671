"""The metric catalogue: YAML layers merged into what `schema.Catalogue` asks for.

Each file is a layer, with the sections of `Layer`; a later one goes over an earlier one, key by
key. A vendor's entry says how to read a value, a canonical entry what it means: so a metric means
the same by whichever name it is looked up.
"""

import functools
import re
from pathlib import Path
from typing import Any

from config.catalogue_layers import Layer, Meaning, Overrides, Reading, Service
from config.loader import ConfigError, load
from config.service_names import MAX_CACHED, ServiceNames
from schema import MetricSpec

FOLDER = Path(__file__).parent
SHIPPED = tuple(
    FOLDER / f"{name}.yaml" for name in ("catalogue", "otel", "telegraf", "prometheus", "clouds")
)

# A metric of which a label says what it means: `<name>|<label>=<value>`.
_LABELLED = re.compile(r"(?P<any>[^|]*\|[^|=]+=)(?P<status>[1-5]\d\d$)?", re.DOTALL)


class CatalogueTable:
    """Layers, merged. Satisfies `schema.Catalogue`; lookups are cached, within a bound."""

    def __init__(self) -> None:
        self.names = ServiceNames()
        self.canonical: dict[str, Meaning] = {}
        self.endings: dict[str, Meaning] = {}
        self.beginnings: dict[str, Meaning] = {}
        self.readings: dict[str, dict[str, Reading]] = {}  # by service and vendor's name
        self.overrides: dict[str, Overrides] = {}  # by cloud ("aws") and service ("aws.ec2")
        # The file that an entry came from: ("services", service, metric), and key by key
        # ("canonical", metric, key), ("endings", ending, key), ("beginnings", beginning, key),
        # ("clouds", name, metric, key).
        self.origins: dict[tuple[str, ...], str] = {}
        self._choosing: set[tuple[str, str]] = set()  # service and case-folded name, before "|"
        self._folded: dict[tuple[str, str], str] = {}
        self._specs: dict[tuple[str, str], MetricSpec] = {}

    def service(self, cloud: str, vendor_service: str) -> str:
        """Return our name ("aws.ec2") of a vendor's ("AWS/EC2"), made up by rule if unknown."""
        return self.names.find(cloud, vendor_service)

    def lookup(self, service: str, vendor_metric: str) -> MetricSpec:
        """Return the entry of a vendor's or canonical metric name; a default one if unknown."""
        key = (service, vendor_metric)
        found = self._specs.get(key)
        if found is None:
            base, bar, _ = vendor_metric.partition("|")
            if bar and not self._chooses(service, base):
                return MetricSpec(vendor_metric)  # asked for each new label, and not worth keeping
            if len(self._specs) >= MAX_CACHED:
                self._specs.clear()
            found = self._specs[key] = self._spec(service, vendor_metric)
        return found

    def tier(self, service: str) -> int | None:
        """Return how much a service matters, 1 most; None if nothing says so."""
        for name in reversed(self.names.lineage(service)):
            overrides = self.overrides.get(name)
            if overrides is not None and overrides.tier is not None:
                return overrides.tier
        return None

    def _chooses(self, service: str, base: str) -> bool:
        """Whether a label may choose an entry of a metric."""
        folded = base.casefold()
        return any((holder, folded) in self._choosing for holder in self.names.lineage(service))

    def find(self, service: str, name: str) -> tuple[str, str] | None:
        """Return where the reading of a metric stands: a service, or its family, and a name.

        In that order: the name itself, its class of status (`|code=5xx` for `|code=503`), that
        with any value (`|code=*`), the name in another case unless it is canonical.
        """
        names = [name]
        if (labelled := _LABELLED.match(name)) is not None:
            if labelled["status"]:
                names.append(f"{labelled['any']}{labelled['status'][0]}xx")
            names.append(f"{labelled['any']}*")
        for wanted in names:
            for holder in reversed(self.names.lineage(service)):
                if wanted in self.readings.get(holder, ()):
                    return holder, wanted
        if name not in self.canonical:
            for holder in reversed(self.names.lineage(service)):
                if (folded := self._folded.get((holder, name.casefold()))) is not None:
                    return holder, folded
        return None

    def affixes(self, name: str) -> tuple[str | None, str | None]:
        """Return the longest of the `endings` and of the `beginnings` that a name has."""
        ends = [each for each in self.endings if name.endswith(each)]
        begins = [each for each in self.beginnings if name.startswith(each)]
        return max(ends, key=len, default=None), max(begins, key=len, default=None)

    def readings_of(self, service: str) -> dict[str, Reading]:
        """Return every reading that serves a service: those of its family and its own."""
        merged: dict[str, Reading] = {}
        for holder in self.names.lineage(service):
            merged |= self.readings.get(holder, {})
        return merged

    def _spec(self, service: str, name: str) -> MetricSpec:
        found = self.find(service, name)
        if found is None:
            return MetricSpec(name, **self._unread(service, name))
        reading = self.readings[found[0]][found[1]]
        metric, labels = reading.target
        meant = self.meaning(service, metric).present()
        meant["statistic"] = self._statistic(reading, meant)
        return MetricSpec(
            metric,
            scale=reading.scale,
            offset=reading.offset,
            labels=labels,
            across=reading.across,
            **meant,
        )

    def _unread(self, service: str, name: str) -> dict[str, Any]:
        """Return what a canonical name means, or a name that nobody knows."""
        meant = self.meaning(service, name).present()
        if name not in self.canonical:
            ending, beginning = self.affixes(name)
            if ending is not None:
                meant = self.endings[ending].present() | meant
                # The sum and extremes of a histogram are as many series as its mean is.
                stem = self.find(service, name.removesuffix(ending))
                meant["across"] = () if stem is None else self.readings[stem[0]][stem[1]].across
            if beginning is not None:
                meant |= self.beginnings[beginning].present()
            return meant
        readings = self.readings_of(service).values()
        taken = {self._statistic(other, meant) for other in readings if other.metric == name}
        if len(taken) == 1:  # ticks sum what was summed, whichever name they look up
            meant["statistic"] = taken.pop()
        return meant

    @staticmethod
    def _statistic(reading: Reading, meant: dict[str, Any]) -> str:
        return str(reading.statistic or meant.get("statistic", "mean"))

    def meaning(self, service: str, metric: str) -> Meaning:
        """Return what a canonical name means in a service, the most specific layer on top."""
        found = self.canonical.get(metric, Meaning())
        for name in self.names.lineage(service):
            if name in self.overrides:
                found = self.overrides[name].metrics.get(metric, Meaning()).over(found)
        return found

    def add(self, layer: Layer, path: str | Path) -> None:
        """Lay a file over what is there.

        Raises: ConfigError if it names a metric or service that no layer declares.
        """
        for section, known, given in (
            ("canonical", self.canonical, layer.canonical),
            ("endings", self.endings, layer.endings),
            ("beginnings", self.beginnings, layer.beginnings),
        ):
            for name, meaning in given.items():
                known[name] = meaning.over(known.get(name, Meaning()))
                self._note(path, meaning, section, name)
        for service, entry in layer.services.items():
            self._add_service(service, entry, path)
        for cloud, overrides in layer.clouds.items():
            where = f"clouds.{cloud}"
            self._override(cloud, overrides.defaults, path, f"{where}.defaults")
            for service, own in overrides.services.items():
                at = f"{where}.services.{service}"
                if service not in self.readings or not service.startswith(f"{cloud}."):
                    raise ConfigError(
                        f"{path}: {at}: must be a service of {cloud} that is declared under "
                        f"`services`, got {service!r}"
                    )
                self._override(service, own, path, at)
        self._specs.clear()

    def _note(self, path: str | Path, meaning: Meaning, *place: str) -> None:
        self.origins |= {(*place, key): str(path) for key in meaning.present()}

    def _add_service(self, service: str, entry: Service, path: str | Path) -> None:
        self.names.add(service, entry.names, entry.family)
        readings = self.readings.setdefault(service, {})
        readings.update(entry.metrics)
        self.origins |= {("services", service, name): str(path) for name in entry.metrics}
        taken: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
        for name, reading in readings.items():
            where = f"{path}: services.{service}.metrics.{name}"
            if reading.metric not in self.canonical:
                raise ConfigError(
                    f"{where}.metric: must be declared under `canonical`, got {reading.metric!r}"
                )
            if name in self.canonical and (reading.metric != name or reading.converts):
                raise ConfigError(
                    f"{where}: is a canonical name too, and must be read as itself, unconverted"
                )
            self._folded[service, name.casefold()] = name
            if "|" in name:
                self._choosing.add((service, name.partition("|")[0].casefold()))
            if reading.instead_of is None:
                other = taken.setdefault(reading.target, name)
                # Where a label chose the entry, it tells the streams of the series apart.
                if other.split("|", 1)[0] != name.split("|", 1)[0]:
                    raise ConfigError(
                        f"{where}: would be mixed with {other!r}, which also becomes "
                        f"{reading.metric!r}; give it labels, or `instead_of: {other}`"
                    )
        for name, reading in readings.items():
            first = readings.get(reading.instead_of) if reading.instead_of is not None else reading
            if first is None or first.target != reading.target:
                raise ConfigError(
                    f"{path}: services.{service}.metrics.{name}.instead_of: must be a metric of "
                    f"the service that becomes the same, got {reading.instead_of!r}"
                )

    def _override(self, name: str, given: Overrides, path: str | Path, where: str) -> None:
        below = self.overrides.get(name, Overrides())
        metrics = dict(below.metrics)
        for metric, meaning in given.metrics.items():
            if metric not in self.canonical:
                raise ConfigError(
                    f"{path}: {where}.metrics.{metric}: must be declared under `canonical`, "
                    f"got {metric!r}"
                )
            metrics[metric] = meaning.over(metrics.get(metric, Meaning()))
            self._note(path, meaning, "clouds", name, metric)
        tier = below.tier if given.tier is None else given.tier
        self.overrides[name] = Overrides(tier, metrics)


def load_catalogue(*paths: str | Path) -> CatalogueTable:
    """Read layers in order, those that are shipped if none is given.

    `load_catalogue(*SHIPPED, "mine.yaml")` lays a file over what is shipped.

    Raises: ConfigError with file and key.
    """
    table = CatalogueTable()
    for path in paths or SHIPPED:
        table.add(_shipped(path) if path in SHIPPED else load(path, Layer), path)
    _check_limits(table, paths[-1] if paths else SHIPPED[-1])
    return table


@functools.cache
def _shipped(path: str | Path) -> Layer:
    """Read a file that does not change while the process lives, once: half a second for all."""
    return load(path, Layer)


def _check_limits(table: CatalogueTable, path: str | Path) -> None:
    """Refuse limits that are good in each layer and contradict each other when merged."""
    for name, overrides in table.overrides.items():
        for metric in overrides.metrics:
            try:
                table.lookup(name, metric)
            except ValueError as ex:
                raise ConfigError(f"{path}: {metric} of {name}, all layers merged: {ex}") from ex
