"""What the detect flow's state depends on, to be compared at every start."""

from importlib.metadata import PackageNotFoundError, version

import msgspec

from config.app import App
from connectors.control_partition import Held
from connectors.partition import Standing
from connectors.recovery_manifest import Plain, Shape
from flows.detect import FLOW_ID
from operators.control_stage import ControlState
from operators.drift import DriftState
from operators.ingest import IngestState
from operators.keygroup_state import GroupState
from operators.triage import TriageState

_STATES: dict[str, type[msgspec.Struct]] = {
    "place of a partition": Standing,
    "time of a partition": IngestState,
    "place in the control log": Held,
    "commands": ControlState,
    "key groups": GroupState,
    "drift": DriftState,
    "triage": TriageState,
}
_SHAPING = (  # what changes with any other setting holds from the restart on
    "ingest.groups",
    "ingest.tick_s",
    "detect.isolation_forest.trees",  # forests are grown again from the rows they came from
    "detect.isolation_forest.max_samples",
    "detect.isolation_forest.seed",
    "detect.isolation_forest.reservoir_rows",
    "detect.half_space_trees.trees",
    "detect.half_space_trees.height",
    "detect.half_space_trees.window",
    "detect.half_space_trees.seed",
    "drift.pulse_s",  # pulses that wait are of its length
)


def shape_of(app: App) -> Shape:
    """Return what the state of a flow of these settings, by this program, depends on."""
    return Shape(
        FLOW_ID,
        _release(),
        {name: str(kind.__struct_config__.tag) for name, kind in _STATES.items()},
        {name: _setting(app, name) for name in _SHAPING},
    )


def _setting(app: App, name: str) -> Plain:
    value: object = app
    for key in name.split("."):
        value = getattr(value, key)
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"{name} must be a plain value, got {value!r}")
    return value


def _release() -> str:
    try:
        return version("foreshock")
    except PackageNotFoundError:
        return "unreleased"
