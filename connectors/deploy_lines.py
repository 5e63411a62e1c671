"""What a pipeline announces of its deploys: one JSON object a line."""

from collections.abc import Sequence

import msgspec

from schema import Deploy, Matcher

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


def read_deploys(data: bytes, name: str) -> list[Deploy]:
    """Return the deploys, by time; one that changed several resources is one for each.

    A line that names its resource goes by that and by where it is; else by its application, too.
    Raises: ValueError with `name` and the number of the first line that says no deploy.
    """
    decoder = msgspec.json.Decoder(_Line)
    found: dict[tuple[int, str], Deploy] = {}
    for number, text in enumerate(data.splitlines(), 1):
        if not text.strip():
            continue
        try:
            line = decoder.decode(text)
            deploy = _deploy(line)
        except (msgspec.DecodeError, ValueError) as ex:
            raise ValueError(f"{name}:{number}: {ex}") from ex
        found[deploy.effective_ms, deploy.id] = deploy
    return [found[key] for key in sorted(found)]


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
