"""What a pipeline announces of its deploys: one JSON object a line."""

import logging
from collections.abc import Sequence

import msgspec

from schema import Deploy, Matcher

logger = logging.getLogger(__name__)

PLACES = ("cloud", "account", "region", "service")


class _Line(msgspec.Struct):
    """A deploy, on one resource or on all that are alike in what is named; more is ignored."""

    id: str
    ts_ms: int
    version: str = ""
    resource: str = ""
    application: str = ""
    cloud: str = ""
    account: str = ""
    region: str = ""
    service: str = ""
    actor: str = ""
    reason: str = ""


_decoder = msgspec.json.Decoder(_Line)


def read_deploys(data: bytes, name: str) -> list[Deploy]:
    """Return the deploys, by time; one that changed several resources is one for each.

    A line that names its resource goes by that and by where it is; else by its application, too.
    Raises: ValueError with `name` and the number of the first line that says no deploy.
    """
    found: dict[tuple[int, str], Deploy] = {}
    for number, text in enumerate(data.splitlines(), 1):
        if not text.strip():
            continue
        try:
            deploy = _deploy(_decoder.decode(text))
        except ValueError as ex:
            raise ValueError(f"{name}:{number}: {ex}") from ex
        found[deploy.effective_ms, deploy.id] = deploy
    return [found[key] for key in sorted(found)]


def heard(data: bytes, name: str, before: int = 0) -> list[Deploy]:
    """Return the deploys of lines that a flow reads by itself, by time; `before` are lines before.

    What says no deploy is told in the log of the program, and holds nothing up.
    """
    found: list[Deploy] = []
    for number, text in enumerate(data.splitlines(), before + 1):
        try:
            found += [_deploy(_decoder.decode(text))] if text.strip() else []
        except (ValueError, RecursionError) as ex:
            logger.warning("%s:%d: no deploy: %s", name, number, ex)
    return sorted(found, key=lambda deploy: (deploy.effective_ms, deploy.id))


def in_time(deploy: Deploy, soonest_ms: int) -> Deploy:
    """Return the deploy as a flow can still take it up; it keeps when it was."""
    if soonest_ms <= deploy.effective_ms:
        return deploy
    return msgspec.structs.replace(deploy, effective_ms=soonest_ms, at_ms=deploy.effective_ms)


def _deploy(line: _Line) -> Deploy:
    kinds: Sequence[str] = ("resource",) if line.resource else ("application",)
    named = [(kind, getattr(line, kind)) for kind in (*kinds, *PLACES)]
    matchers = tuple(Matcher(kind, "=", value) for kind, value in named if value)
    if not line.id:
        raise ValueError("id must name the deploy, got ''")
    if not matchers:
        raise ValueError("a deploy must say what it changed: resource, application or a place")
    known = f"{line.id}:{line.resource}" if line.resource else line.id
    return Deploy(known, line.ts_ms, line.version, matchers, line.actor, line.reason)
