"""The folder of a replay that can be gone on with, and whose it is."""

import hashlib
from pathlib import Path

import msgspec

from config.app import App
from connectors.kafka_settings import KafkaSource, masked

PLAN = "plan.json"

_OURS = frozenset(("recovery", "intake", "control_log"))  # the folder's, or no matter

Plan = dict[str, str]  # what was asked for, section by section: a digest, as it may hold secrets


def plan_of(app: App, **more: object) -> Plan:
    """Return what must be the same for a run to go on where another stood.

    Raises: ValueError for a topic whose end is where it ends now: another run would find another.
    """
    for source in app.sources:
        if isinstance(source, KafkaSource) and source.end in {"now", "never"}:
            raise ValueError(
                "end must be a time, so that a resumed run ends where the first one would have, "
                f"got {source.end!r}"
            )
    sections = {**msgspec.structs.asdict(app), **more}
    return {name: _digest(value) for name, value in sections.items() if name not in _OURS}


def is_begun(folder: Path, plan: Plan) -> bool:
    """Whether the folder is of a run of this plan; False: it is empty, or not there.

    Raises: ValueError if it is of another plan, or of something else.
    """
    file = folder / PLAN
    if not file.exists():
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder}: must be new, empty, or of a backtest that was stopped")
        return False
    try:
        known = msgspec.json.decode(file.read_bytes(), type=Plan)
    except msgspec.DecodeError as ex:
        raise ValueError(f"{file}: must be of a backtest: {ex}") from ex
    differing = sorted(name for name in plan | known if plan.get(name) != known.get(name))
    if differing:
        raise ValueError(
            f"{folder}: must be of a backtest with the same settings, "
            f"{', '.join(differing)} differ: take another folder"
        )
    return True


def begin(folder: Path, plan: Plan) -> None:
    """Write down whose folder it is, once everything else that a run needs is in it."""
    fresh = folder / f"{PLAN}.new"
    fresh.write_bytes(msgspec.json.encode(plan))
    fresh.replace(folder / PLAN)


def _digest(value: object) -> str:
    if isinstance(value, tuple):
        value = [
            msgspec.structs.replace(each, properties=masked(each.properties))
            if isinstance(each, KafkaSource)
            else each
            for each in value
        ]
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:16]
