"""How detection stands in each service, and which versions of its model there are."""

from collections.abc import Sequence
from pathlib import Path

from connectors.model_files import ModelRefused
from connectors.model_registry import Entry, Registry
from flows.standing import Statistics, statistics_of
from schema.desk import DetectorView, DriftView, ModelsPage, ServiceModels, VersionView


def models_page(store: str, folder: str | None) -> ModelsPage:
    """Return all services that the store or the registry knows."""
    registry = None if folder is None or not Path(folder).is_dir() else Registry(Path(folder))
    entries = [] if registry is None else list(registry.list())
    known = {each.service: each for each in statistics_of(store)}
    names = sorted({*known, *(entry.service for entry in entries)})
    return ModelsPage(
        services=tuple(
            _service(name, known.get(name), _versions(registry, entries, name)) for name in names
        ),
        registry=registry is not None,
    )


def _service(
    name: str, found: Statistics | None, versions: tuple[VersionView, ...]
) -> ServiceModels:
    if found is None:
        return ServiceModels(service=name, until_ms=0, versions=versions)
    drift = found.drift
    return ServiceModels(
        service=name,
        until_ms=found.until_ms,
        in_use=found.versions,
        resources=found.resources,
        warming=found.warming,
        scored=found.scored,
        anomalous=found.anomalous,
        anomaly_rate=found.anomaly_rate,
        precision=found.precision,
        real=found.real,
        false_positive=found.false_positive,
        scores=found.scores,
        detectors=tuple(
            DetectorView(
                name=each.name,
                rows=each.rows,
                mean_surprise=each.mean_surprise,
                anomaly_rate=each.anomaly_rate,
                precision=each.precision,
                real=each.real,
                false_positive=each.false_positive,
            )
            for each in found.detectors
        ),
        drift=None
        if drift is None
        else DriftView(
            state=drift.state,
            since_ms=drift.since_ms,
            share=drift.share,
            drifts=drift.drifts,
            until_ms=drift.until_ms,
        ),
        versions=versions,
    )


def _versions(
    registry: Registry | None, entries: Sequence[Entry], service: str
) -> tuple[VersionView, ...]:
    if registry is None:
        return ()
    return tuple(_version(registry, entry) for entry in entries if entry.service == service)


def _version(registry: Registry, entry: Entry) -> VersionView:
    """Return a version; one that is damaged too, with why it is refused."""
    try:
        said = registry.manifest(entry)
    except ModelRefused as ex:
        return VersionView(
            version=entry.version,
            state=entry.state,
            effective_from_ms=entry.effective_from_ms,
            refused=str(ex),
        )
    return VersionView(
        version=entry.version,
        state=entry.state,
        effective_from_ms=entry.effective_from_ms,
        data_from_ms=said.data_from_ms,
        data_to_ms=said.data_to_ms,
        figures=dict(said.figures),
    )
