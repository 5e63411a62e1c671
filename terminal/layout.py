"""Where things stand, by the size of the terminal."""

from typing import Literal

Arrangement = Literal["one", "below", "beside", "dash"]
BESIDE_WIDTH, BELOW_HEIGHT, DASH_HEIGHT = 150, 32, 46
ROOMY_HEIGHT = 18  # from here on there is room for pipeline and clouds

CSS = """
Screen { layout: vertical; background: ansi_default; color: ansi_default; }
Bar { height: 1; width: 1fr; background: ansi_default; overflow: hidden; }
Pane { background: ansi_default; scrollbar-size: 0 0; overflow-x: hidden; overflow-y: auto; }
#estate { height: 1; }
#banner, #prompt, #glance, #rule { display: none; }
#body { height: 1fr; layout: vertical; }
#list { height: 1fr; width: 1fr; }
#detail { display: none; height: 1fr; width: 1fr; }
#prompt { height: 1; border: none; padding: 0; background: ansi_default; color: ansi_default; }
#prompt:focus { border: none; background-tint: ansi_default 0%; }
.-reading #list { display: none; }
.-reading #detail { display: block; }
.-below #detail, .-beside #detail, .-dash #detail { display: block; }
.-below #list { height: 2fr; }
.-below #detail { height: 3fr; }
.-below #rule { display: block; }
.-beside #body, .-dash #body { layout: horizontal; }
.-beside #detail, .-dash #detail { padding-left: 2; }
.-dash #glance { display: block; layout: horizontal; height: 12; }
.-dash #glance Listing { width: 1fr; padding-right: 2; }
.-away #banner { display: block; }
.-asking #prompt { display: block; }
.-asking #keys { display: none; }
.-flat #estate { display: none; }
"""


def arrangement(width: int, height: int) -> Arrangement:
    """Return how a terminal of this size is used.

    >>> arrangement(80, 24), arrangement(120, 40), arrangement(160, 40), arrangement(200, 60)
    ('one', 'below', 'beside', 'dash')
    """
    if width >= BESIDE_WIDTH:
        return "dash" if height >= DASH_HEIGHT else "beside"
    return "below" if height >= BELOW_HEIGHT else "one"
