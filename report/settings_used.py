"""The settings of a run as a report shows them: what decides the outcome, and no secrets."""

import msgspec

from config.app import App
from config.loader import Document
from config.masking import masked_yaml

# the others say where data comes from and goes to, which may name secrets of the environment
SECTIONS = ("ingest", "decode", "catalogue", "detect", "drift", "triage")


class Change(msgspec.Struct, frozen=True):
    """A setting that is not its default."""

    key: str  # dotted
    value: str
    default: str


def settings_yaml(app: App) -> str:
    """Return the sections that decide the outcome, defaults included."""
    return masked_yaml({name: getattr(app, name) for name in SECTIONS}, Document({}, ()))


def changes(app: App, usual: App | None = None) -> tuple[Change, ...]:
    """Return what differs from the defaults, or from those of another run."""
    usual = usual or App(sources=app.sources)
    found: list[Change] = []
    for name in SECTIONS:
        mine, default = (
            msgspec.to_builtins(getattr(each, name), enc_hook=str) for each in (app, usual)
        )
        _compare(name, mine, default, found)
    return tuple(found)


def _compare(key: str, mine: object, default: object, into: list[Change]) -> None:
    if mine == default:
        return
    if isinstance(mine, dict) and isinstance(default, dict):
        for name in {**mine, **default}:
            _compare(f"{key}.{name}", mine.get(name), default.get(name), into)
        return
    into.append(Change(key, _shown(mine), _shown(default)))


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:199]}…"
