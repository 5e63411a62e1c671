"""Messages of one incident, as notification makes them."""

import msgspec

from connectors.channels.channel import Message
from flows.rendering import Renderer
from schema import Kind, Notice, Suspect
from tests.connectors.made_transitions import INCIDENT, OPENED, RESOURCE

HOSTILE = '<!channel> <script>alert(1)</script> *x* [y](http://evil) "\u2028'


def message(kind: Kind = "trigger", receipt: str = "", name: str = "orders-db") -> Message:
    resource = msgspec.structs.replace(RESOURCE, name=name)
    suspect = Suspect(resource, 0.9, f"`latency` of `{name}` rose before every other")
    state = "resolved" if kind == "resolve" else "open"
    incident = msgspec.structs.replace(
        INCIDENT, suspects=(suspect,), state=state, title=f"latency of {name} rose"
    )
    said = msgspec.structs.replace(OPENED, incident=incident)
    notice = Notice("inc-1", 1, "page", kind, "transition:1", OPENED.ts_ms, "it is CRITICAL")
    return Renderer("https://foreshock.example/incidents/{id}").render(notice, said, receipt)


def digest(count: int = 3) -> Message:
    about = tuple(f"inc-{i}" for i in range(count))
    notice = Notice("", 0, "page", "digest", "digest:1", OPENED.ts_ms, "many", about=about)
    return Renderer().render(notice, None)
