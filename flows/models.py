"""Between the registry's arrays and the models that the flow scores with."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from connectors.model_files import ModelRefused, Setting, StoredModel
from connectors.model_registry import Registry
from models import calibration
from models.flat_forest import from_arrays, to_arrays
from models.fusion import DETECTORS
from operators.reservoir import VIEW_NAMES
from operators.shelf import EMPTY_SHELF, ServiceModel, Serving, Shelf
from operators.training import Trained

_log = logging.getLogger(__name__)

TAILS, HELD_ROWS = "tails", "held_rows"  # arrays beside those of the forest


def shelf_of(
    folder: str | None, tick_s: int, refused: Callable[[str], None] = lambda _: None
) -> Shelf:
    """Return what the registry at `folder` holds that ever served; an empty shelf for None.

    Its loader logs why it refuses a version, and says the service to `refused`: once a version, and
    so does a flow that asks for it in many places.

    Raises: ModelRefused naming the file, where the index or the version that is active of a service
    is damaged or does not fit this release or tick.
    """
    if folder is None:
        return EMPTY_SHELF
    registry = Registry(Path(folder))
    servings: dict[str, tuple[Serving, ...]] = {}
    active: list[tuple[str, str]] = []
    for entry in registry.list():
        if entry.effective_from_ms is not None:
            known = servings.get(entry.service, ())
            servings[entry.service] = (*known, Serving(entry.effective_from_ms, entry.version))
        if entry.state == "active":
            active.append((entry.service, entry.version))
    load = _Loader(registry, tick_s, refused)
    for service, version in active:
        load.checked(service, version)
    return Shelf(servings, load)


class _Loader:
    """Answers alike each time. Memory: 0.5 MB a version that was asked for."""

    def __init__(self, registry: Registry, tick_s: int, refused: Callable[[str], None]) -> None:
        self._registry = registry
        self._tick_s = tick_s
        self._refused = refused
        self._answers: dict[tuple[str, str], ServiceModel | None] = {}

    def checked(self, service: str, version: str) -> ServiceModel:
        """Load a version; raise ModelRefused where it cannot be used."""
        model = service_model(self._registry.load(version), service, self._tick_s)
        self._answers[service, version] = model
        return model

    def __call__(self, service: str, version: str) -> ServiceModel | None:
        if (service, version) not in self._answers:
            try:
                self.checked(service, version)
                _log.info("%s: %s is taken up from its time on", service, version)
            except ModelRefused as ex:
                _log.warning("%s: a model is refused: %s", service, ex)
                self._refused(service)
                self._answers[service, version] = None
        return self._answers[service, version]


def service_model(stored: StoredModel, service: str, tick_s: int) -> ServiceModel:
    """Return the model that a flow of this tick scores the service's resources with.

    Raises: ModelRefused saying what does not fit.
    """
    arrays = dict(stored.arrays)
    tails = arrays.pop(TAILS, np.zeros(0)).astype(np.float64)
    shape = (len(DETECTORS), calibration.WIDTH)
    if tails.ndim == 2 and len(tails) < len(DETECTORS):  # of a release with fewer detectors
        tails = np.pad(tails, ((0, len(DETECTORS) - len(tails)), (0, 0)))
    own_tick = stored.settings.get("tick_s", tick_s)
    where = f"model {stored.version}: "
    if stored.service != service:
        raise ModelRefused(f"{where}must be of {service!r}, got {stored.service!r}")
    if own_tick != tick_s:
        raise ModelRefused(f"{where}must be of ticks of {tick_s} s, got {own_tick!r}")
    if stored.features != names_of(name.rpartition(":")[0] for name in stored.features):
        views = ", ".join(VIEW_NAMES)
        raise ModelRefused(f"{where}features must be {views} of each metric, by name")
    if tails.shape != shape or not np.isfinite(tails).all() or (tails < 0).any():
        raise ModelRefused(f"{where}{TAILS} must be finite, >= 0 and {shape}, got {tails.shape}")
    try:
        forest = from_arrays(arrays)
    except ValueError as ex:
        raise ModelRefused(f"{where}{ex}") from ex
    if forest.features != len(stored.features):
        raise ModelRefused(
            f"{where}the forest must be of its {len(stored.features)} features, "
            f"got {forest.features}"
        )
    return ServiceModel(stored.version, stored.features, forest, tails)


def names_of(metrics: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the feature columns of metrics, each once, sorted."""
    return tuple(f"{metric}:{view}" for metric in sorted(set(metrics)) for view in VIEW_NAMES)


def stored_model(
    trained: Trained, settings: Mapping[str, Setting], figures: Mapping[str, float]
) -> StoredModel:
    """Return what is registered of a trained forest; it serves from the end of its data on."""
    return StoredModel(
        service=trained.service,
        features=trained.names,
        arrays={**to_arrays(trained.forest), TAILS: trained.tails, HELD_ROWS: trained.judged},
        data_from_ms=trained.from_ms,
        data_to_ms=trained.until_ms,
        effective_from_ms=trained.until_ms,
        settings=settings,
        figures=figures,
    )
