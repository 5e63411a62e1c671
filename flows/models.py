"""Between the registry's arrays and the models that the flow scores with."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from connectors.model_files import ModelRefused, Setting, StoredModel
from connectors.model_registry import Registry
from models import calibration
from models.flat_forest import from_arrays, to_arrays
from models.fusion import DETECTORS
from operators.forests import ServiceModel
from operators.training import Trained

_TAILS = "tails"


def service_models(folder: str | None) -> dict[str, ServiceModel]:
    """Return the active model of each service in the registry at `folder`; {} for None.

    Raises: ModelRefused naming the version that is damaged or does not fit this release.
    """
    if folder is None:
        return {}
    registry = Registry(Path(folder))
    services = sorted({entry.service for entry in registry.list() if entry.state == "active"})
    active = {service: registry.active(service) for service in services}
    return {service: _model(stored) for service, stored in active.items() if stored is not None}


def _model(stored: StoredModel) -> ServiceModel:
    arrays = dict(stored.arrays)
    tails = arrays.pop(_TAILS, np.zeros(0))
    if tails.shape != (len(DETECTORS), calibration.WIDTH) or not np.isfinite(tails).all():
        raise ModelRefused(
            f"model {stored.version}: {_TAILS} must be finite and "
            f"{(len(DETECTORS), calibration.WIDTH)}, got {tails.shape}"
        )
    try:
        forest = from_arrays(arrays)
    except ValueError as ex:
        raise ModelRefused(f"model {stored.version}: {ex}") from ex
    if forest.features != len(stored.features):
        raise ModelRefused(
            f"model {stored.version}: the forest must be of its {len(stored.features)} features, "
            f"got {forest.features}"
        )
    effective_ms = stored.effective_from_ms
    return ServiceModel(
        stored.version,
        stored.data_to_ms if effective_ms is None else effective_ms,
        stored.features,
        forest,
        tails.astype(np.float64),
    )


def stored_model(
    trained: Trained, settings: Mapping[str, Setting], figures: Mapping[str, float]
) -> StoredModel:
    """Return what is registered of a trained forest; it serves from the end of its data on."""
    return StoredModel(
        service=trained.service,
        features=trained.names,
        arrays={**to_arrays(trained.forest), _TAILS: trained.tails},
        data_from_ms=trained.from_ms,
        data_to_ms=trained.until_ms,
        effective_from_ms=trained.until_ms,
        settings=settings,
        figures=figures,
    )
