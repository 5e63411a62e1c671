"""`create_detector`: any detector by its name, with settings that are checked.

>>> detector = create_detector("rules", {"thresholds": [{"above": 90.0}]})
>>> detector.score(50.0), detector.score(95.0)
(0.0, 1.0)
>>> create_detector("statistical", {"z_excess": -1})
Traceback (most recent call last):
ValueError: settings of 'statistical': z_excess must be in (0, 1e9], got -1.0
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from models.contract import Detector, opened
from models.forest_detectors import HalfSpaces, IsolationForest
from models.series_detectors import Discord, Forecast, Rules, Statistical, Temporal

__all__ = ["DETECTORS", "AnyDetector", "Detector", "create_detector", "load_detector"]

AnyDetector: TypeAlias = Detector[Any]

DETECTORS: dict[str, type[AnyDetector]] = {
    kind.name: kind
    for kind in (Statistical, Temporal, IsolationForest, HalfSpaces, Rules, Discord, Forecast)
}


def create_detector(
    name: str, settings: msgspec.Struct | Mapping[str, object] | None = None, tick_s: float = 60.0
) -> AnyDetector:
    """Return a detector that has learned nothing.

    `settings` is the detector's own struct or a mapping of its fields, None its defaults; `tick_s`
    are the seconds between two ticks.

    Raises:
        ValueError: no such detector, or settings that are not of this one or out of range.
    """
    kind = _kind(name)
    if isinstance(settings, msgspec.Struct):
        if type(settings) is not kind.settings_type:
            raise ValueError(
                f"settings of {name!r} must be {kind.settings_type.__name__}, "
                f"got {type(settings).__name__}"
            )
        return kind(settings, tick_s)
    try:
        checked = msgspec.convert(dict(settings or {}), kind.settings_type)
    except msgspec.ValidationError as ex:
        raise ValueError(f"settings of {name!r}: {ex}") from ex
    return kind(checked, tick_s)


def load_detector(state: bytes) -> AnyDetector:
    """Return the detector that a dump is of; ValueError where it is none, or damaged."""
    return _kind(opened(state).name).load(state)


def _kind(name: str) -> type[AnyDetector]:
    if name not in DETECTORS:
        raise ValueError(f"a detector must be among {sorted(DETECTORS)}, got {name!r}")
    return DETECTORS[name]
