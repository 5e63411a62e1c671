"""The models that a review begins with, and which of those in the registry are to be run."""

from collections.abc import Sequence

from models.incident_detectors import create_incident_detector
from schema import ModelRecord

# As the detectors come, but for what a column's own deviation may be at least: features are
# deviations already, and a calm past does not make a small one large.
SHIPPED = (
    ModelRecord("statistical", 1, "statistical", {"least_spread": 1.0, "robust": True}),
    ModelRecord("isolation_forest", 1, "isolation_forest", {}),
    ModelRecord("temporal", 1, "temporal", {"least_spread": 1.0}),
)


def chosen(models: Sequence[ModelRecord], wanted: str | None) -> list[ModelRecord]:
    """Return the model of an id, active or not; all that are active where none is named.

    A name without a version is its newest one.
    Raises: ValueError where there is none.
    """
    if wanted is None:
        found = [each for each in models if each.active]
        if not found:
            raise ValueError("no model is active: name one, or make one active")
        return found
    known = [each for each in models if wanted in (each.id, each.name)]
    if not known:
        names = ", ".join(each.id for each in models)
        raise ValueError(f"a model must be one of {names}, got {wanted!r}")
    return [max(known, key=lambda each: each.version)]


def next_version(models: Sequence[ModelRecord], name: str, new: ModelRecord) -> ModelRecord:
    """Return a model as the next version of its name.

    Raises: ValueError for an unknown algorithm, or parameters that are not its own.
    """
    create_incident_detector(new.algorithm, new.parameters)
    last = max((each.version for each in models if each.name == name), default=0)
    return ModelRecord(name, last + 1, new.algorithm, new.parameters, new.active)
